"""Perform a workflow on a stage, and gather what a test wants to know of it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.events import ExecutionCompleted, Recorded
from harmonia_core.model.graph import Graph
from harmonia_core.model.refs import REFS
from harmonia_core.model.statuses import FINAL_EXECUTION
from harmonia_core.testing.execution import Execution
from harmonia_core.testing.folding import Fold
from harmonia_core.testing.records import error_of, moment
from harmonia_core.testing.stage import Stage


class Performance(NamedTuple):
    """Hold an execution with all that was recorded. graphs: by execution, with mocks in place."""

    execution: Execution
    recorded: Sequence[Recorded]
    graphs: dict[str, Graph]
    fault: Exception | None


async def perform(
    stage: Stage,
    definition: WorkflowDefinition,
    input: Any,
    workflows: Sequence[WorkflowDefinition],
    until: float,
    limit: float,
) -> Performance:
    """Run a workflow and return what came of it. Raises what refuses to begin it."""
    with _unlogged():
        async with stage:
            return await _performed(stage, definition, input, workflows, until, limit)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Leave unsaid in the log what fails in the execution: a test draws it."""
    log = logging.getLogger("harmonia.executions")
    log.addFilter(_nothing)
    try:
        yield
    finally:
        log.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


async def _performed(
    stage: Stage,
    definition: WorkflowDefinition,
    input: Any,
    workflows: Sequence[WorkflowDefinition],
    until: float,
    limit: float,
) -> Performance:
    began = stage.clock.now()
    rest = await stage.play(definition, input, workflows, until, limit)
    graphs = {key: state.graph for key, state in stage.states.items()}
    fold = Fold(graphs, stage.engine.full_path)
    fold.fold(stage.recorded)
    fold.close()
    for path, task in fold.tasks.items():
        task.output = await _value(stage, fold.owners[path], task.output)
    output = await _output(stage)
    state = stage.states[stage.root]
    execution = Execution(
        id=stage.root,
        workflow=definition.name,
        status=state.status.value,
        rest=rest,
        input=state.input,
        output=output,
        error=error_of(state.error) if state.status in FINAL_EXECUTION else None,
        vars=state.vars,
        tasks=list(fold.tasks.values()),
        messages=fold.messages,
        undone=[fold.guarded(path) for path in fold.undone],
        started=moment(began),
        ended=moment(stage.clock.now() if state.ended_at is None else state.ended_at),
    )
    return Performance(execution, stage.recorded, graphs, stage.fault)


async def _output(stage: Stage) -> Any:
    for one in stage.recorded:
        if one.execution_id == stage.root and isinstance(one.event, ExecutionCompleted):
            return await _value(stage, stage.root, one.event.output)
    return None


async def _value(stage: Stage, execution_id: str, value: Any) -> Any:
    """Return a value, fetched if a reference stands for it."""
    if not isinstance(value, REFS):
        return value
    return await stage.engine._loader.value(stage.states[execution_id], "default", value)
