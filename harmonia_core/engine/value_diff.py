"""What differs inside two JSON values: by place, long texts by lines. Pure."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff
from itertools import islice
from typing import Any, NamedTuple

from harmonia_core.engine.diff import same
from harmonia_core.model.codec import canonical

MOST = 1_000
"""Places that are listed; that there are more is said."""
_ALIGNED = 2_000
"""Elements of a list up to which what was put in or taken out is found; others go by position."""


class ValueChange(NamedTuple):
    """Say what differs at one place. kind: `added`, `removed`, `changed`. lines: of a long text's diff."""

    path: str
    kind: str
    before: Any
    after: Any
    lines: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the change in its public JSON shape."""
        shape = {"path": self.path, "change": self.kind, "before": self.before, "after": self.after}
        return {**shape, "lines": list(self.lines)} if self.lines else shape


def value_changes(before: Any, after: Any, path: str) -> tuple[list[ValueChange], bool]:
    """Return what differs, at most so much, and whether there is more. path: of the values."""
    found = list(islice(_value(before, after, path), MOST + 1))
    return found[:MOST], len(found) > MOST


def _value(old: Any, new: Any, path: str) -> Iterator[ValueChange]:
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _object(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list(old, new, path)
    elif isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new):
        lines = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1)
        yield ValueChange(path, "changed", old, new, tuple(islice(lines, 2, None)))
    else:
        yield ValueChange(path, "changed", old, new)


def _object(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[ValueChange]:
    for key in dict.fromkeys((*old, *new)):
        place = f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]'
        if key not in new:
            yield ValueChange(place, "removed", old[key], None)
        elif key not in old:
            yield ValueChange(place, "added", None, new[key])
        else:
            yield from _value(old[key], new[key], place)


def _list(old: list[Any], new: list[Any], path: str) -> Iterator[ValueChange]:
    """Yield what differs in a list; places are those of the newer one, of what is gone those of the older."""
    for first, last, start, stop in _blocks(old, new):
        common = min(last - first, stop - start)
        for number in range(common):
            yield from _value(old[first + number], new[start + number], f"{path}[{start + number}]")
        for number in range(first + common, last):
            yield ValueChange(f"{path}[{number}]", "removed", old[number], None)
        for number in range(start + common, stop):
            yield ValueChange(f"{path}[{number}]", "added", None, new[number])


def _blocks(old: Sequence[Any], new: Sequence[Any]) -> Iterator[tuple[int, int, int, int]]:
    if len(old) == len(new) or max(len(old), len(new)) > _ALIGNED:
        yield 0, len(old), 0, len(new)
        return
    texts = ([canonical(one) for one in old], [canonical(one) for one in new])
    for tag, *places in SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes():
        if tag != "equal":
            yield places[0], places[1], places[2], places[3]
