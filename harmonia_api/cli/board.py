"""Where an execution and its tasks stand, folded from recorded events for people to look at.

An event costs a few dictionary look-ups, whatever the number of tasks: what is shown
(active tasks, failed ones, counts) is kept, never searched. Pure.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any

from harmonia_api.cli.text import clean
from harmonia_api.cli.waiting import of_event, of_view
from harmonia_core.host import FINAL_TASK, Recorded, TaskStatus, parse_rfc3339, split_item, undone_by

_STATUS = {
    "TaskScheduled": "running",
    "TaskDeferred": "blocked",
    "TimerSet": "blocked",
    "MessageAwaited": "blocked",
    "ApprovalRequested": "blocked",
    "ApprovalEscalated": "blocked",
    "TimerFired": "ready",
    "ChildRequested": "blocked",
    "ChildCancelRequested": "blocked",
    "SlotsRequested": "blocked",
    "SlotsGranted": "ready",
    "RetryScheduled": "backoff",
    "AttemptLost": "ready",
    "TaskAttention": "attention",
    "TaskSucceeded": "succeeded",
    "TaskFailed": "failed",
    "TaskSkipped": "skipped",
    "TaskUnreachable": "unreachable",
    "TaskCancelled": "cancelled",
}
_EXECUTION = {
    "ExecutionStarted": "running",
    "ExecutionContinued": "running",
    "ExecutionForked": "running",
    "SlotsRequested": "queued",
    "SlotsGranted": "running",
    "CancelRequested": "cancelling",
    "ExecutionCompleted": "completed",
    "ExecutionFailed": "failed",
    "ExecutionCancelled": "cancelled",
    "CompensationBegun": "compensating",
    "ExecutionCompensated": "compensated",
    "ExecutionPaused": "paused",
    "ExecutionResumed": "running",
    "ExecutionTerminated": "terminated",
}
FINAL = frozenset(status.value for status in FINAL_TASK)
QUIET = frozenset({TaskStatus.WAITING.value, *FINAL})

_OPEN = ("queued", "running", "cancelling", "paused")
ENDS = frozenset(kind for kind, status in _EXECUTION.items() if status not in _OPEN)


class Row:
    """Hold one task or map item.

    items: of a map, those in flight by index. tally: its ended items by status. width: how many it has.
    started, ended, due: epoch seconds. note: the last log line.
    """

    __slots__ = (
        "attempt",
        "due",
        "ended",
        "error",
        "items",
        "note",
        "path",
        "reason",
        "started",
        "status",
        "tally",
        "type",
        "width",
    )

    def __init__(self, path: str, type: str, status: str = "waiting") -> None:
        self.path, self.type, self.status = path, type, status
        self.attempt = 0
        self.started: float | None = None
        self.ended: float | None = None
        self.due: float | None = None
        self.width: int | None = None
        self.items: dict[int, Row] = {}
        self.tally: Counter[str] = Counter()
        self.error: str | None = None
        self.reason: str | None = None
        self.note: str | None = None

    @property
    def done(self) -> int:
        """Return how many items of a map have ended."""
        return self.tally.total()

    def move(self, status: str, event: Any, at: float) -> None:
        """Take what an event says about this task."""
        self.status = status
        self.attempt = getattr(event, "attempt", None) or self.attempt or 1
        self.due = getattr(event, "due", None)
        error = getattr(event, "error", None)
        if error is not None:
            self.error = clean(f"{error.code}: {error.message}")
        if status == "running" and self.started is None:
            self.started = at
        elif status in FINAL:
            self.ended = at
        self.reason = (
            getattr(event, "reason", None)
            or getattr(event, "blocked_by", None)
            or carried_out_by(getattr(event, "child_id", None))
            or of_event(event)
        )


def carried_out_by(child_id: str | None) -> str | None:
    """Return what a task waits for that is an execution of its own."""
    return None if child_id is None else f"execution {child_id}"


class Board:
    """Hold what is known about one execution. seq: of the last event taken.

    origin: which execution it went on from while this was shown.
    rows: of the workflow's own tasks; inner: of tasks inside them that have begun and not ended.
    """

    def __init__(self, execution_id: str, workflow: str, tasks: Iterable[tuple[str, str]]) -> None:
        self.execution_id, self.workflow = execution_id, workflow
        self.status, self.reason = "queued", ""
        self.seq = 0
        self.origin: str | None = None
        self.started: float | None = None
        self.ended: float | None = None
        self.error: str | None = None
        self.last: Any = None
        self.rows = {path: Row(path, kind) for path, kind in tasks}
        self.counts = Counter({"waiting": len(self.rows)})
        self.inner: dict[str, Row] = {}
        self.active: dict[str, Row] = {}
        self.failed: list[Row] = []
        self.recent: deque[Row] = deque(maxlen=200)

    def take(self, recorded: Recorded) -> Row | None:
        """Fold one event; return the row that it changed, None if it is about the execution itself."""
        event, self.seq = recorded.event, recorded.seq
        kind = type(event).__name__
        path: str = getattr(event, "path", "")
        status = _STATUS.get(kind)
        if status is None or not path:
            self._whole(kind, event, recorded.at)
            return None
        if undone_by(path) is not None:
            return self._alone(path, status, event, recorded.at)
        if "/" in path:
            return self._inside(path, status, event, recorded.at)
        owner, index = split_item(path)
        row = self.rows[owner]
        if index is not None:
            self._item(row, index, status, event, recorded.at)
        else:
            self._task(row, status, event, recorded.at)
        return row

    def _inside(self, path: str, status: str, event: Any, at: float) -> Row:
        """Take what happened to a task inside another; of items of a map, only how they end is counted."""
        outermost = self.rows[_outermost(path)]
        if outermost.width is not None:
            return outermost
        owner, index = split_item(path)
        if index is not None:
            row = self.inner.get(owner) or Row(owner, "")
            self._item(row, index, status, event, at)
            return row
        return self._alone(owner, status, event, at)

    def _alone(self, path: str, status: str, event: Any, at: float) -> Row:
        """Take what happened to a task inside another or to an undo, which has a row while it runs."""
        row = self.inner.get(path) or Row(path, "")
        row.move(status, event, at)
        row.width = getattr(event, "width", None) or row.width
        if status in FINAL:
            self.inner.pop(path, None)
            self.active.pop(path, None)
        else:
            self.inner[path] = self.active[path] = row
        return row

    def row(self, path: str) -> Row | None:
        """Return the row in which a task or an item is shown; one inside another its own while it runs."""
        owner = split_item(path)[0]
        return self.rows.get(owner) or self.inner.get(owner) or self.rows.get(_outermost(path))

    def _whole(self, kind: str, event: Any, at: float) -> None:
        if not getattr(event, "path", ""):
            self.status = _EXECUTION.get(kind, self.status)
        if kind in ("ExecutionStarted", "ExecutionForked"):
            self.started = at
        elif kind in ENDS:
            self.ended, self.last = at, event
            error = getattr(event, "error", None)
            self.error = None if error is None else clean(f"{error.code}: {error.message}")
        self.reason = getattr(event, "reason", None) or ("" if kind == "ExecutionResumed" else self.reason)

    def _task(self, row: Row, status: str, event: Any, at: float) -> None:
        before = row.status
        row.move(status, event, at)
        width = getattr(event, "width", None)
        if width is not None:
            row.width = width
        if before != status:
            self._count(row, before, status)

    def _count(self, row: Row, before: str, status: str) -> None:
        self.counts[before] -= 1
        self.counts[status] += 1
        if status in QUIET:
            self.active.pop(row.path, None)
            row.items.clear()
            (self.failed if status == "failed" else self.recent).append(row)
        else:
            self.active[row.path] = row

    def _item(self, owner: Row, index: int, status: str, event: Any, at: float) -> None:
        item = owner.items.get(index)
        if item is None:
            item = owner.items[index] = Row(f"{owner.path}[{index}]", "")
        item.move(status, event, at)
        if status in FINAL:
            del owner.items[index]
            owner.tally[status] += 1
            if status == "failed":
                owner.error = f"item {index}: {item.error}"

    def result(self, status: str, output: Any) -> dict[str, Any]:
        """Return how the execution has come to rest, for programs."""
        error = getattr(self.last, "error", None)
        return {
            "id": self.execution_id,
            "status": status,
            "output": output,
            "error": error.as_json() if error is not None else None,
            "failed_tasks": list(getattr(self.last, "failed_tasks", ())),
        }

    def restore(self, view: Mapping[str, Any]) -> None:
        """Take an execution's public shape as the state to go on from."""
        self.seq, self.status, self.reason = view["seq"], view["status"], view["reason"] or ""
        self.started = parse_rfc3339(view["started_at"]) if view["started_at"] else None
        self.ended = parse_rfc3339(view["ended_at"]) if view["ended_at"] else None
        for task in view["tasks"]:
            owner, index = split_item(task["path"])
            if undone_by(task["path"]) is not None:
                if task["status"] not in QUIET:
                    path = task["path"]
                    self.inner[path] = self.active[path] = _restored(Row(path, task["type"]), task)
            elif "/" in task["path"]:
                of_item = self.rows[_outermost(owner)].width is not None
                if index is None and not of_item and task["status"] not in QUIET:
                    self.inner[owner] = self.active[owner] = _restored(Row(owner, task["type"]), task)
            elif index is not None:
                self.rows[owner].items[index] = _restored(Row(task["path"], task["type"]), task)
            else:
                row = self.rows[owner]
                before = row.status
                _restored(row, task)
                if before != row.status:
                    self._count(row, before, row.status)


def board_of(view: Mapping[str, Any]) -> Board:
    """Return the board of an execution in its public shape."""
    name = f"{view['workflow']['name']} {view['workflow']['version']}"
    tasks = ((task["path"], task["type"]) for task in view["tasks"] if task["path"] == task["id"])
    board = Board(view["id"], name, tasks)
    board.restore(view)
    return board


def _outermost(path: str) -> str:
    """Return the workflow's own task in which something is."""
    return path.partition("/")[0].partition("[")[0]


def _restored(row: Row, task: Mapping[str, Any]) -> Row:
    row.status, row.attempt = task["status"], task["attempt"]
    row.started = parse_rfc3339(task["started_at"]) if task["started_at"] else None
    row.ended = parse_rfc3339(task["ended_at"]) if task["ended_at"] else None
    row.reason = carried_out_by(task.get("child")) if row.status == "blocked" else None
    if "awaits" in task:
        row.reason = of_view(task["awaits"])
    items = task.get("items")
    if items:
        row.width = items["count"]
        row.tally.update({name: items[name] for name in ("succeeded", "failed", "cancelled") if items[name]})
    return row
