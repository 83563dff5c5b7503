"""The mocks of one test, and which of them answers for a task. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from harmonia_core.testing.answers import Answer, InTurn
from harmonia_core.testing.refusals import TargetInvalid
from harmonia_core.testing.targets import Target, read_target

TYPE = 1
AROUND = ("map", "try")
"""Types that are no work themselves: what is aimed at them stands for what they carry out."""


class Mock:
    """Hold what answers for the tasks of one target. inputs: what they were given, secrets filled in.

    used: whether any task came to it.
    """

    def __init__(
        self, target: Target | None, type: str | None, answers: Sequence[Answer], unused_ok: bool
    ) -> None:
        self.target, self.type, self.unused_ok = target, type, unused_ok
        self.inputs: list[Any] = []
        self.used = False
        self._answers = tuple(answers) or (None,)
        self._calls: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"mock_type({self.type!r})" if self.target is None else f"mock({self.target.text!r})"

    def rank(self, paths: Iterable[str], type: str) -> int:
        """Return how exactly this names a task, 0 for not at all."""
        return (TYPE if type == self.type else 0) if self.target is None else self.target.rank(paths)

    def may_name(self, places: Iterable[str], type: str) -> bool:
        """Tell whether this can name a task that stands at one of these places of the definition."""
        return type == self.type if self.target is None else self.target.may_name(places)

    def answer(self, attempt: int) -> Answer:
        """Return the answer to an attempt, from 1; the last one stands for all behind it."""
        found = self._answers[min(attempt, len(self._answers)) - 1]
        while isinstance(found, InTurn):
            call = self._calls.get(id(found), 0)
            self._calls[id(found)] = call + 1
            found = found.at(call)
        return found

    def begin(self) -> None:
        """Forget which answer of `in_turn` is next: another execution begins."""
        self._calls.clear()


class Mocks:
    """Hold the mocks of a test in the order in which they were given."""

    def __init__(self) -> None:
        self.all: list[Mock] = []

    def add(self, target: str, answers: Sequence[Answer], unused_ok: bool) -> Mock:
        """Let answers stand for what a target names; raise TargetInvalid."""
        return self._add(Mock(read_target(target), None, answers, unused_ok))

    def add_type(self, name: str, answers: Sequence[Answer], unused_ok: bool) -> Mock:
        """Let answers stand for every task of a type; raise TargetInvalid."""
        if name in AROUND:
            raise TargetInvalid(
                f"Tasks of type {name!r} are no work themselves; mock the type of what they carry out."
            )
        return self._add(Mock(None, name, answers, unused_ok))

    def _add(self, mock: Mock) -> Mock:
        """Take a mock; one that names the same is replaced."""
        self.all = [one for one in self.all if repr(one) != repr(mock)]
        self.all.append(mock)
        return mock

    def find(self, paths: Sequence[str], type: str) -> Mock | None:
        """Return the mock that names a task most exactly; among equals the one that was given last."""
        best, found = 0, None
        for mock in self.all:
            rank = mock.rank(paths, type)
            if rank and rank >= best:
                best, found = rank, mock
        return found

    def may_name(self, places: Sequence[str], type: str) -> bool:
        """Tell whether any mock can name a task that stands at one of these places."""
        return any(mock.may_name(places, type) for mock in self.all)
