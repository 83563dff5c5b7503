"""Graphs by hand, and a shell for the core that fits in a test: no clock, no store, no dispatcher.

`Play` settles an execution as the engine does and keeps its log; whatever is in flight
is known by path, and the test says how and when it ends.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from harmonia_core.contracts.rows import RequestRow, TimerRow
from harmonia_core.engine.arrivals import AnswerFound, Arrival, Due, Ended, Fact, Requested, translate
from harmonia_core.engine.decide import decide
from harmonia_core.engine.evolve import evolve
from harmonia_core.engine.gating import Gate
from harmonia_core.engine.projections import open_timers
from harmonia_core.engine.settle import Batch, settle
from harmonia_core.engine.undo_nodes import flags
from harmonia_core.model.commands import Answer, Ask
from harmonia_core.model.events import Event, ExecutionStarted, Recorded, TaskScheduled
from harmonia_core.model.expression import Expression
from harmonia_core.model.graph import Graph, Jump, Order, RetryPolicy, Rule, Scope, TaskNode
from harmonia_core.model.outcomes import AttemptKey, ErrorInfo, Outcome
from harmonia_core.model.state import ExecutionState, TaskState, begin
from harmonia_core.model.statuses import FINAL_EXECUTION
from harmonia_core.model.values import Slot, Template

EXECUTION = "x"
NOTHING = Template({})
SOME = Expression("input.some", "path", None, ())
ASKED = Template(None, (Slot((), (SOME,)),))
"""A template that is known only by asking."""
BOOM = ErrorInfo("task", "boom", "It broke.", kind="ValueError")
ONCE_MORE = RetryPolicy(max_retries=1, initial_delay=10.0, jitter=0.0)


UNDONE = TaskNode(0, "undo", "work", NOTHING, on_failure="hold")
"""What undoes a task, without another try."""

Sketch = tuple[str, tuple[str, ...], dict[str, Any]]


def task(id: str, *after: str, **more: Any) -> Sketch:
    """Return the sketch of a task: its dependencies, and fields of its node."""
    return id, after, more


def each(inner: str = "work", **more: Any) -> TaskNode:
    """Return what a map does for each item."""
    kernel = more.pop("kernel", inner in ("noop", "wait", "fail", "event", "approval", "emit"))
    return TaskNode(0, "", inner, more.pop("input", NOTHING), kernel=kernel, **more)


def mapped(
    id: str, *after: str, item: TaskNode | None = None, **more: Any
) -> tuple[str, tuple[str, ...], Any]:
    """Return the sketch of a map whose items are asked for."""
    fields = {"type": "map", "kernel": True, "input": ASKED, "item": item or each(), **more}
    return id, after, fields


def composite(id: str, *after: str, inside: Scope, **more: Any) -> Sketch:
    """Return the sketch of a composite with a scope."""
    return id, after, {"type": "composite", "kernel": True, "scope": inside, **more}


def scope(*sketches: Sketch, window: int = 1000, **more: Any) -> Scope:
    """Return a scope of the sketches, in their order."""
    index = {id: position for position, (id, _, _) in enumerate(sketches)}
    nodes = []
    for position, (id, after, fields) in enumerate(sketches):
        plain = {"type": "work", "input": NOTHING, **fields}
        before = tuple(sorted(index[name] for name in after))
        behind = tuple(index[other] for other, names, _ in sketches if id in names)
        nodes.append(TaskNode(position, id, depends_on=before, dependents=behind, **plain))
    return Scope(tuple(nodes), index, window, **more)


def graph(*sketches: Sketch, window: int = 1000, **more: Any) -> Graph:
    """Return the graph of the sketches, in their order."""
    root = scope(*sketches, window=window)
    undoes, holds = flags(root.tasks)
    return Graph("w", "1", "sha256:d", "sha256:g", root, undoes=undoes, holds=holds, **more)


def order(*rules: Rule, enter: tuple[Jump, ...] = (Jump(0),), **more: Any) -> Order:
    """Return how a sequence goes; a rule for each step."""
    return Order(enter, rules, **more)


def started(of: Graph, input: Any = None, now: float = 0.0) -> ExecutionStarted:
    """Return the first event of an execution."""
    deadline = None if of.timeout is None else now + of.timeout
    return ExecutionStarted("w", "1", "sha256:d", "sha256:g", input, dict(of.vars), {}, EXECUTION, deadline)


def running(of: Graph) -> ExecutionState:
    """Return the state right after the start."""
    return folded(of, [started(of)])


def folded(of: Graph, events: Iterable[Event], since: ExecutionState | None = None) -> ExecutionState:
    """Return the state after these events, one second apart."""
    state = begin(of, EXECUTION) if since is None else since
    for event in events:
        seq = state.seq + 1
        state = evolve(state, Recorded(EXECUTION, seq, float(seq), None, None, event))
    return state


_USUAL: Mapping[str, Any] = {"when": True, "enter": 0, "then": None, "caught": None}


class Script:
    """Answer questions from a table by (path, place); what it lists as slow is answered later."""

    def __init__(self, answers: Mapping[tuple[str, str], Any], slow: Iterable[tuple[str, str]] = ()) -> None:
        self.answers, self.slow = dict(answers), set(slow)
        self.cache = self
        self.held: dict[str, Any] = {}

    def put(self, key: str, value: Any, size: int) -> None:
        """Hold a value that was too large for the log."""
        self.held[key] = value

    def quick(self, state: ExecutionState, ask: Ask) -> Answer | None:
        """Answer, unless the place is slow."""
        return None if (ask.path, ask.place) in self.slow else self.say(ask.path, ask.place)

    def say(self, path: str, place: str) -> Answer:
        """Return the answer for a place: an error, a value, or that of any item or iteration (`m[]`)."""
        general = re.sub(r"\[\d+\]", "[]", path)
        usual = _USUAL.get(place, {})
        found = self.answers.get((path, place), self.answers.get((general, place), usual))
        return Answer(error=found) if isinstance(found, ErrorInfo) else Answer(found)


class Play:
    """Run one execution. watch: called with every recorded event and the states around it."""

    def __init__(
        self,
        of: Graph,
        answers: Mapping[tuple[str, str], Any] | None = None,
        *,
        slow: Iterable[tuple[str, str]] = (),
        evaluator: Any = None,
        input: Any = None,
        inline_limit: int = 64 * 1024,
        watch: Callable[[ExecutionState, Recorded, ExecutionState], None] | None = None,
        roll_over_after: int = 0,
        gate: Gate | None = None,
    ) -> None:
        self.graph, self.now, self.gate = of, 0.0, gate
        self.evaluator = evaluator or Script(answers or {}, slow)
        self.state = begin(of, EXECUTION)
        self.log: list[Recorded] = []
        self.timers: dict[tuple[str, str], TimerRow] = {}
        self.flying: dict[str, int] = {}
        self.slow: dict[str, Ask] = {}
        self.batches: list[Batch] = []
        self._watch, self._limit, self._most = watch, inline_limit, roll_over_after
        self.arrive(Fact(started(of, input, self.now)))

    def arrive(self, *arrivals: Arrival, only_record: bool = False) -> list[Event]:
        """Settle what arrives together, and return what was recorded of it."""
        batch = settle(
            self.state, arrivals, translate, self.now, self.evaluator, self._limit, only_record, self._most,
            self.gate,
        )  # fmt: skip
        for recorded in batch.recorded:
            before = self.state
            self.state = evolve(before, recorded)
            if self._watch is not None:
                self._watch(before, recorded, self.state)
        assert self.state == batch.state
        self.log += batch.recorded
        self.batches.append(batch)
        self._effects(batch)
        return [recorded.event for recorded in batch.recorded]

    def _effects(self, batch: Batch) -> None:
        opened, closed = batch.timers
        self.timers.update({(row.path, row.kind): row for row in opened})
        for _, path, kind in closed:
            self.timers.pop((path, kind), None)
        self.flying.update({command.path: command.attempt for command in batch.effects})
        self.slow.update(dict(batch.slow))

    def end(self, path: str, kind: str = "succeeded", **more: Any) -> list[Event]:
        """Let the attempt that is in flight at a path end."""
        return self.arrive(self.outcome(path, kind, **more))

    def outcome(self, path: str, kind: str = "succeeded", attempt: int | None = None, **more: Any) -> Ended:
        """Return the outcome of the attempt in flight; it is then in flight no more."""
        number = self.flying.pop(path) if attempt is None else attempt
        if kind == "failed":
            more.setdefault("error", BOOM)
        key = AttemptKey(EXECUTION, path, number)
        return Ended(Outcome(key, kind, **more), more.pop("draw", 0.0))  # type: ignore[arg-type]

    def fail(self, path: str, **error: Any) -> list[Event]:
        """Let the attempt in flight fail with an error that differs from BOOM in these fields."""
        return self.end(path, "failed", error=replace(BOOM, **error))

    def due(self, path: str, kind: str) -> list[Event]:
        """Let the timer be due, at its time."""
        self.now = max(self.now, self.timers[path, kind].due)
        return self.arrive(Due(path, kind, 0.0))

    def request(self, kind: str, **body: Any) -> list[Event]:
        """Let a request arrive."""
        return self.arrive(self.requested(kind, **body))

    def requested(self, kind: str, **body: Any) -> Requested:
        """Return a request as it arrives."""
        row = RequestRow("r", EXECUTION, "default", kind, to_json(body).decode(), None, self.now)
        return Requested(row, False, 0.0)

    def answer(self, path: str, place: str) -> list[Event]:
        """Answer a slow question."""
        id = next(id for id, ask in self.slow.items() if (ask.path, ask.place) == (path, place))
        del self.slow[id]
        return self.arrive(AnswerFound(id, self.evaluator.say(path, place)))

    def task(self, path: str) -> TaskState:
        """Return a task, or an item in flight."""
        found = self.state.task(path)
        assert found is not None
        return found

    def statuses(self) -> dict[str, str]:
        """Return the status of every task by id."""
        return {node.id: self.task(node.id).status.value for node in self.graph.root.tasks}

    @property
    def final(self) -> bool:
        """Tell whether the execution has ended."""
        return self.state.status in FINAL_EXECUTION

    def attempts(self, path: str) -> list[int]:
        """Return the numbers of the attempts that were begun at a path, in order."""
        events = (recorded.event for recorded in self.log)
        return [e.attempt for e in events if isinstance(e, TaskScheduled) and e.path == path]

    def rest(self) -> None:
        """Assert that the core has nothing more to say by itself."""
        said = decide(self.graph, self.state)
        assert all(isinstance(command, Ask) for command in said), said


def types(events: Iterable[Event]) -> list[str]:
    """Return the names of the events' types."""
    return [type(event).__name__ for event in events]


def timers_of(state: ExecutionState) -> set[tuple[str, str, float]]:
    """Return the timers that an adopter would set."""
    return {(row.path, row.kind, row.due) for row in open_timers(state)}
