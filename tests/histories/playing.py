"""Play executions with the real engine: through lives that end at a chosen event, or from rows to the end."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import anyio
from history import History
from pydantic_core import from_json
from workers import Workers

from harmonia_core.contracts.rows import BlobRow, EventRow, SnapshotRow, TaskRow, TimerRow, TokenRow, Unit
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.evolve import evolve
from harmonia_core.engine.loading import to_recorded
from harmonia_core.engine.projections import task_rows, timer_rows
from harmonia_core.engine.rolling import beginning
from harmonia_core.engine.slot_rows import slot_rows
from harmonia_core.host import KernelSettings
from harmonia_core.model.events import TaskDeferred
from harmonia_core.model.graph import Graph
from harmonia_core.model.state import ExecutionState
from harmonia_core.testing.clock import START
from harmonia_core.testing.harness import Harness

Step = Mapping[str, Any]


@dataclass(frozen=True)
class Until:
    """Name the event after whose commit an engine dies: the `count`-th of its type in this life."""

    type: str
    path: str = ""
    count: int = 1


class Crash:
    """Let the store take everything up to the unit with one event, and nothing after it."""

    def __init__(self, backend: StateBackend, until: Until) -> None:
        self.happened = anyio.Event()
        self._until, self._left, self._submit = until, until.count, backend.submit
        backend.submit = self._taken  # type: ignore[method-assign]

    def _taken(self, units: Sequence[Unit], done: Any) -> None:
        if self.happened.is_set():
            return
        self._left -= sum(self._counts(row) for unit in units for row in unit.events)
        if self._left <= 0:
            self.happened.set()
        self._submit(units, done)

    def _counts(self, row: EventRow) -> bool:
        path = from_json(row.data).get("path", "")
        return row.type == self._until.type and self._until.path in ("", path)


@dataclass
class Stage:
    """Hold the executions of one store. now: epoch seconds of the youngest event known."""

    url: str = "memory://"
    holding: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    now: float = START

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Harness]:
        """Open an engine, at a time when whatever happened before is past."""
        types = Workers(self.holding, self.tokens).types()
        settings = KernelSettings(freeze_at_start=False, cancel_grace=0.1, **self.settings)
        async with Harness(*types, settings=settings, url=self.url) as harness:
            harness.clock.advance_to(self.now + 10.0)
            yield harness

    async def take(self, harness: Harness, execution_id: str, steps: Sequence[Step]) -> None:
        """Carry out steps with an engine, one after the other."""
        engine = harness.engine
        for step in steps:
            match step["do"]:
                case "recover":
                    await engine.recover(retry_lost=step.get("retry_lost", False))
                case "take-over":
                    await engine.adopt(execution_id, force=True)
                case "complete":
                    token = self.tokens[step["path"]]
                    await engine.complete(
                        token, step.get("output"), step.get("error"), actor=step.get("actor")
                    )
                case "cancel":
                    await engine.cancel(execution_id, step.get("reason"), actor=step.get("actor"), wait=False)
                case "put":
                    row = engine._requests.row(
                        execution_id, step["kind"], step["body"], step.get("actor"), step["id"]
                    )
                    await engine._requests.put(row)
                case "undo":
                    await engine.undo(execution_id, step.get("reason"), actor=step.get("actor"), wait=False)
                case "resolve":
                    path, how, comment = step["path"], step["how"], step.get("comment")
                    await engine.resolve(execution_id, path, how, comment, actor=step.get("actor"))
                case "limit":
                    await engine.set_limit(step["kind"], step["name"], most=step["max"])
                case "pass":
                    harness.clock.advance(step["seconds"])
                case "see":
                    await harness.seen(execution_id, step["type"])
                case "fork" | "rerun":
                    given = {name: value for name, value in step.items() if name != "do"}
                    method = engine.fork if step["do"] == "fork" else engine.rerun
                    found = await method(execution_id, **given)
                    execution_id = found.execution_id or ""
                case "finish":
                    await harness.finish(execution_id)
                case other:
                    raise ValueError(f"{other!r} is no step")


def states(graph: Graph, history: History) -> list[ExecutionState]:
    """Return the state before the first event and after each."""
    first = to_recorded(history.events[0])
    found = [beginning(graph, history.head.execution_id, first)]
    for row in history.events:
        found.append(evolve(found[-1], to_recorded(row)))
    return found


def projected(graph: Graph, history: History) -> tuple[dict[str, TaskRow], dict[tuple[str, str], TimerRow]]:
    """Return the task rows by path, and the open timers by path and kind, that follow from a log."""
    tasks: dict[str, TaskRow] = {}
    timers: dict[tuple[str, str], TimerRow] = {}
    folded = states(graph, history)
    for before, after, row in zip(folded, folded[1:], history.events, strict=False):
        recorded = [to_recorded(row)]
        tasks.update({task.path: task for task in task_rows(before, after, recorded)})
        opened, closed = timer_rows(before, after, recorded)
        for _, path, kind in closed:
            timers.pop((path, kind), None)
        timers.update({(timer.path, timer.kind): timer for timer in opened})
    return tasks, timers


async def put(backend: StateBackend, history: History, graph: Graph) -> None:
    """Write the rows of a history into an open store, as the version that wrote it had left them."""
    head = history.head
    tasks, timers = projected(graph, history)
    unit = Unit(
        created=head,
        events=list(history.events),
        tasks=list(tasks.values()),
        timers=list(timers.values()),
        requests=list(history.requests),
        tokens=list(_tokens(history)),
        slots=slot_rows(states(graph, history)[-1], head.namespace),
        blobs=[
            BlobRow(head.namespace, key, len(data), "application/json", head.execution_id, data, None)
            for key, data in history.blobs.items()
        ],
    )
    if history.snapshot is not None:
        unit.snapshot = SnapshotRow(head.execution_id, *history.snapshot)
    await backend.commit(unit)


def _tokens(history: History) -> list[TokenRow]:
    usable = {sha256(token.encode()).hexdigest() for token in history.tokens.values()}
    events = (to_recorded(row).event for row in history.events)
    return [
        TokenRow(event.token_hash, history.head.execution_id, event.path, event.attempt)
        for event in events
        if isinstance(event, TaskDeferred) and event.token_hash in usable
    ]
