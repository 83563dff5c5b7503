"""Decide which ended executions go: rules against finished executions, oldest end first. Pure.

The first rule whose selector matches decides about an execution; without one it is kept
for ever. Memory is bounded by the sum of `keep_last`, however many executions there are.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic_core import from_json

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.model.retention import RetentionRule


class Doomed(NamedTuple):
    """Hold what is needed to let an execution go, and to say what went."""

    execution_id: str
    status: str
    ended_at: float
    parent_id: str | None
    root_id: str


def deciding(rules: Sequence[RetentionRule], row: ExecutionRow) -> int | None:
    """Return the place of the rule that decides about an ended execution; None keeps it for ever."""
    if row.status == "continued":
        return None
    return next((place for place, rule in enumerate(rules) if selects(rule, row)), None)


def selects(rule: RetentionRule, row: ExecutionRow) -> bool:
    """Tell whether a rule's selector matches an ended execution."""
    return (
        (not rule.status or row.status in rule.status)
        and (rule.workflow is None or rule.workflow == row.workflow)
        and (rule.namespace is None or rule.namespace == row.namespace)
        and (not rule.labels or rule.labels.items() <= from_json(row.labels).items())
    )


class Walk:
    """Follow one rule through the finished executions, from the oldest end on.

    cursor: where the next page begins, None at the beginning.
    """

    def __init__(self, rules: Sequence[RetentionRule], place: int) -> None:
        self._rules, self._place, self._rule = rules, place, rules[place]
        self._kept: deque[Doomed] = deque()
        self.cursor: str | None = None

    def __len__(self) -> int:
        """Return how many executions are remembered: never more than the rule's `keep_last`."""
        return len(self._kept)

    def before(self, now: float) -> float | None:
        """Return up to which end executions have to be looked at; None for all."""
        rule = self._rule
        return None if rule.keep_last is not None or rule.keep_for is None else now - rule.keep_for

    def take(self, rows: Iterable[ExecutionRow]) -> list[Doomed]:
        """Return which of a page (and of those before it) go because of it, oldest first."""
        going: list[Doomed] = []
        for row in rows:
            if row.ended_at is not None and deciding(self._rules, row) == self._place:
                going += self._add(
                    Doomed(row.execution_id, row.status, row.ended_at, row.parent_id, row.root_id)
                )
        return going

    def _add(self, doomed: Doomed) -> Iterator[Doomed]:
        if self._rule.keep_last is None:
            yield doomed  # only those that are old enough were asked for
            return
        self._kept.append(doomed)
        if len(self._kept) > self._rule.keep_last:
            yield self._kept.popleft()

    def overdue(self, now: float) -> list[Doomed]:
        """Return which of those remembered have become too old."""
        going = []
        if self._rule.keep_for is not None:
            limit = now - self._rule.keep_for
            while self._kept and self._kept[0].ended_at < limit:
                going.append(self._kept.popleft())
        return going

    def rewind(self) -> None:
        """Begin anew: executions may have ended behind the cursor, by another engine's clock."""
        self._kept.clear()
        self.cursor = None


def walks(rules: Sequence[RetentionRule]) -> list[Walk]:
    """Return a walk for each rule that lets anything go."""
    limited = (place for place, rule in enumerate(rules) if (rule.keep_for, rule.keep_last) != (None, None))
    return [Walk(rules, place) for place in limited]
