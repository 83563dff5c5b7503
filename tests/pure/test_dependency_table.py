"""The dependency table of the semantics: each join x each end of each dependency x `when`.

What should come of it is said twice and independently of the code: by a naive oracle
that is the semantics' text, sentence for sentence, and by a table of literals.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from building import BOOM, NOTHING, SOME, Play, task
from building import graph as build

from harmonia_core.engine.arrivals import Fact
from harmonia_core.engine.evaluate import Evaluator
from harmonia_core.engine.frontier import put, verdict
from harmonia_core.model.events import TaskCancelled, TaskSkipped
from harmonia_core.model.expression import parse_expression
from harmonia_core.model.graph import Join
from harmonia_core.model.state import Tally, TaskState, fresh_scope
from harmonia_core.model.statuses import TaskStatus
from harmonia_core.settings import KernelSettings

ENDS = ("succeeded", "skipped", "failed", "cancelled", "unreachable", "open")
COUNTS: tuple[Any, ...] = ("all", "any", 1, 2, 3)
DONE = ("success", "skipped", "end")


def oracle(count: Any, done: str, ends: tuple[str, ...]) -> str:
    """Say what becomes of the dependant when its dependencies end in this order; open ones never do."""
    order = [end for end in ends if end != "open"]
    for seen in range(len(order) + 1):
        judged = judge(count, done, order[:seen], len(ends))
        if judged != "waiting":
            return judged  # as soon as it is decided, later ends change nothing
    return "waiting"


def judge(count: Any, done: str, ended: list[str], total: int) -> str:
    """Apply the text to what has ended so far."""
    good = {"success": {"succeeded"}, "skipped": {"succeeded", "skipped"}, "end": set(ENDS)}[done]
    if count != "all":
        # `any`/n count only successes (`end`: ends) and start as soon as reached.
        good = set(ENDS) if done == "end" else {"succeeded"}
        wanted = 1 if count == "any" else count
        if sum(end in good for end in ended) >= wanted:
            return "begun"
        still = total - len(ended)
        if sum(end in good for end in ended) + still >= wanted:
            return "waiting"
        return "skipped" if all(end == "skipped" for end in ended if end not in good) else "unreachable"
    in_the_way = [end for end in ended if end not in good]
    if in_the_way:
        return "skipped" if set(in_the_way) == {"skipped"} else "unreachable"
    if len(ended) < total:
        return "waiting"
    return "skipped" if set(ended) == {"skipped"} else "begun"


# The sentences of the semantics, as literals: (count, done), ends in order, what becomes of the task.
SENTENCES = [
    # every dependency is final and each is succeeded or skipped
    (("all", "skipped"), "succeeded succeeded", "begun"),
    (("all", "skipped"), "succeeded skipped", "begun"),
    (("all", "skipped"), "skipped succeeded", "begun"),
    (("all", "skipped"), "succeeded open", "waiting"),
    (("all", "skipped"), "skipped open", "waiting"),
    # success: all succeeded
    (("all", "success"), "succeeded succeeded", "begun"),
    (("all", "success"), "succeeded skipped", "skipped"),
    (("all", "success"), "succeeded failed", "unreachable"),
    # end: any final status
    (("all", "end"), "failed cancelled", "begun"),
    (("all", "end"), "unreachable skipped", "begun"),
    (("all", "end"), "failed open", "waiting"),
    # all skipped: skipped too; a chain behind a skip skips
    (("all", "skipped"), "skipped", "skipped"),
    (("all", "skipped"), "skipped skipped", "skipped"),
    (("all", "end"), "skipped skipped", "skipped"),
    # any and n count only successes, and start as soon as reached
    (("any", "skipped"), "succeeded open", "begun"),
    (("any", "skipped"), "skipped succeeded", "begun"),
    (("any", "skipped"), "failed succeeded", "begun"),
    (("any", "skipped"), "skipped open", "waiting"),
    (("any", "end"), "failed open", "begun"),
    (("any", "end"), "skipped open", "begun"),
    ((2, "skipped"), "succeeded open succeeded", "begun"),
    ((2, "skipped"), "succeeded skipped open", "waiting"),
    ((2, "end"), "failed skipped open", "begun"),
    # as soon as it can no longer be met: skipped if only skips prevented it, else unreachable
    (("any", "skipped"), "skipped skipped", "skipped"),
    (("any", "skipped"), "skipped failed", "unreachable"),
    ((2, "skipped"), "skipped skipped open", "skipped"),
    ((2, "skipped"), "succeeded skipped skipped", "skipped"),
    ((2, "skipped"), "failed skipped open", "unreachable"),
    (("all", "success"), "skipped open", "skipped"),
    (("all", "success"), "skipped failed", "skipped"),
    # failed, cancelled and unreachable block alike
    (("all", "skipped"), "failed open", "unreachable"),
    (("all", "skipped"), "cancelled open", "unreachable"),
    (("all", "skipped"), "unreachable open", "unreachable"),
    (("any", "skipped"), "cancelled unreachable", "unreachable"),
]


@pytest.mark.parametrize(("join", "ends", "wanted"), SENTENCES)
def test_the_sentences_of_the_semantics(join: tuple[Any, str], ends: str, wanted: str) -> None:
    assert oracle(*join, tuple(ends.split())) == wanted
    assert frontier_says(Join(*join), tuple(ends.split())) == wanted


def frontier_says(join: Join, ends: tuple[str, ...]) -> str:
    """Put the ends into a scope one by one, and read the frontier after it."""
    names = [f"d{n}" for n in range(len(ends))]
    nodes = build(*(task(name) for name in names), task("t", *names, join=join)).root
    scope = fresh_scope(nodes)
    place = len(ends)
    for position, end in enumerate(ends):
        if end != "open":
            scope = put(scope, nodes, position, TaskState(TaskStatus(end)))
    last = scope.task(place)
    if scope.ready >> place & 1:
        assert last.status is TaskStatus.READY and not scope.doomed
        return "begun"
    assert last.status is TaskStatus.WAITING
    if scope.doomed >> place & 1:
        return {"skip": "skipped", "unreachable": "unreachable"}[verdict(join, len(ends), last.tally)]
    return "waiting"


def joins(width: int) -> Iterator[tuple[Any, str]]:
    return (
        (count, done) for count, done in product(COUNTS, DONE) if not isinstance(count, int) or count <= width
    )


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_frontier_agrees_with_the_oracle(width: int) -> None:
    wrong = {
        (join, ends): (found, wanted)
        for join in joins(width)
        for ends in product(ENDS, repeat=width)
        if (found := frontier_says(Join(*join), ends)) != (wanted := oracle(*join, ends))
    }
    assert wrong == {}


def test_a_verdict_needs_no_order_to_be_open_or_met() -> None:
    for succeeded, skipped, blocked in product(range(4), repeat=3):
        total = succeeded + skipped + blocked
        assert verdict(Join("all", "end"), total + 1, Tally(succeeded, skipped, blocked)) == "open"


WHEN = {
    "absent": None,
    "true": "input.yes",
    "false": "input.no",
    "not boolean": "input.text",
    "not evaluable": "input.missing",
}
INPUT = {"yes": True, "no": False, "text": "true"}


def never(state: Any, ref: Any) -> Any:
    raise AssertionError("nothing is fetched here")


EVALUATOR = Evaluator(KernelSettings(), never, lambda: 0.0)


def execution(join: Join, width: int, when: str | None) -> Play:
    """Return an execution in which each dependency `d<n>` ends as its gate `g<n>` lets it."""
    problems: list[Any] = []
    condition = None if when is None else parse_expression(when, "tasks.t.when", problems)
    sketches = []
    for n in range(width):
        go = parse_expression(f"tasks.g{n}.output.go", "when", problems)
        sketches += [task(f"g{n}"), task(f"d{n}", f"g{n}", when=go)]
    assert problems == []
    last = task("t", *(f"d{n}" for n in range(width)), join=join, when=condition, input=NOTHING)
    return Play(build(*sketches, last), evaluator=EVALUATOR, input=INPUT)


def bring(play: Play, n: int, end: str) -> None:
    """Let the dependency `d<n>` end."""
    if end == "unreachable":
        play.fail(f"g{n}")
    else:
        play.end(f"g{n}", output={"go": end != "skipped"})
    if end == "succeeded":
        play.end(f"d{n}")
    elif end == "failed":
        play.fail(f"d{n}")
    elif end == "cancelled":
        play.arrive(Fact(TaskCancelled(f"d{n}", play.flying.pop(f"d{n}"))))
    assert play.task(f"d{n}").status == end


def wanted_of(judged: str, when: str) -> tuple[str, str | None]:
    """Return the status of the dependant, and its reason or the code of its error."""
    if judged != "begun":
        return {"skipped": ("skipped", "dependencies-skipped"), "unreachable": ("unreachable", "?")}.get(
            judged, ("waiting", None)
        )
    return {
        "absent": ("running", None),
        "true": ("running", None),
        "false": ("skipped", "when"),
        "not boolean": ("failed", "not-boolean"),
        "not evaluable": ("failed", "path-missing"),
    }[when]


def found_of(play: Play) -> tuple[str, str | None]:
    last = play.task("t")
    if last.status is TaskStatus.FAILED:
        assert last.error is not None and last.error.category == "expression" and not last.error.retryable
        return "failed", last.error.code
    if last.status is TaskStatus.UNREACHABLE:
        blocking = ("failed", "cancelled", "unreachable")
        assert play.task(str(last.reason)).status in blocking
        return "unreachable", "?"
    return last.status.value, last.reason


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(("count", "done"), list(joins(2)))
def test_whole_executions_follow_the_table(count: Any, done: str, when: str) -> None:
    for ends in product(ENDS, repeat=2):
        play = execution(Join(count, done), 2, WHEN[when])
        for n, end in enumerate(ends):
            if end != "open":
                bring(play, n, end)
        wanted = wanted_of(oracle(count, done, ends), when)
        assert found_of(play) == wanted, ends
        if wanted[0] == "running":
            play.end("t")
        if "open" in ends:
            assert not play.final, ends
            continue
        bad = {"failed", "unreachable"} & {*ends, *(("failed",) if wanted[0] == "failed" else ())}
        assert play.state.status == ("failed" if bad else "completed"), ends


@pytest.mark.parametrize(("count", "done"), [("all", "skipped"), (2, "skipped")])
def test_three_dependencies_in_whole_executions(count: Any, done: str) -> None:
    for ends in product(ENDS, repeat=3):
        play = execution(Join(count, done), 3, None)
        for n, end in enumerate(ends):
            if end != "open":
                bring(play, n, end)
        assert found_of(play) == wanted_of(oracle(count, done, ends), "absent"), ends


def test_ends_that_arrive_together_count_in_their_order() -> None:
    first = build(task("a", when=SOME), task("b"), task("t", "a", "b", join=Join("all", "success")))
    play = Play(first, slow=[("a", "when")])
    play.arrive(Fact(TaskSkipped("a", "when")), play.outcome("b", "failed"))
    assert play.task("t").status is TaskStatus.SKIPPED
    play = Play(first, slow=[("a", "when")])
    play.arrive(play.outcome("b", "failed"), Fact(TaskSkipped("a", "when")))
    assert play.task("t").status is TaskStatus.UNREACHABLE and play.task("t").reason == "b"


def test_blocked_by_names_the_first_that_blocked() -> None:
    three = build(task("a"), task("b"), task("t", "a", "b", join=Join("any")))
    play = Play(three)
    play.arrive(play.outcome("b", "failed"), play.outcome("a", "failed"))
    assert play.task("t").reason == "b"


def test_a_diamond_with_one_optional_branch_joins() -> None:
    join = task("d", "b", "c")
    chain = (task("e", "b"), task("f", "e"))
    diamond = build(task("a"), task("b", "a", when=SOME), task("c", "a"), join, *chain)
    play = Play(diamond, {("b", "when"): False})
    play.end("a")
    assert play.statuses() | {"c": "", "d": ""} == {
        "a": "succeeded", "b": "skipped", "c": "", "d": "", "e": "skipped", "f": "skipped",
    }  # fmt: skip
    play.end("c")
    assert play.task("d").status is TaskStatus.RUNNING
    play.end("d")
    assert play.state.status == "completed"


def test_later_ends_change_nothing_of_a_task_that_has_begun() -> None:
    play = Play(build(task("a"), task("b"), task("t", "a", "b", join=Join("any"))))
    play.end("a")
    begun = play.task("t")
    play.fail("b")
    assert play.task("t") == begun


def test_a_failed_task_stops_nothing_but_its_dependants() -> None:
    play = Play(build(task("a"), task("b"), task("c", "a"), task("d", "b"), output=None))
    play.fail("a")
    assert play.statuses() == {"a": "failed", "b": "running", "c": "unreachable", "d": "waiting"}
    play.fail("b", code="later")
    assert play.state.status == "failed" and play.state.error == BOOM and play.state.failed == ("a", "b")
