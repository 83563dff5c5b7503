"""What is asked, and asked again by whoever goes on with an execution whose questions are open. Pure."""

from harmonia_core.engine.memo_commands import recall_of
from harmonia_core.engine.retry import matches
from harmonia_core.engine.walks import Level, node_of, visible
from harmonia_core.model.addresses import UNDO
from harmonia_core.model.commands import Ask, Choice, Fold, Named
from harmonia_core.model.graph import Catch, Jump, TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState, Question, TaskState
from harmonia_core.model.values import Expression, Template

Subject = Template | Expression | Choice | Fold


def choice_of(ways: tuple[Jump | Catch, ...]) -> Choice:
    """Return the conditions of ways up to the first that has none: what follows it is never taken."""
    conditions = []
    for way in ways:
        if way.when is None:
            break
        conditions.append(way.when)
    return Choice(tuple(conditions))


def fitting(ways: tuple[Catch, ...], error: ErrorInfo) -> tuple[Catch, ...]:
    """Return the handlers that take an error of its class."""
    return tuple(way for way in ways if not way.errors or matches(error, way.errors))


def fold_of(node: TaskNode, task: TaskState) -> Fold:
    """Return what the outputs of a map are to be folded into, all of whose items have ended."""
    assert node.reduce is not None and task.items is not None
    return Fold(node.reduce.initial, node.reduce.value, task.items.reach)


def open_questions(state: ExecutionState) -> list[tuple[str, Ask]]:
    """Return the questions that an earlier owner left unanswered."""
    return [(question, _ask_again(state, asked)) for question, asked in state.asks.items()]


def _ask_again(state: ExecutionState, asked: Question) -> Ask:
    path, place = asked.path, asked.place
    if place == "undo":
        undo = node_of(state.graph, path + UNDO)
        return Ask(path, "undo", undo.input, 0, undo)
    if place == "memo":
        node = node_of(state.graph, path)
        return Ask(path, "memo", recall_of(node, state.graph.name), 0, node)
    if place == "child":
        node = node_of(state.graph, path)
        assert node.child is not None and node.child.reference is not None
        return Ask(path, "child", Named(node.child.reference), asked.attempt, node)
    if place in ("when", "input"):
        node = node_of(state.graph, path)
        subject = node.when if place == "when" and node.when is not None else node.input
        return Ask(path, place, subject, 0, node)  # type: ignore[arg-type]
    if place == "reduce":
        node, task = node_of(state.graph, path), state.task(path)
        assert task is not None
        return Ask(path, "reduce", fold_of(node, task), asked.attempt, node)
    level = visible(state, path, place)[-1]
    return Ask(path, place, _subject(state, level, asked))  # type: ignore[arg-type]


def _subject(state: ExecutionState, level: Level, asked: Question) -> Subject:
    if asked.place == "output":
        output = level.nodes.output if asked.path else state.graph.output
        assert output is not None
        return output
    order = level.nodes.order
    assert order is not None
    if asked.place == "enter":
        return choice_of(order.enter)
    rule = order.rules[level.position]
    if asked.place == "then":
        return choice_of(rule.then)
    error = level.graph.task(level.position).error
    assert error is not None
    return choice_of(fitting(rule.caught, error))
