"""One decision over a tree of scopes: what every ready, doomed or stirred task calls for. Pure."""

from collections.abc import Iterable

from harmonia_core.engine import children, composites, kernel_tasks, maps, memo_commands
from harmonia_core.engine.ends import again
from harmonia_core.engine.frontier import verdict
from harmonia_core.engine.questions import fold_of
from harmonia_core.engine.walks import positions
from harmonia_core.model.commands import (
    Answer,
    AnswerKey,
    Answers,
    Ask,
    Choice,
    Command,
    FailTask,
    MarkUnreachable,
    Named,
    ScheduleTask,
    SkipTask,
)
from harmonia_core.model.events import Place
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.slots import GRANTED
from harmonia_core.model.state import ExecutionState, GraphState, TaskState
from harmonia_core.model.statuses import TaskStatus
from harmonia_core.model.values import Template


def further(node: TaskNode, path: str, task: TaskState, state: ExecutionState) -> Iterable[Command]:
    """Return what takes a task or an undo further that has begun before and is ready once more."""
    if node.kernel and node.scope is None and task.reason == "retry":
        return kernel_tasks.once_more(node, path, task, state)
    return again(node, path, task)


_BLOCKING = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.UNREACHABLE})
_NULL = Answer(None)


class Turn:
    """Hold one decision: what it looks at, and the commands that come of it, in `out`."""

    __slots__ = ("_answers", "_asked", "out", "state")

    def __init__(self, state: ExecutionState, answers: Answers) -> None:
        self.state, self._answers = state, answers
        # Places whose questions are open; they are not asked again.
        self._asked = {(asked.path, asked.place) for asked in state.asks.values()} if state.asks else ()
        self.out: list[Command] = []

    def graph(self, nodes: Scope, scope: GraphState, prefix: str) -> None:
        """Take the tasks of a scope further. prefix: of their paths."""
        if scope.doomed:
            self._doomed(nodes, scope, prefix)
        if scope.ready:
            self._ready(nodes, scope, prefix)
        if scope.stirred:
            for position in positions(scope.stirred):
                node = nodes.tasks[position]
                self.go_on(node, prefix + node.id, scope.task(position))

    def go_on(self, node: TaskNode, path: str, task: TaskState) -> None:
        """Take a map or a composite that has begun further."""
        if task.items is not None:
            maps.go_on(self, node, path, task)
        else:
            composites.go_on(self, node, path, task)

    def _doomed(self, nodes: Scope, scope: GraphState, prefix: str) -> None:
        """End the tasks whose dependencies can no longer be met."""
        tasks = nodes.tasks
        for position in positions(scope.doomed):
            node = tasks[position]
            if verdict(node.join, len(node.depends_on), scope.task(position).tally) == "skip":
                self.out.append(SkipTask(prefix + node.id, "dependencies-skipped"))
                continue
            blocking = (d for d in node.depends_on if scope.task(d).status in _BLOCKING)
            first = min(blocking, key=lambda position: scope.task(position).ended_seq or 0)
            self.out.append(MarkUnreachable(prefix + node.id, prefix + tasks[first].id))

    def _ready(self, nodes: Scope, scope: GraphState, prefix: str) -> None:
        """Take ready tasks a step further, in definition order, as far as the window has room."""
        tasks = nodes.tasks
        room = nodes.window - scope.outstanding - len(self._asked)
        mask = scope.ready
        while mask and room > 0:
            low = mask & -mask
            mask ^= low
            position = low.bit_length() - 1
            node = tasks[position]
            before = len(self.out)
            self.begin(node, prefix + node.id, scope.task(position), self.out)
            # One whose question is open has taken its place above.
            room -= len(self.out) > before

    def begin(self, node: TaskNode, path: str, task: TaskState, out: list[Command]) -> bool:
        """Take one ready task a step further; tell whether more than a question came of it."""
        if task.attempt:
            if task.reason == "retry" and node.child is not None and node.child.reference is not None:
                return self._named(node, path, task.attempt, Answer(task.input, task.holes), out)
            out.extend(further(node, path, task, self.state))
            return True
        if task.reason == GRANTED:
            out.append(ScheduleTask(path, node, 1, True, task.input, task.holes))
            return True
        if node.when is not None:
            answer = self._answer((path, "when"))
            if answer is None:
                return self._ask(Ask(path, "when", node.when, 0, node), out)
            if answer.error is not None or answer.value is False:
                out.append(FailTask(path, 0, answer.error) if answer.error else SkipTask(path, "when"))
                return True
        given = self.state.answers.get((path, "given")) if self.state.answers else None
        if given is not None:
            answer = given
        elif node.input.constant:
            answer = Answer(node.input.value)
        else:
            found = self._answer((path, "input"))
            if found is None:
                return self._ask(Ask(path, "input", node.input, 0, node), out)
            answer = found
        if answer.error is not None:
            out.append(FailTask(path, 0, answer.error))
        elif node.scope is not None:
            out.append(ScheduleTask(path, node, 1, True, answer.value))
        elif node.child is not None and node.child.reference is not None:
            return self._named(node, path, 0, answer, out)
        elif node.kernel:
            out.extend(kernel_tasks.begin(node, path, answer, self.state))
        elif node.memo is not None:
            return self._recall(node, path, answer, out)
        else:
            out.append(ScheduleTask(path, node, 1, True, answer.value, answer.holes))
        return True

    def _named(self, node: TaskNode, path: str, attempt: int, input: Answer, out: list[Command]) -> bool:
        """Take a task further once it is known which workflow its author has named."""
        assert node.child is not None and node.child.reference is not None
        found = self._answer((path, "child"))
        if found is None:
            return self._ask(Ask(path, "child", Named(node.child.reference), attempt, node), out)
        out.extend(children.begin_named(node, path, attempt + 1, input, found, self.state))
        return True

    def _recall(self, node: TaskNode, path: str, input: Answer, out: list[Command]) -> bool:
        """Take a task further once it is known whether an earlier result may be used again."""
        found = self._answer((path, "memo"))
        if found is None:
            recall = memo_commands.recall_of(node, self.state.graph.name)
            return self._ask(Ask(path, "memo", recall, 0, node), out)
        out.extend(memo_commands.begin(node, path, input, found))
        return True

    def filled(
        self, path: str, place: Place, template: Template | None, node: TaskNode | None
    ) -> Answer | None:
        """Return what a template comes to, null without one; None while that is being asked."""
        if template is None:
            return _NULL
        found = self._answer((path, place))
        if found is None:
            self._ask(Ask(path, place, template, 0, node), self.out)
        return found

    def reduced(self, node: TaskNode, path: str, task: TaskState) -> Answer | None:
        """Return what the outputs of a map are folded into; None while that is being asked."""
        found = self._answer((path, "reduce"))
        if found is None:
            self._ask(Ask(path, "reduce", fold_of(node, task), task.attempt, node), self.out)
        return found

    def chosen(self, path: str, place: Place, choice: Choice) -> Answer | None:
        """Return which condition holds; None while that is being asked."""
        found = self._answer((path, place))
        if found is None:
            self._ask(Ask(path, place, choice), self.out)
        return found

    def _answer(self, key: AnswerKey) -> Answer | None:
        found = self._answers.get(key)
        if found is None and self.state.answers:
            return self.state.answers.get(key)
        return found

    def _ask(self, ask: Ask, out: list[Command]) -> bool:
        if not self._asked or (ask.path, ask.place) not in self._asked:
            out.append(ask)
        return False
