"""Ten bugs to be found: each breaks one thing of the real product, in place, while its context is open.

`with BUGS["lost_timer"](): ...` runs the product with that bug; everything else is the real code. What
looks for bugs is shown to find these: what does not find one is worth nothing. A bug is in force for what
runs in this process. Do not open two at once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from bugs_of_stores import Patches, fence_removed, stored_counter

from harmonia_core.contracts.rows import Unit
from harmonia_core.engine import arrivals, attempt, driver, frontier, ownership, undoing
from harmonia_core.engine.child_starts import ChildStarts
from harmonia_core.engine.record import Recorder
from harmonia_core.engine.walks import begun
from harmonia_core.ids import successor_id
from harmonia_core.model.events import Answered, LateResultRefused, TaskFailed, TaskSucceeded
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus


class Bug:
    """Break one thing while its context is open. says: what is broken, and where the guarantee lives."""

    def __init__(self, patches: Callable[[], Patches]) -> None:
        self.patches, self.name, self.says = patches, patches.__name__, patches.__doc__ or ""

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with ExitStack() as stack:
            for owner, name, broken in self.patches():
                # `create`: a name that a module would otherwise find among the builtins.
                stack.enter_context(patch.object(owner, name, broken, create=not hasattr(owner, name)))
            yield


def non_atomic_outcome() -> Patches:
    """Commit events and head of a unit first, and what follows from them as a commit of its own.

    Rows of tasks and timers, requests to others and slots are lost if the engine dies in between. The
    guarantee lives in `Recorder._unit`: what belongs together is one unit.
    """
    unit_of, results_of = Recorder._unit, Recorder._results
    rests: dict[int, Unit] = {}
    later = ("tasks", "timers", "closed_timers", "requests", "slots", "closed_slots", "promotions")

    def first_half(self: Recorder, live: Any, batch: Any, owner: str | None) -> Unit:
        unit = unit_of(self, live, batch, owner)
        rest = Unit()
        for name in later:
            setattr(rest, name, getattr(unit, name))
            setattr(unit, name, [])
        rests[id(unit)] = rest
        return unit

    def second_half(self: Recorder, results: Any) -> None:
        for unit, error in results:
            rest = rests.pop(id(unit), None)
            if error is None and rest is not None and any(getattr(rest, name) for name in later):
                self._backend.submit([rest], lambda done: None)
        results_of(self, results)

    return [(Recorder, "_unit", first_half), (Recorder, "_results", second_half)]


def lost_timer() -> Patches:
    """Forget the next timer of an execution that is adopted.

    The guarantee lives in `Driver.adopt`: an adopter sets every timer that the state waits for.
    """
    real = driver.open_timers

    def all_but_the_next(state: Any) -> Any:
        return sorted(real(state), key=lambda row: row.due)[1:]

    return [(driver, "open_timers", all_but_the_next)]


def terminal_overwritten() -> Patches:
    """Let the outcome of an attempt move a task that has ended, also one that has come before.

    The guarantee lives in `outcomes.from_outcome`: what is late is refused.
    """
    real = arrivals.from_outcome

    def taken(state: Any, outcome: Any, now: float, draw: float) -> Any:
        event = real(state, outcome, now, draw)
        task = state.task(outcome.key.path) if isinstance(event, LateResultRefused) else None
        if task is None or task.status not in FINAL_TASK or task.attempt != outcome.key.attempt:
            return event
        if outcome.kind == "succeeded":
            return TaskSucceeded(*outcome.key[1:], outcome.output)
        if outcome.kind == "failed":
            return TaskFailed(*outcome.key[1:], outcome.error)
        return event

    return [(arrivals, "from_outcome", taken)]


def frontier_not_updated() -> Patches:
    """Leave a task that waits for several others untold of one that ends otherwise than in success.

    The guarantee lives in `frontier._tell`: every end counts at every dependant.
    """
    real = frontier._tell

    def untold(touched: Any, pages: Any, nodes: Any, position: int, ended: TaskStatus) -> tuple[int, int]:
        if ended is not TaskStatus.SUCCEEDED and len(nodes.tasks[position].depends_on) > 1:
            return 0, 0
        return real(touched, pages, nodes, position, ended)

    return [(frontier, "_tell", untold)]


def answer_evaluated_twice() -> Patches:
    """Evaluate open questions twice after an adoption, and record the second answer as well.

    The guarantee lives in `arrivals.translate`: an answer is taken while its question is open, once.
    """
    translate, open_questions = driver.translate, ownership.open_questions
    answered = driver.Driver._answered
    found: dict[tuple[str, str], list[Any]] = {}

    def taken(state: Any, arrival: Any, now: float) -> Any:
        if isinstance(arrival, arrivals.AnswerFound) and arrival.question not in state.asks:
            yield Answered(arrival.question, *arrival.answer), None, None
        else:
            yield from translate(state, arrival, now)

    def twice(state: Any) -> Any:
        questions = open_questions(state)
        found.update({(state.execution_id, question): [] for question, _ in questions})
        return questions * 2

    def both(self: Any, live: Any, question: str, answer: Any) -> None:
        answers = found.get((live.execution_id, question))
        if answers is None:
            answered(self, live, question, answer)
            return
        answers.append(answer)
        if len(answers) == 2:  # the first has waited, so that the execution cannot end before the second
            for one in found.pop((live.execution_id, question)):
                answered(self, live, question, one)

    return [
        (driver, "translate", taken),
        (arrivals, "translate", taken),
        (ownership, "open_questions", twice),
        (driver.Driver, "_answered", both),
    ]


def child_started_twice() -> Patches:
    """Begin the open children of an execution once more, as other executions, when it is adopted.

    The guarantee lives in `ChildStarts` and in the id of a child, which is derived from the attempt it is
    for: beginning it again finds it there.
    """
    begin, begin_children = ChildStarts._begin, ownership.Owner._begin_children
    seen: dict[str, tuple[Any, ...]] = {}

    def noted(self: ChildStarts, row: Any, *rest: Any) -> Any:
        seen[row.execution_id] = row, *rest
        return begin(self, row, *rest)

    async def again(self: Any, live: Any) -> None:
        await begin_children(self, live)
        for _, task in list(begun(live.state.graph, live.state)):
            if task.child in seen:
                row, body, graph, problems, _, *text = seen[task.child]
                other = successor_id(task.child, live.epoch, int(live.state.started_at * 1000))
                twin = row._replace(execution_id=other, request_id=f"start:{other}")
                begin(self.starts, twin, body, graph, problems, (), *text)

    return [(ChildStarts, "_begin", noted), (ownership.Owner, "_begin_children", again)]


def undo_order_broken() -> Patches:
    """Undo what was done first of all first.

    The guarantee lives in `undoing._next`: the youngest entry comes first.
    """

    def upwards(start: int, stop: int, step: int) -> range:
        return range(start, stop, step)[::-1]

    return [(undoing, "range", upwards)]


def secret_recorded() -> Patches:
    """Let a task say the secrets that it was handed, in its output, its error, its log.

    The guarantee lives in `attempt`, which masks with what `handover.with_secrets` returns.
    """
    real = attempt.with_secrets

    def unmasked(job: Any, secret: Any) -> Any:
        return real(job, secret)[0], None

    return [(attempt, "with_secrets", unmasked)]


BUGS: Mapping[str, Bug] = {
    bug.__name__: Bug(bug)
    for bug in (
        fence_removed,
        stored_counter,
        non_atomic_outcome,
        lost_timer,
        terminal_overwritten,
        frontier_not_updated,
        answer_evaluated_twice,
        child_started_twice,
        undo_order_broken,
        secret_recorded,
    )
}
