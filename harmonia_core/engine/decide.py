"""Say what to do next, from the frontier alone. Pure; once per batch of events.

`decide` is idempotent: it asks for nothing that is already in flight, and the
same state gives the same commands. Answers are looked up by (path, place); what
is neither answered nor being asked becomes an `Ask`.
"""

from harmonia_core.engine.messages import hand_out
from harmonia_core.engine.turn import Turn
from harmonia_core.engine.undoing import compensated, go_on, heeded, record_owed
from harmonia_core.engine.winding import wind_down
from harmonia_core.model.commands import Answers, Command, CompleteExecution, FailExecution
from harmonia_core.model.graph import Graph
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

_EMPTY: Answers = {}
_STILL = FINAL_EXECUTION | {ExecutionStatus.QUEUED, ExecutionStatus.PAUSED}


def decide(graph: Graph, state: ExecutionState, answers: Answers = _EMPTY) -> list[Command]:
    """Return the commands that the state calls for; none if it only waits or has ended."""
    if state.status in _STILL:
        return _meanwhile(state, answers)
    undo = state.undo
    if not (graph.undoes or graph.holds or undo.wanted):
        return _forward(graph, state, answers)
    if undo.owed:
        # What has been done must be known before a scope can end, or anything can fail.
        turn = Turn(state, answers)
        record_owed(turn, state)
        return turn.out
    commands = go_on(graph, state)
    if undo.compensation("") is not None:
        commands = commands or compensated(state)
    else:
        commands += _forward(graph, state, answers)
    return list(heeded(graph, state, commands))


def _meanwhile(state: ExecutionState, answers: Answers) -> list[Command]:
    """Return what a pause does not put off: how to undo what an attempt in flight has done.

    It is asked about what the attempt found, before a person may change that.
    """
    turn = Turn(state, answers)
    if state.status is ExecutionStatus.PAUSED and state.undo.owed:
        record_owed(turn, state)
    return turn.out


def _forward(graph: Graph, state: ExecutionState, answers: Answers) -> list[Command]:
    """Return what takes the tasks further, or ends the execution."""
    turn = Turn(state, answers)
    winding = state.cancelling or state.timed_out
    if winding:
        wind_down(turn, graph, state)
    else:
        turn.graph(graph.root, state.scope, "")
    if graph.undoes or graph.holds:
        # A failure that waits for what is undone first keeps nobody else waiting.
        turn.out = list(heeded(graph, state, turn.out))
    if not turn.out and state.inbox.due:
        turn.out += hand_out(state)
    if not turn.out and not winding and not state.scope.open:
        _finish(graph, state, turn)
    return turn.out


def _finish(graph: Graph, state: ExecutionState, turn: Turn) -> None:
    """End the execution, once its output is known."""
    if state.failed and state.error is not None:
        turn.out.append(FailExecution(state.error, state.failed))
        return
    answer = turn.filled("", "output", graph.output, None)
    if answer is None:
        return
    if answer.error is not None:
        turn.out.append(FailExecution(answer.error, ()))
    else:
        turn.out.append(CompleteExecution(answer.value))
