"""Secrets that were handed out, kept out of everything an attempt says. Pure.

Known forms are the value itself, its URL-, JSON- and base64-encoded forms (base64 in its
three alignments, both alphabets), how Python quotes it, and the lines of a value of several. A task that
transforms a secret otherwise, or cuts it up, cannot be followed.
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, AnyStr, Generic
from urllib.parse import quote, quote_plus

from harmonia_core.model.outcomes import ErrorInfo

MASK = "***"
SHORTEST = 4
"""Characters that a secret must have: a shorter one would be found everywhere."""
_SHORTEST_LINE = 8


class Masker:
    """Replace every known form of some secrets by `***`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        values = frozenset(secrets)
        forms = {form for value in values for form in forms_of(value)}
        self.needles = tuple(sorted(forms, key=len, reverse=True))
        self._values = values

    def joined(self, secrets: Iterable[str]) -> "Masker":
        """Return what masks more secrets beside these."""
        return Masker(self._values.union(secrets))

    def text(self, text: str) -> str:
        """Return the text without the secrets; the very same object if there were none."""
        spans = merged_spans(text, self.needles)
        if not spans:
            return text
        shown: list[str] = []
        position = 0
        for start, end in spans:
            shown += (text[position:start], MASK)
            position = end
        return "".join((*shown, text[position:]))

    def json(self, value: Any) -> Any:
        """Return a JSON value without the secrets; the very same object if there were none.

        A number is masked only if it is a secret as a whole.
        """
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is dict:
            pairs = [(self.text(key), self.json(item)) for key, item in value.items()]
            same = all(a is c and b is d for (a, b), (c, d) in zip(pairs, value.items(), strict=True))
            return value if same else dict(pairs)
        if kind is list:
            items = [self.json(item) for item in value]
            return value if all(a is b for a, b in zip(items, value, strict=True)) else items
        if (kind is int or kind is float) and str(value) in self._values:
            return MASK
        return value

    def error(self, error: ErrorInfo) -> ErrorInfo:
        """Return the error without the secrets."""
        return replace(
            error,
            code=self.text(error.code),
            message=self.text(error.message),
            details=self.json(error.details),
            cause=error.cause and self.text(error.cause),
            traceback=error.traceback and self.text(error.traceback),
            kind=error.kind and self.text(error.kind),
        )

    def text_stream(self) -> "StreamMasker[str]":
        """Return what masks a text that comes in pieces."""
        return StreamMasker(self.needles, MASK)

    def byte_stream(self) -> "StreamMasker[bytes]":
        """Return what masks UTF-8 bytes that come in pieces."""
        return StreamMasker(tuple(needle.encode() for needle in self.needles), MASK.encode())


class StreamMasker(Generic[AnyStr]):
    """Mask a stream: what may be the beginning of a secret is held back until it is known."""

    def __init__(self, needles: tuple[AnyStr, ...], mask: AnyStr) -> None:
        self._needles: tuple[AnyStr, ...] = needles
        self._mask: AnyStr = mask
        self._held: AnyStr = mask[:0]
        self._covered = 0
        self._starts: dict[AnyStr, list[AnyStr]] = {}
        for needle in needles:
            self._starts.setdefault(needle[:1], []).append(needle)
        self._longest = max(map(len, needles), default=1)

    def feed(self, piece: AnyStr) -> AnyStr:
        """Take a piece; return what can be shown by now."""
        return self._emit(self._held + piece, final=False)

    def flush(self) -> AnyStr:
        """Return the rest: the stream has ended."""
        return self._emit(self._held, final=True)

    def _emit(self, text: AnyStr, final: bool) -> AnyStr:
        # The first `covered` characters of what was held are masked already.
        cut = len(text) if final else self._held_from(text)
        shown: list[AnyStr] = []
        position = self._covered
        for start, end in merged_spans(text, self._needles):
            if start >= cut:
                break
            if start >= position:
                shown += (text[position:start], self._mask)
            position = max(position, end)
        shown.append(text[position:cut])
        self._held, self._covered = text[cut:], max(0, position - cut)
        return self._mask[:0].join(shown)

    def _held_from(self, text: AnyStr) -> int:
        size = len(text)
        for start in range(max(0, size - self._longest + 1), size):
            for needle in self._starts.get(text[start : start + 1], ()):
                if needle.startswith(text[start:]):
                    return start
        return size


def forms_of(secret: str) -> set[str]:
    """Return every form of a secret that is recognised."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {secret, quote(raw, safe=""), quote(raw), quote_plus(raw)}
    forms |= {form.replace("%", "%25") for form in forms if "%" in form}
    for ascii_only in (True, False):
        forms.add(json.dumps(secret, ensure_ascii=ascii_only)[1:-1])
    forms |= {repr(secret)[1:-1], repr(raw)[2:-1]}
    for shift in range(3):
        forms |= _base64_forms(raw, shift)
    if "\n" in secret:
        forms |= {line for part in secret.splitlines() if len(line := part.strip()) >= _SHORTEST_LINE}
    return forms


def _base64_forms(raw: bytes, shift: int) -> set[str]:
    """Return the digits that depend on nothing but the secret, after `shift` unknown bytes."""
    digits = b64encode(bytes(shift) + raw).decode()
    core = digits[-(-8 * shift // 6) : 8 * (shift + len(raw)) // 6]
    whole = {digits, digits.rstrip("=")} if shift == 0 else set()
    standard = {core} | whole
    return standard | {form.replace("+", "-").replace("/", "_") for form in standard}


def merged_spans(text: AnyStr, needles: Iterable[AnyStr]) -> list[tuple[int, int]]:
    """Return where needles stand, in order, those that overlap as one."""
    found: list[tuple[int, int]] = []
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            found.append((at, at + len(needle)))
            at = text.find(needle, at + 1)
    if len(found) < 2:
        return found
    found.sort()
    merged = [found[0]]
    for start, end in found:
        if start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
