"""Addresses of tasks: `book/items[17]/charge`. Pure.

Ids are joined by `/`. A number behind an id is the item of a map, then the iteration of a
scope whose tasks may be carried out again: `tries[2]/call`, `rows[17][2]/call`.
"""

from functools import lru_cache
from typing import NamedTuple


class Part(NamedTuple):
    """Hold one level of an address. numbers: item, then iteration, as far as there are such."""

    name: str
    numbers: tuple[int, ...]


@lru_cache(maxsize=4096)
def read_address(path: str) -> tuple[Part, ...]:
    """Return the levels of an address, outermost first; raise ValueError for brackets without a number."""
    return tuple(map(_part, path.split("/")))


def _part(text: str) -> Part:
    name, bracket, numbers = text.partition("[")
    if not bracket:
        return Part(name, ())
    if numbers[-1:] != "]":
        raise ValueError(f"{text!r} is no part of an address")
    return Part(name, tuple(int(number) for number in numbers[:-1].split("][")))


UNDO = "~undo"
"""What the path of an undo ends with, behind that of the task that it undoes; no id has it."""


def undone_by(path: str) -> str | None:
    """Return the path of the task that an undo undoes; None for the path of anything else."""
    return path[: -len(UNDO)] if path.endswith(UNDO) else None


def split_item(path: str) -> tuple[str, int | None]:
    """Return a path as (path, item index or None): `items[17]` gives (`items`, 17)."""
    if path[-1:] == "]":
        cut = path.rindex("[")
        return path[:cut], int(path[cut + 1 : -1])
    return path, None


def covers(outer: str, path: str) -> bool:
    """Tell whether a path is that of a task, or of something that lies in it."""
    return path == outer or path.startswith((f"{outer}/", f"{outer}["))


def heads(path: str) -> tuple[tuple[str, str], ...]:
    """Return every task and item that a path leads through or to, outermost first, with what lies behind it.

    `a[3]/b` gives (`a`, `[3]/b`), (`a[3]`, `/b`) and (`a[3]/b`, ``).
    """
    cuts = [place for place, letter in enumerate(path) if letter == "/" or (place and letter == "[")]
    return tuple((path[:cut], path[cut:]) for cut in (*cuts, len(path)))
