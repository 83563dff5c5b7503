"""Fold the events of an execution, and of its children, into what a test sees of its tasks. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harmonia_core.engine.walks import node_of
from harmonia_core.model import events as e
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.event import Event
from harmonia_core.model.graph import Graph, TaskNode
from harmonia_core.testing.records import Message, Task, error_of, moment, shown_input
from harmonia_core.testing.targets import last_id

ENDS: Mapping[type[Event], str] = {
    e.TaskSucceeded: "succeeded",
    e.TaskFailed: "failed",
    e.TaskSkipped: "skipped",
    e.TaskUnreachable: "unreachable",
    e.TaskCancelled: "cancelled",
}
_OF_WORK = ("attempts", "input", "errors", "retry_delays", "waits_for", "decision", "decided_by")


class Fold:
    """Fold events in the order in which they were recorded.

    graphs: of each execution. full: gives the path of a task with those of the tasks around its execution.
    tasks: by that path, in the order in which they were first heard of. owners: the executions they are in.
    undone: paths of what was undone, in that order.
    """

    def __init__(self, graphs: Mapping[str, Graph], full: Callable[[str, str], str]) -> None:
        self._graphs, self._full = graphs, full
        self.tasks: dict[str, Task] = {}
        self.messages: list[Message] = []
        self.undone: list[str] = []
        self.owners: dict[str, str] = {}
        self._received: dict[tuple[str, str], e.MessageReceived] = {}

    def fold(self, recorded: Iterable[e.Recorded]) -> None:
        """Take events in."""
        for one in recorded:
            handler = _HANDLERS.get(type(one.event))
            if isinstance(one.event, e.MessageReceived):
                self._received[one.execution_id, one.event.message_id] = one.event
            elif handler is not None:
                task = self._task(one.execution_id, one.event.path)  # type: ignore[attr-defined]
                handler(self, one, task)
            elif type(one.event) in ENDS:
                self._end(one, self._task(one.execution_id, one.event.path))  # type: ignore[attr-defined]

    def node(self, execution_id: str, path: str) -> TaskNode | None:
        """Return the node of a task, None for what is none."""
        try:
            return node_of(self._graphs[execution_id], path)
        except (KeyError, ValueError):
            return None

    def _condition(self, one: e.Recorded) -> str | None:
        node = self.node(one.execution_id, one.event.path)  # type: ignore[attr-defined]
        return None if node is None or node.when is None else node.when.source

    def close(self) -> None:
        """Let a `try` show how its body went: a test means that by its name."""
        for path, task in self.tasks.items():
            body = self.tasks.get(f"{path}/body")
            if task.type == "try" and body is not None and body.leaf:
                task.guards = True
                for name in _OF_WORK:
                    setattr(task, name, getattr(body, name))

    def guarded(self, path: str) -> str:
        """Return the path of a task, of the body of one that has a `catch` or `finally` that of the task."""
        around = self.tasks.get(path.removesuffix("/body"))
        return around.path if around is not None and around.guards else path

    def _task(self, execution_id: str, path: str) -> Task:
        full = self._full(execution_id, path)
        found = self.tasks.get(full)
        if found is None:
            node = self.node(execution_id, path)
            found = Task(full, last_id(path), "" if node is None else node.type)
            if node is not None:
                item = path.endswith("]") and node.item is None
                found.leaf = node.scope is None and node.child is None and (node.item is None or item)
            self.tasks[full], self.owners[full] = found, execution_id
        return found

    def _scheduled(self, one: e.Recorded, task: Task) -> None:
        event: Any = one.event
        task.status, task.attempts = "running", max(task.attempts, event.attempt)
        task.began = task.began or moment(one.at)
        if event.first:
            task.input = shown_input(event.input, event.holes)

    def _waits(self, one: e.Recorded, task: Task) -> None:
        event = one.event
        task.status = "blocked"
        if isinstance(event, e.MessageAwaited):
            task.waits_for = ", ".join(str(want["name"]) for want in event.wants)
        elif isinstance(event, e.ApprovalRequested):
            task.waits_for = event.title

    def _retried(self, one: e.Recorded, task: Task) -> None:
        event: Any = one.event
        task.status = "backoff"
        task.error = error_of(event.error)
        task.errors += [task.error] if task.error else []
        task.retry_delays.append(event.due - one.at)

    def _attention(self, one: e.Recorded, task: Task) -> None:
        event: Any = one.event
        task.status, task.reason, task.error = "attention", event.reason, error_of(event.error)

    def _decided(self, one: e.Recorded, task: Task) -> None:
        event: Any = one.event
        task.decision, task.decided_by = event.decision, event.by
        task.reason = "deadline" if one.causation is None else None

    def _taken(self, one: e.Recorded, task: Task) -> None:
        event: Any = one.event
        for message_id in event.message_ids:
            found = self._received.get((one.execution_id, message_id))
            if found is not None:
                self.messages.append(Message(found.name, found.data, found.correlation, task.path))

    def _end(self, one: e.Recorded, task: Task) -> None:
        event: Any = one.event
        task.status, task.ended = ENDS[type(event)], moment(one.at)
        task.reason = getattr(event, "reason", None) or getattr(event, "blocked_by", None) or task.reason
        if task.reason == "when":
            task.condition = self._condition(one)
        task.attempts = max(task.attempts, getattr(event, "attempt", 0))
        if isinstance(event, e.TaskSucceeded):
            task.output = event.output
            undone = undone_by(task.path)
            self.undone += [] if undone is None else [undone]
        elif isinstance(event, e.TaskFailed):
            task.error = error_of(event.error)
            task.errors += [task.error] if task.error else []


_HANDLERS: Mapping[type[Event], Callable[[Fold, e.Recorded, Task], None]] = {
    e.TaskScheduled: Fold._scheduled,
    e.TimerSet: Fold._waits,
    e.TaskDeferred: Fold._waits,
    e.MessageAwaited: Fold._waits,
    e.ApprovalRequested: Fold._waits,
    e.ChildRequested: Fold._waits,
    e.RetryScheduled: Fold._retried,
    e.TaskAttention: Fold._attention,
    e.ApprovalDecided: Fold._decided,
    e.MessageTaken: Fold._taken,
}
