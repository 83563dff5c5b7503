"""What a test gets of an execution: plain values to assert on, and a drawing of the path it took."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from harmonia_core.model.addresses import UNDO, covers
from harmonia_core.testing.blueprint import named
from harmonia_core.testing.drawing import draw, heading
from harmonia_core.testing.records import Error, Message, Task
from harmonia_core.testing.refusals import UnknownTask
from harmonia_core.testing.targets import read_target


class Execution:
    """Hold an execution as it was left. `execution["charge"]` is a task, by id or path.

    status: as in the documents (`completed`, `failed`, ...); `running` if it waits for what nobody sends.
    rest: why it was left: it has `ended`, it came to a `standstill`, or the time of `until` was over.
    tasks: what the execution came to, children included, in the order in which it came to them.
    undone: paths of the tasks that were undone, the first undone first. vars: of the workflow.
    messages: those that tasks were given, in that order. started, ended: workflow time, UTC.
    """

    def __init__(
        self,
        *,
        id: str,
        workflow: str,
        status: str,
        rest: str,
        input: Any,
        output: Any,
        error: Error | None,
        vars: Mapping[str, Any],
        tasks: Sequence[Task],
        messages: Sequence[Message],
        undone: Sequence[str],
        started: datetime,
        ended: datetime,
    ) -> None:
        self.id, self.workflow, self.status, self.rest = id, workflow, status, rest
        self.input, self.output, self.error, self.vars = input, output, error, dict(vars)
        self.tasks, self.messages, self.undone = list(tasks), list(messages), list(undone)
        self.started, self.ended = started, ended

    def __repr__(self) -> str:
        return f"<Execution {heading(self)}>"

    def __str__(self) -> str:
        return self.draw()

    def __getitem__(self, task: str) -> Task:
        """Return the one task of that id, path or pattern; raise UnknownTask if there is none, or more."""
        found = self._found(task)
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(repr(one.path) for one in found[:5]) + (", ..." if len(found) > 5 else "")
            raise UnknownTask(
                f"{task!r} names {len(found)} tasks of this execution: {some}. Give the path of one,"
                f" or take all of them: .every({task!r})."
            )
        known = list(dict.fromkeys(name for one in self.tasks for name in (one.path, one.id)))
        near = get_close_matches(task, known, 3)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "It came to these: "
        hint += "" if near else ", ".join(repr(one.path) for one in self.tasks[:10]) or "none"
        raise UnknownTask(f"The execution came to no task {task!r}. {hint}")

    def __contains__(self, task: object) -> bool:
        return isinstance(task, str) and any(one.ran for one in self._found(task))

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def every(self, task: str) -> list[Task]:
        """Return all tasks of an id or pattern, in the order in which the execution came to them."""
        return self._found(task)

    @property
    def path(self) -> list[str]:
        """Return the paths of the tasks that ran, in the order in which they began.

        What only holds others (a loop, a decision, a map) is left out: the tasks inside say enough. What has
        a `catch` or `finally` stands there without the `/body` that its work has.
        """
        guards = {f"{one.path}/body": one.path for one in self.tasks if one.guards}
        return [guards.get(one.path, one.path) for one in self.tasks if one.ran and one.leaf]

    @property
    def skipped(self) -> dict[str, str]:
        """Return why tasks were skipped (`when`, `dependencies-skipped`, `resolved`), by path."""
        return {one.path: one.reason or "" for one in self.tasks if one.status == "skipped"}

    @property
    def failed(self) -> list[str]:
        """Return the paths of the tasks that failed for good, in that order."""
        failed = [one for one in self.tasks if one.status == "failed" and one.leaf]
        return [one.path for one in sorted(failed, key=lambda one: one.ended or self.ended)]

    @property
    def waiting(self) -> list[str]:
        """Return the paths of the tasks that wait for something, or run, as the execution was left."""
        open_ = ("running", "blocked", "backoff", "attention")
        return [one.path for one in self.tasks if one.status in open_ and one.leaf]

    @property
    def took(self) -> timedelta:
        """Return how much workflow time passed."""
        return self.ended - self.started

    def draw(self, width: int = 80) -> str:
        """Return the path taken as a text of lines that are at most so wide."""
        return draw(self, width)

    def _found(self, task: str) -> list[Task]:
        exact = [one for one in self.tasks if one.path == task]
        target = read_target(task)
        if exact and not target.by_id:
            return exact
        ranked = [one for one in self.tasks if target.rank(self._names(one.path))]
        ranked = _without_bodies(ranked)
        return _without_containers(ranked) if target.by_id else ranked

    def _names(self, path: str) -> list[str]:
        """Return the paths by which a test may name a task: also without the bodies of `try`s around it."""
        found = [path]
        for body in (f"{one.path}/body" for one in self.tasks if one.type == "try"):
            if covers(body, path) or path == body + UNDO:
                found.append(body.removesuffix("/body") + path.removeprefix(body))
        return [name for one in found for name in named(one, False)]


def _without_containers(found: list[Task]) -> list[Task]:
    """Return tasks without the maps of which the others are items: those have the same id."""
    return [one for one in found if not any(other.path.startswith(f"{one.path}[") for other in found)]


def _without_bodies(found: list[Task]) -> list[Task]:
    """Return tasks without the bodies of those among them that have a `catch` or `finally`."""
    bodies = {f"{one.path}/body" for one in found if one.type == "try"}
    return [one for one in found if one.path not in bodies]
