"""The part of a state backend's contract that keeps what attempts said: log lines and progress.

Activity is not history. No transition depends on it, a crash may lose the last of it, and it
goes with its execution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harmonia_core.contracts.rows import ActivityRow


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """Select what attempts of one execution said, ascending by position.

    after: only positions greater than this.
    path: only this task and what is inside it: its items, the tasks of its scope.
    levels: only log lines of these levels; empty for everything, progress included.
    newest: the last `limit` of what is selected instead of the first; still ascending.
    """

    execution_id: str
    after: int = 0
    limit: int = 100
    path: str | None = None
    levels: tuple[str, ...] = ()
    newest: bool = False

    def matches(self, row: ActivityRow) -> bool:
        """Tell whether a row is among what is selected, whatever the limit."""
        return (
            row.execution_id == self.execution_id
            and row.position > self.after
            and (not self.levels or row.level in self.levels)
            and (self.path is None or within(row.path, self.path))
        )

    def cut(self, rows: list[ActivityRow]) -> list[ActivityRow]:
        """Return the page of this query from all that it selects, given in order."""
        return rows[-self.limit :] if self.newest else rows[: self.limit]


def within(path: str, task: str) -> bool:
    """Tell whether a path is a task's own or leads to something inside the task."""
    return path == task or path.startswith((f"{task}/", f"{task}["))


class StateActivity(Protocol):
    """Keep activity; failures are those of StateBackend."""

    async def add_activity(self, rows: Sequence[ActivityRow]) -> None:
        """Keep rows; one whose (execution_id, position) is there already is left alone.

        Commits of units go first: nothing waits for this but the next such call.
        """
        ...

    async def activity(self, query: ActivityQuery) -> list[ActivityRow]:
        """Return one page of what attempts said; an execution that said nothing has none."""
        ...

    async def trim_activity(self, execution_id: str, keep: int) -> int:
        """Delete the oldest rows of an execution beyond `keep`, in slices; return how many went."""
        ...
