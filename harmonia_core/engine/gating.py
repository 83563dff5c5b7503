"""Decide whether an attempt, or an execution, has to wait for slots before it begins. Pure.

What stands in `decide`'s way here is data of the engine, not of the execution: which limits there are.
So the events that follow say what was asked of them, and folding needs no limits.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from harmonia_core.contracts.slots import RESOURCE
from harmonia_core.model.codec import canonical
from harmonia_core.model.commands import Answer, Ask, ScheduleTask
from harmonia_core.model.events import (
    Event,
    ExecutionContinued,
    ExecutionFailed,
    Recorded,
    SlotsRequested,
)
from harmonia_core.model.graph import Graph, TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.slots import GRANTED, NO_SLOTS, Claim, Want
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus

NAMESPACE, TYPE, WORKFLOW, CONCURRENCY = "namespace", "type:", "workflow:", "concurrency:"
"""Keys of limits, beside those of resources: of attempts in a namespace, and of a task type; of executions
of a workflow, as an operator and as its definition says."""

Quick = Callable[[ExecutionState, Ask], Answer | None]


class Gate(NamedTuple):
    """Hold the keys of the limits that are in force in a namespace."""

    keys: frozenset[str] = frozenset()

    def attempt(self, state: ExecutionState, command: ScheduleTask) -> Event | None:
        """Return what makes an attempt wait; None if no limit concerns it, or it holds its slots."""
        claim = state.slots.claims.get(command.path)
        if claim is not None and claim.granted:
            return None
        wants = [_shape(want) for want in self._of(command.node)]
        if not wants:
            return None
        if not command.first:
            return SlotsRequested(command.path, command.attempt, wants)
        return SlotsRequested(command.path, command.attempt, wants, command.input, command.holes)

    def _of(self, node: TaskNode) -> Iterator[Want]:
        if NAMESPACE in self.keys:
            yield Want(NAMESPACE, 1)
        for name, units in node.limits:
            yield Want(RESOURCE + name, units)
        if f"{TYPE}{node.type}" in self.keys:
            yield Want(f"{TYPE}{node.type}", 1)

    def execution(self, state: ExecutionState, first: Recorded, quick: Quick) -> Event | None:
        """Return what makes an execution wait that has just begun, or ends it; None if it may run."""
        if type(first.event) is ExecutionContinued or state.slots is not NO_SLOTS:
            return None  # it goes on with what it holds
        graph = state.graph
        wants = [Want(WORKFLOW + graph.name, 1)] if WORKFLOW + graph.name in self.keys else []
        policy = "queue"
        if graph.concurrency is not None:
            found = _key(graph, state, quick)
            if isinstance(found, ErrorInfo):
                return ExecutionFailed(found)
            wants.append(Want(found, 1, graph.concurrency.most))
            policy = graph.concurrency.policy
        return SlotsRequested("", 0, [_shape(want) for want in wants], policy=policy) if wants else None  # type: ignore[arg-type]


_UNBEGUN = frozenset({GRANTED, "retry", "lost"})


def _shape(want: Want) -> dict[str, Any]:
    shape: dict[str, Any] = {"key": want.key, "units": want.units}
    return shape if want.most is None else {**shape, "max": want.most}


def _key(graph: Graph, state: ExecutionState, quick: Quick) -> str | ErrorInfo:
    """Return the key under which executions of a workflow are counted together, or why there is none."""
    key = graph.concurrency.key if graph.concurrency is not None else None
    if key is None:
        return CONCURRENCY + graph.name
    answer = Answer(key.value) if key.constant else quick(state, Ask("", "output", key))
    if answer is None:
        message = "concurrency.key reads more than can be looked at when an execution begins."
        return ErrorInfo("expression", "concurrency-key-unknown", message, retryable=False)
    if answer.error is not None:
        return answer.error
    value = answer.value if isinstance(answer.value, str) else canonical(answer.value).decode()
    return f"{CONCURRENCY}{graph.name}:{value}"[:512]


def given_back(state: ExecutionState) -> Iterator[Event]:
    """Yield what gives slots back for which a paused execution has no use now: nothing begins in it."""
    if state.status is not ExecutionStatus.PAUSED:
        return
    for path, claim in state.slots.claims.items():
        task = state.task(path) if path and claim.granted else None
        if task is not None and task.status is TaskStatus.READY and task.reason in _UNBEGUN:
            yield asked_again(path, claim, task)


def asked_again(path: str, claim: Claim, task: TaskState | None) -> SlotsRequested:
    """Return what gives slots back, or refuses them, and keeps the place in the line."""
    wants = [_shape(want) for want in claim.wants]
    asked = SlotsRequested(path, claim.attempt, wants, policy=claim.policy, since=claim.since)
    if task is None or task.attempt:
        return asked
    return replace(asked, input=task.input, holes=task.holes)


def gate_of(graph: Graph, state: ExecutionState, keys: frozenset[str]) -> Gate | None:
    """Return the gate of an execution; None, which costs nothing, if no limit can concern it."""
    if keys or graph.limited or state.slots is not NO_SLOTS:
        return Gate(keys)
    return None
