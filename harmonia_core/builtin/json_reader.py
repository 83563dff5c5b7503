"""Definition format `json`: strict JSON, with duplicate keys and numbers that JSON lacks refused.

Python's parser keeps no positions. JSON is YAML, so the YAML parser is asked for
them, and only when somebody looks for one.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from harmonia_core.builtin.text_positions import TextPositions
from harmonia_core.builtin.yaml_nodes import is_collection
from harmonia_core.builtin.yaml_reader import MAX_DIGITS, MAX_TEXT
from harmonia_core.contracts.definition_format import ParsedDocument, Pointer
from harmonia_core.errors import Problem
from harmonia_core.model.pointer import path_text


def read_json(text: str, source: str) -> ParsedDocument:
    """Read one JSON document; duplicate keys and impossible numbers are noted, the rest is read on."""
    if len(text) > MAX_TEXT:
        return _unreadable("text-too-large", f"{source} is longer than {MAX_TEXT} characters")
    faults = _Faults()
    try:
        data = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=faults.pairs,
            parse_constant=faults.constant,
            parse_float=faults.float,
            parse_int=faults.int,
        )
    except json.JSONDecodeError as error:
        problem = Problem("json-syntax", "", error.msg, error.lineno, error.colno)
        return ParsedDocument(None, problems=(problem,))
    except RecursionError:
        return _unreadable("too-deep", f"{source} is nested too deeply")
    positions = TextPositions(text)
    problems = [*faults.problems, *(_duplicated(positions) if faults.duplicates else ())]
    return ParsedDocument(data, positions, tuple(problems))


def _unreadable(code: str, message: str) -> ParsedDocument:
    return ParsedDocument(None, problems=(Problem(code, "", message),))


class _Faults:
    """Hooks of the JSON parser that note what it would accept and JSON does not know."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.duplicates = False

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(reversed(pairs))
        if len(made) != len(pairs):
            self.duplicates = True
        return {key: made[key] for key, _ in pairs}

    def constant(self, text: str) -> None:
        self.problems.append(Problem("number-not-json", "", f"JSON has no number {text}"))

    def float(self, text: str) -> float | None:
        number = float(text)
        if math.isfinite(number):
            return number
        self.constant(text)
        return None

    def int(self, text: str) -> int | None:
        if len(text) <= MAX_DIGITS:
            return int(text)
        self.constant(f"of {len(text)} digits")
        return None


def _duplicated(positions: TextPositions) -> Iterator[Problem]:
    """Yield a problem for each key that stands twice in its object; one without place at least."""
    if positions.root is None:
        yield Problem("duplicate-key", "", "a key stands twice in the same object")
    else:
        yield from _duplicates(positions.root, ())


def _duplicates(node: Any, pointer: Pointer) -> Iterator[Problem]:
    if node.id == "sequence":
        for position, item in enumerate(node.value):
            yield from _duplicates(item, (*pointer, position))
    elif is_collection(node):
        seen: set[str] = set()
        for key, value in node.value:
            place = (*pointer, key.value)
            if key.value in seen:
                mark, message = key.start_mark, f"the key {key.value!r} stands twice in the same object"
                yield Problem("duplicate-key", path_text(place), message, mark.line + 1, mark.column + 1)
            seen.add(key.value)
            yield from _duplicates(value, place)
