"""What happened to a store, unit by unit, and what must hold at each: the fence, the log, the ends."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json
from sim_tasks import SECRET

from harmonia_core.builtin.memory_store import FINAL, MemoryStore
from harmonia_core.contracts.rows import EventRow, Unit
from harmonia_core.contracts.slots import HOLDING, LIMITS, PLACE
from harmonia_core.errors import StateBackendError

DOUBLED = frozenset({"TaskSucceeded", "TaskFailed", "RetryScheduled", "TaskCancelled", "TaskDeferred"})
"""Events with which an attempt ends, or is left open: each at most once for each attempt.

A retry that somebody asked for has a cause, and ends nothing."""


class Violated(AssertionError):
    """An invariant does not hold. code: which."""

    def __init__(self, code: str, said: str) -> None:
        self.code = code
        super().__init__(f"{code}: {said}")


class Ledger:
    """Follow every unit that a store applies. trace: what happened, in order: (time, who, what).

    violations: what must not happen, and did; a run goes on behind them.
    """

    def __init__(self, store: MemoryStore, now: Callable[[], float], names: dict[str, str]) -> None:
        self._store, self._now, self._names = store, now, names
        self._heads: dict[str, tuple[int, int, str]] = {}
        self._writers: dict[tuple[str, int], str] = {}
        self._ended: set[tuple[str, str, int, str]] = set()
        self._asked: set[tuple[str, str]] = set()
        self._answered: set[tuple[str, str]] = set()
        self.room: dict[str, int] = {}
        self._timers: dict[tuple[str, str, str], float] = {}
        self._children: dict[tuple[str, str, int], str] = {}
        self.trace: list[tuple[float, str, str]] = []
        self.violations: list[Violated] = []
        self.kinds: Counter[str] = Counter()
        self.moved = 0.0
        """When anything was last written."""

    def note(self, who: str, what: str) -> None:
        """Add a line to the history."""
        self.trace.append((self._now(), who, what))

    def took(self, kind: str) -> None:
        """Count a request that an execution takes."""
        self.kinds[f"request {kind}"] += 1

    def wrong(self, code: str, said: str) -> None:
        """Note that an invariant does not hold."""
        self.violations.append(Violated(code, said))
        self.note("!", f"{code}: {said}")

    def alias(self, execution_id: str) -> str:
        """Return a short name for an execution, in the order of their beginnings."""
        return self._names.setdefault(execution_id, f"x{len(self._names) + 1}")

    def watch(self, engine_id: str, unit: Unit, error: StateBackendError | None) -> None:
        """Take note of a unit that an engine has handed over."""
        execution_id = unit.execution_id
        who = self._names.get(engine_id, engine_id)
        if error is not None:
            if execution_id is not None:
                self.note(who, f"{self.alias(execution_id)} refused: {error.code}")
            return
        self.moved = self._now()
        if unit.slots or unit.promotions or unit.documents:
            self._room()
        if execution_id is None:
            return
        self._head(execution_id, engine_id, unit)
        for event in unit.events:
            self._event(execution_id, event)
        for closed in unit.closed_timers:
            self._timers.pop(closed, None)
        self._timers |= {(row.execution_id, row.path, row.kind): row.due for row in unit.timers}
        self._no_secret(unit)
        if unit.events:
            kinds = " ".join(_told(event) for event in unit.events)
            self.note(who, f"{self.alias(execution_id)} {unit.events[0].seq} {kinds}")

    def _head(self, execution_id: str, engine_id: str, unit: Unit) -> None:
        """Compare a unit with what this ledger itself has seen of its execution, not with the store."""
        row = unit.created or unit.head
        assert row is not None
        name = self.alias(execution_id)
        seq, epoch, status = self._heads.get(execution_id, (0, 0, ""))
        if unit.created is not None and seq:
            self.wrong("begun-twice", f"{name} is begun a second time")
        if status in FINAL and unit.events:
            self.wrong("final-changed", f"{name} is {status}, and {unit.events[0].type} follows")
        if unit.head is not None and unit.head.expected_seq != seq:
            self.wrong("fence", f"{name} stands at {seq}; a unit for {unit.head.expected_seq} was written")
        if row.epoch < epoch:
            self.wrong("fence", f"{name} is in epoch {epoch}; one of epoch {row.epoch} wrote")
        if [event.seq for event in unit.events] != list(range(seq + 1, row.seq + 1)):
            self.wrong(
                "log-gap", f"{name} goes from {seq} to {row.seq} by {[one.seq for one in unit.events]}"
            )
        if unit.events:
            writer = self._writers.setdefault((execution_id, row.epoch), engine_id)
            if writer != engine_id:
                self.wrong("two-writers", f"{name}: two engines have written in epoch {row.epoch}")
        self._heads[execution_id] = row.seq, row.epoch, row.status

    def _event(self, execution_id: str, event: EventRow) -> None:
        self.kinds[event.type] += 1
        name = self.alias(execution_id)
        if event.type in DOUBLED and not (event.type == "RetryScheduled" and event.causation):
            data = from_json(event.data)
            key = execution_id, data["path"], data["attempt"], event.type
            if key in self._ended and data["attempt"]:  # what has no input has failed without an attempt
                self.wrong(
                    "outcome-twice", f"{name}: {event.type} of {data['path']}, attempt {data['attempt']}"
                )
            self._ended.add(key)
        elif event.type in ("Asked", "Answered"):
            self._question(execution_id, event.type, from_json(event.data)["id"])
        elif event.type == "ChildRequested":
            data = from_json(event.data)
            place = execution_id, data["path"], data["attempt"]
            if self._children.setdefault(place, data["child_id"]) != data["child_id"]:
                self.wrong("child-twice", f"{name}: {data['path']} has begun two executions")
        elif event.type == "ExecutionStarted":
            self._begun(execution_id, from_json(event.data))
        elif event.type == "TimerFired":
            self._due(execution_id, event, from_json(event.data))

    def _question(self, execution_id: str, kind: str, question: str) -> None:
        place = execution_id, question
        if kind == "Asked":
            self._asked.add(place)
        elif place in self._asked:
            self._asked.remove(place)
        elif place in self._answered:
            self.wrong(
                "answer-twice", f"{self.alias(execution_id)}: question {question[:8]} is answered again"
            )
        self._answered.update([place] if kind == "Answered" else [])

    def _begun(self, execution_id: str, data: dict[str, Any]) -> None:
        if data.get("parent_id") is None:
            return
        place = "of " + data["parent_id"], data["parent_path"], data["parent_attempt"]
        if self._children.setdefault(place, execution_id) != execution_id:
            self.wrong("child-twice", f"{self.alias(data['parent_id'])}: {data['parent_path']} runs twice")

    def _due(self, execution_id: str, event: EventRow, data: dict[str, Any]) -> None:
        due = self._timers.get((execution_id, data["path"], data["kind"]))
        if due is not None and event.at < due:
            name, early = self.alias(execution_id), due - event.at
            self.wrong("timer-early", f"{name}: {data['kind']} of {data['path']} fired {early:.3f} s early")

    def _room(self) -> None:
        """Compare what is held of each limit with the most that it ever allowed."""
        held: Counter[str] = Counter()
        for row in self._store.slots.values():
            if row.state in HOLDING:
                held[row.key] += row.units
                if row.most is not None:
                    self.room[row.key] = row.most
        for document, stored in self._store.documents[PLACE, LIMITS].items():
            key = document.partition("/")[2]
            self.room[key] = max(from_json(stored.value)["max"], self.room.get(key, 0))
        for key, units in held.items():
            if units > self.room[key]:
                self.wrong("limit", f"{units} of {key} at once, {self.room[key]} allowed")

    def _no_secret(self, unit: Unit) -> None:
        secret = SECRET[1]
        texts = (
            *(event.data for event in unit.events),
            *(request.body for request in unit.requests),
            *(document.value or "" for document in unit.documents),
        )
        if any(secret in text for text in texts) or any(
            secret.encode() in (b.data or b"") for b in unit.blobs
        ):
            self.wrong("secret", f"{self.alias(unit.execution_id or '')}: a unit holds the secret itself")


def _told(event: EventRow) -> str:
    data = from_json(event.data)
    path = data.get("path")
    return f"{event.type}({path})" if path else event.type
