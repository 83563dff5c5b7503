"""The way from what is asked about to what blocks it. Pure."""

from collections.abc import Iterable, Iterator

from harmonia_core.engine.explain_causes import Cause, Step
from harmonia_core.engine.explain_survey import undoing
from harmonia_core.engine.explain_tasks import question
from harmonia_core.engine.walks import Level, inside_path
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import TaskStatus


def step(state: ExecutionState, path: str, status: str) -> Step:
    """Return a step of a way."""
    return Step(state.execution_id, path, status)


def prefix_of(level: Level) -> str:
    """Return what the paths of the tasks at a level begin with."""
    if level.inside is None:
        return ""
    return f"{inside_path(level.owner, level.nodes, level.inside)}/"


def _status(state: ExecutionState, path: str) -> str:
    task = state.task(path)
    return TaskStatus.WAITING.value if task is None else task.status.value


def chained(state: ExecutionState, chain: tuple[Step, ...], causes: Iterable[Cause]) -> Iterator[Cause]:
    """Yield causes with the way to them, which ends with the task that each is about."""
    for cause in causes:
        last = (
            chain
            if cause.path in ("", chain[-1].path)
            else (*chain, step(state, cause.path, _status(state, cause.path)))
        )
        yield cause._replace(chain=last)


def asked_within(state: ExecutionState, path: str) -> Iterator[Cause]:
    """Yield what a task waits for that is neither a task nor an item inside it."""
    within = (f"{path}/", f"{path}[")
    for asked in state.asks.values():
        if asked.path == path or asked.path.startswith(within):
            yield question(state, asked)
    if any(one.path == path or one.path.startswith(within) for one in state.undo.open):
        yield from undoing(state)
