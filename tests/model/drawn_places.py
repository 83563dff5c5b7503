"""What an author may write at a place: which expressions have a value there, and what may fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Definition = dict[str, Any]
CODES = ("odd", "never", "busy", "lost", "halt")
"""With what a drawn task may fail; `halt` is that of the type `fail`."""


@cache
def _between(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most)


@dataclass(frozen=True)
class Here:
    """Hold what may stand at a place.

    numbers, values: expressions that have a value, a whole number or any. writable: variables that `set` may
    write. codes: with which errors what is written may fail; free: also with any other, such as a time limit.
    timed: whether something around may be cut short.
    """

    numbers: tuple[str, ...] = ("input.n",)
    values: tuple[str, ...] = ("input.list", "input.name")
    writable: tuple[str, ...] = ()
    codes: tuple[str, ...] = CODES
    free: bool = True
    depth: int = 0
    timed: bool = False

    @property
    def may_fail(self) -> bool:
        """Tell whether anything may fail here."""
        return bool(self.codes)

    def deeper(self, **changes: Any) -> "Here":
        """Return the same inside a task."""
        return replace(self, depth=self.depth + 1, **changes)

    def but(self, **changes: Any) -> "Here":
        """Return the same with changes."""
        return replace(self, **changes)

    def reading(self, numbers: Sequence[str] = (), values: Sequence[str] = ()) -> "Here":
        """Return the same, with more that can be read."""
        return replace(
            self, numbers=self._with(self.numbers, numbers), values=self._with(self.values, values)
        )

    @staticmethod
    def _with(known: tuple[str, ...], more: Sequence[str]) -> tuple[str, ...]:
        return known + tuple(one for one in more if one not in known)

    def safe(self) -> "Here":
        """Return the same where nothing may fail."""
        return replace(self, codes=(), free=False)

    def unruly(self) -> "Here":
        """Return the same where anything may fail."""
        return replace(self, codes=CODES, free=True)


class Drawing:
    """Draw decisions; each shrinks towards what stands first, and towards no."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], tasks: int) -> None:
        self._draw, self.left, self._named = draw, tasks, 0

    def one(self, of: Sequence[T]) -> T:
        """Draw one of several."""
        return of[self.number(0, len(of) - 1)]

    def number(self, least: int, most: int) -> int:
        """Draw a whole number."""
        found: int = self._draw(_between(least, most))
        return found

    def chance(self, percent: int) -> bool:
        """Draw whether; so many times in a hundred it is so."""
        return self.number(0, 99) >= 100 - percent

    def some(self, of: Sequence[T], most: int) -> list[T]:
        """Draw some of several, in their order."""
        left = most
        found = list[T]()
        for one in reversed(of):
            if left and self.chance(40):
                found, left = [one, *found], left - 1
        return found

    def name(self, letter: str = "t") -> str:
        """Return a name that nothing else has."""
        self._named += 1
        return f"{letter}{self._named}"

    def count(self, here: Here) -> str:
        """Draw an expression for a whole number."""
        plain = self.one(here.numbers)
        forms = (
            plain,
            f"{plain} + 1",
            f"{plain} % 2",
            f"({plain} > 1 ? 0 : {plain})",
            f"size(input.list) - {plain}",
        )
        return self.one(forms)

    def value(self, here: Here) -> Any:
        """Draw a value of an input: a constant, an expression, or a text with one in it."""
        if self.chance(25):
            return self.one((0, "text", [1, {"k": None}], True))
        source = self.count(here) if self.chance(50) else self.one(here.values or here.numbers)
        if here.free and self.chance(5):
            source = self.one(("input.nothing", "input.name + 1", "input.list[7]"))
        return self.one(
            (f"${{{source}}}", f"${{{source}}}", f"it is ${{{source}}}.", {"in": [f"${{{source}}}"]})
        )

    def condition(self, here: Here) -> Any:
        """Draw a condition; one that has no value only where anything may fail."""
        if here.free and self.chance(4):
            return self.one(("input.nothing > 1", "input.n"))
        states = [one for one in here.values if one.endswith(".status")]
        if states and self.chance(40):
            return f"{self.one(states)} == {self.one(('succeeded', 'failed', 'skipped'))!r}"
        return self.one(("true", "false", f"{self.count(here)} > 0", f"{self.count(here)} % 2 == 0"))


def results(id: str) -> list[str]:
    """Return what can always be read of a task that has ended."""
    return [f"tasks.{id}.output", f"tasks.{id}.status", f"tasks.{id}.attempts", f"tasks.{id}.error == null"]


def holds(tasks: Any, key: str) -> bool:
    """Tell whether a key stands anywhere in tasks, those of other workflows left out."""
    if isinstance(tasks, dict):
        return key in tasks or any(
            holds(one, key) for name, one in tasks.items() if name not in ("workflow", "input")
        )
    return isinstance(tasks, list) and any(holds(one, key) for one in tasks)
