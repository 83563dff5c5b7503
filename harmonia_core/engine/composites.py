"""Take composites further: the tasks inside them, the cursor of a sequence, and their own end. Pure."""

from typing import TYPE_CHECKING

from harmonia_core.engine.ends import not_enough, total_timeout
from harmonia_core.engine.questions import choice_of, fitting
from harmonia_core.engine.walks import inside_path
from harmonia_core.engine.winding import wind_inside
from harmonia_core.model.commands import EnterStep, FailTask, StopScope, SucceedTask
from harmonia_core.model.events import Place
from harmonia_core.model.graph import Catch, Jump, Order, Scope, TaskNode
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored
from harmonia_core.model.state import InsideState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

if TYPE_CHECKING:
    from harmonia_core.engine.turn import Turn


def go_on(turn: "Turn", node: TaskNode, path: str, task: TaskState) -> None:
    """Decide on a composite that has something to decide."""
    assert node.scope is not None and task.inside is not None
    _Visit(turn, node, path, task, node.scope, task.inside).go_on()


class _Visit:
    """Hold one look at one composite. within: what the paths of its tasks begin with."""

    __slots__ = ("inside", "node", "nodes", "path", "task", "turn", "within")

    def __init__(
        self, turn: "Turn", node: TaskNode, path: str, task: TaskState, nodes: Scope, inside: InsideState
    ) -> None:
        self.turn, self.node, self.path, self.task = turn, node, path, task
        self.nodes, self.inside = nodes, inside
        self.within = inside_path(path, nodes, inside)

    def go_on(self) -> None:
        inside = self.inside
        if self.task.reason == "total-timeout" or inside.stopped is not None:
            self._wind()
        elif self.nodes.order is not None:
            self._sequence(self.nodes.order)
        else:
            self._graph()

    def _graph(self) -> None:
        winner = self._winner()
        if winner is not None and self.inside.graph.active:
            self.turn.out.append(StopScope(self.path, "won", f"{self.within}/{self.nodes.tasks[winner].id}"))
            return
        before = len(self.turn.out)
        if winner is None:
            self.turn.graph(self.nodes, self.inside.graph, f"{self.within}/")
        if len(self.turn.out) == before and (winner is not None or not self.inside.graph.open):
            self._end(None if winner is not None else self._first_error())

    def _winner(self) -> int | None:
        """Return which task of a race decided it by succeeding, None if none has yet or it is no race."""
        enough, graph = self.nodes.enough, self.inside.graph
        if enough is None:
            return None
        tasks = ((graph.task(node.index), node.index) for node in self.nodes.tasks)
        won = sorted(
            (task.ended_seq or 0, index) for task, index in tasks if task.status is TaskStatus.SUCCEEDED
        )
        return won[enough - 1][1] if len(won) >= enough else None

    def _first_error(self) -> ErrorInfo | None:
        graph = self.inside.graph
        failed = [graph.task(node.index) for node in self.nodes.tasks]
        failed = [task for task in failed if task.status is TaskStatus.FAILED]
        if failed or self.nodes.enough is None:
            return min(failed, key=lambda task: task.ended_seq or 0).error if failed else None
        return not_enough(self.nodes.enough)

    def _wind(self) -> None:
        """End what has begun inside, then the composite: as a race that is won, or as out of time."""
        if wind_inside(self.turn, self.nodes, self.path, self.inside):
            return
        if self.task.reason == "total-timeout":
            self.turn.out.append(FailTask(self.path, self.task.attempt, total_timeout(self.node)))
        else:
            self._end(None)

    def _sequence(self, order: Order) -> None:
        cursor, graph = self.inside.cursor, self.inside.graph
        if cursor < 0:
            self._begin(order)
            return
        step = graph.task(cursor)
        if step.status not in FINAL_TASK:
            self.turn.graph(self.nodes, graph, f"{self.within}/")
            return
        path = f"{self.within}/{self.nodes.tasks[cursor].id}"
        if cursor == order.last:
            self._end(step.error if step.status is TaskStatus.FAILED else self._raised())
        elif step.status is TaskStatus.FAILED and step.error is not None:
            self._catch(order, path, step.error)
        else:
            self._jump(order, path, "then", order.rules[cursor].then)

    def _begin(self, order: Order) -> None:
        """Enter the sequence; one that counts its rounds needs a number of them."""
        times = self._times() if order.counted else 1
        if times is None:
            self.turn.out.append(FailTask(self.path, self.task.attempt, _not_counted()))
        elif times == 0:
            self._leave(order, None)
        else:
            self._jump(order, self.within, "enter", order.enter)

    def _raised(self) -> ErrorInfo | None:
        return self.inside.error if self.inside.raising else None

    def _jump(self, order: Order, path: str, place: Place, jumps: tuple[Jump, ...]) -> None:
        """Go where the first jump that holds leads to; to the end if none does."""
        found = self._first(path, place, jumps)
        if found is None:
            return
        number, error = found
        jump = None if number is None else jumps[number]
        if error is not None:
            self._leave(order, error)
        elif jump is None or jump.to is None:
            self._leave(order, None)
        else:
            self._enter(order, jump.to)

    def _first(
        self, path: str, place: Place, ways: tuple[Jump | Catch, ...]
    ) -> tuple[int | None, ErrorInfo | None] | None:
        """Return which way holds first, or why that cannot be known; None while it is being asked."""
        choice = choice_of(ways)
        count = len(choice.conditions)
        default = count if count < len(ways) else None
        if not count:
            return default, None
        answer = self.turn.chosen(path, place, choice)
        if answer is None:
            return None
        return (default if answer.value is None else answer.value), answer.error

    def _catch(self, order: Order, path: str, error: ErrorInfo) -> None:
        fit = fitting(order.rules[self.inside.cursor].caught, error)
        found = self._first(path, "caught", fit)
        if found is None:
            return
        number, fault = found
        way = None if number is None else fit[number]
        if way is None or fault is not None:
            self._leave(order, fault or error)
        elif way.to is None:
            self._leave(order, None)
        else:
            iteration = self.inside.iteration
            self.turn.out.append(EnterStep(self.path, way.to, iteration, error, way.name))

    def _enter(self, order: Order, step: int) -> None:
        """Enter a step; going back begins a new iteration, if the limit leaves room for it."""
        inside = self.inside
        back = inside.cursor >= 0 and step <= inside.cursor
        if back and order.counted and inside.jumps + 1 >= (self._times() or 0):
            self._leave(order, None)
        elif back and order.limit is not None and inside.jumps + 1 >= order.limit:
            self._leave(order, _too_often(order.limit))
        else:
            self.turn.out.append(EnterStep(self.path, step, inside.iteration + back))

    def _times(self) -> int | None:
        """Return how many rounds the input asks for, None if that is no number from 0."""
        times = self.task.input.get("times") if isinstance(self.task.input, dict) else None
        return times if type(times) is int and times >= 0 else None

    def _leave(self, order: Order, error: ErrorInfo | None) -> None:
        """End the sequence, through its last step if it has one."""
        if order.last is None:
            self._end(error)
        else:
            raising = error is not None
            self.turn.out.append(
                EnterStep(self.path, order.last, self.inside.iteration, error, None, raising)
            )

    def _end(self, error: ErrorInfo | None) -> None:
        """End the composite, well or with an error; its policy may let it begin anew."""
        attempt = self.task.attempt
        if error is not None:
            self.turn.out.append(FailTask(self.path, attempt, error, self.node.retry))
            return
        output = self._output()
        if output is None:
            return
        value, fault = output
        if fault is not None:
            self.turn.out.append(FailTask(self.path, attempt, fault))
        else:
            self.turn.out.append(SucceedTask(self.path, attempt, value))

    def _output(self) -> tuple[Stored, ErrorInfo | None] | None:
        """Return what the composite comes to, or why that cannot be known; None while it is being asked."""
        template = self.nodes.output
        if template is not None:
            answer = self.turn.filled(self.within, "output", template, None)
            return None if answer is None else (answer.value, answer.error)
        ended = self._deciding()
        if ended is None:
            return None, None
        task = self.inside.graph.task(ended)
        return (task.output if task.status is TaskStatus.SUCCEEDED else None), None

    def _deciding(self) -> int | None:
        """Return whose output is the composite's: of the winner, or of the step before the end."""
        order, inside = self.nodes.order, self.inside
        if order is None:
            return self._winner()
        step = inside.came if inside.cursor == order.last else inside.cursor
        return step if step >= 0 else None


def _not_counted() -> ErrorInfo:
    message = "`times` is no whole number from 0."
    return ErrorInfo("validation", "input-invalid", message, retryable=False)


def _too_often(limit: int) -> ErrorInfo:
    message = f"Still not done after {limit:,} iterations, which is its `max_iterations`."
    return ErrorInfo("validation", "iterations-exceeded", message, retryable=False)
