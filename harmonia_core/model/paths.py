"""Paths: the plain form of an expression (`tasks.fetch.output.items[0].url`). Pure.

A path has a root and steps; it is compared, stored and read in its normal form, in
which the short form `tasks.fetch.count` stands as `tasks.fetch.output.count`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""Any value that JSON can hold, as `json.loads` returns it."""

Step: TypeAlias = str | int

ROOTS = (
    *("input", "vars", "params", "tasks", "item", "index", "result", "output", "cursor", "error", "context"),
    *("env", "secrets"),
)
TASK_FIELDS = frozenset(("output", "status", "error", "attempts"))
LITERALS = frozenset(("true", "false", "null"))

_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_DOUBLE = r'"(?:[^"\\]|\\.)*"'
_SINGLE = r"'(?:[^'\\]|\\.)*'"
_STEP = re.compile(rf"\.(?P<name>{_NAME})|\[(?:(?P<index>-?[0-9]{{1,9}})|(?P<key>{_DOUBLE}|{_SINGLE}))\]")
_ROOT = re.compile(_NAME)


@dataclass(frozen=True, slots=True)
class Path:
    """Name one place in the data of an execution, in normal form.

    steps: keys as text, list positions as numbers (0 is the first, never negative).
    """

    root: str
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return write_steps(self.root, self.steps)

    def starts_with(self, other: "Path") -> bool:
        """Tell whether this path is `other` or lies below it."""
        return self.root == other.root and self.steps[: len(other.steps)] == other.steps


def write_steps(root: str, steps: Iterable[Step]) -> str:
    """Write steps after a root: names with dots, positions and other keys in brackets."""
    text = root
    for step in steps:
        if isinstance(step, str) and _ROOT.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step if isinstance(step, int) else json.dumps(step)}]"
    return text


@lru_cache(maxsize=1024)
def read_path(text: str) -> Path | None:
    """Return the path that `text` writes whole, in normal form; None if it is no path.

    Neither the root nor the meaning of the steps is checked here; see `model.expression`.
    """
    start = _ROOT.match(text)
    if start is None or text in LITERALS:
        return None
    steps: list[Step] = []
    place = start.end()
    while place < len(text):
        match = _STEP.match(text, place)
        step = None if match is None else _step(match)
        if match is None or step is None:
            return None
        steps.append(step)
        place = match.end()
    return normalise(start.group(), steps)


def normalise(root: str, steps: Iterable[Step]) -> Path:
    """Return the path in normal form: the short form of a task's output is written out."""
    steps = tuple(steps)
    if root == "tasks" and len(steps) > 1 and steps[1] not in TASK_FIELDS:
        steps = (steps[0], "output", *steps[1:])
    return Path(root, steps)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, or None if none is near."""
    import difflib  # only needed when something is wrong

    return next(iter(difflib.get_close_matches(name, list(known), 1)), None)


def _step(match: re.Match[str]) -> Step | None:
    name, index, key = match.group("name", "index", "key")
    if name is not None:
        return str(name)
    return int(index) if index is not None else unquote(key)


def unquote(text: str) -> str | None:
    """Return the text inside a quoted key, escapes as in JSON; None if it is malformed."""
    body = text[1:-1]
    if text[0] == "'":
        body = re.sub(r"\\'|\\.|\"", _requote, body)
    try:
        return str(json.loads(f'"{body}"'))
    except ValueError:
        return None


def _requote(match: re.Match[str]) -> str:
    found = match.group()
    return {"\\'": "'", '"': '\\"'}.get(found, found)
