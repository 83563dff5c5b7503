"""Tasks that are executions of their own, in the core: what is asked, what is told, who refers to what."""

from typing import Any

import pytest
from building import (
    ASKED,
    BOOM,
    EXECUTION,
    ONCE_MORE,
    Play,
    composite,
    each,
    graph,
    mapped,
    scope,
    task,
    types,
)
from checking import agree
from pydantic_core import from_json

from harmonia_core.contracts.rows import RequestRow
from harmonia_core.engine import child_rows, outbox
from harmonia_core.engine.arrivals import Due
from harmonia_core.engine.children import MAX_DEPTH
from harmonia_core.engine.decide import decide
from harmonia_core.engine.evolve import evolve
from harmonia_core.engine.settle import Batch
from harmonia_core.model.child import Child
from harmonia_core.model.events import (
    ChildCancelRequested,
    ChildRequested,
    Event,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionStarted,
    LateResultRefused,
    Recorded,
    RetryScheduled,
    TaskFailed,
    TaskSucceeded,
)
from harmonia_core.model.family import ALONE, Family
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.snapshot import dump, load
from harmonia_core.model.state import ExecutionState, begin

INNER = graph(task("n"))
HERE = Child("sha256:c", INNER, b"{}")
PINNED = Child("sha256:p")
SELF = Child()


def call(id: str = "c", *after: str, child: Child = HERE, **more: Any) -> Any:
    return task(id, *after, type="subworkflow", kernel=True, child=child, **more)


def child_id(play: Play, path: str = "c") -> str:
    """Return the id of the child that was asked for last at a path."""
    events = (record.event for record in reversed(play.log))
    return next(one.child_id for one in events if isinstance(one, ChildRequested) and one.path == path)


def tell(play: Play, status: str, path: str = "c", **more: Any) -> list[Event]:
    """Let the child of a task report."""
    child = more.pop("child_id", None) or child_id(play, path)
    body = {"path": path, "attempt": more.pop("attempt", 1), "child_id": child, "status": status, **more}
    return play.request("child", **body)


def sent(play: Play) -> list[RequestRow]:
    """Return the requests that the last batch leaves for others."""
    batch = play.batches[-1]
    return outbox.requests(batch.state, batch.recorded, "default")


def kept(play: Play) -> None:
    """Assert that a snapshot holds the state whole, its frontier is right, and nothing is asked twice."""
    assert load(play.graph, dump(play.state)) == play.state
    agree(play.state)
    assert decide(play.graph, play.state) == [] or play.final


def test_a_child_is_asked_for_once_and_waited_for() -> None:
    play = Play(graph(call(), task("after", "c")))
    assert types(record.event for record in play.log) == [
        "ExecutionStarted",
        "TaskScheduled",
        "ChildRequested",
    ]
    waiting = play.task("c")
    assert (waiting.status, waiting.reason, waiting.child) == ("blocked", "child", child_id(play))
    kept(play)
    [row] = sent(play)
    assert (row.execution_id, row.kind, row.request_id) == (waiting.child, "start", f"start:{waiting.child}")
    body = from_json(row.body)
    assert (body["parent_id"], body["path"], body["attempt"]) == (EXECUTION, "c", 1)
    assert (body["depth"], body["reports"], body["definition_hash"]) == (1, "end", "sha256:c")
    assert types(tell(play, "completed", output=5)) == ["TaskSucceeded", "TaskScheduled"]
    assert (play.task("c").output, play.task("c").child) == (5, waiting.child)
    assert sent(play) == [] and set(play.flying) == {"after"}


def test_the_id_says_whose_attempt_it_is() -> None:
    plays = [Play(graph(call("c"), call("d"))) for _ in range(2)]
    first, second = ([child_id(play, path) for path in "cd"] for play in plays)
    assert first == second and len(set(first)) == 2


def test_a_failed_child_gives_its_error() -> None:
    play = Play(graph(call()))
    failed, ended = tell(play, "failed", error={**BOOM.as_json(), "category": "server", "traceback": "…"})
    assert isinstance(failed, TaskFailed) and isinstance(ended, ExecutionFailed)
    error = failed.error
    assert (error.category, error.code, error.message, error.kind) == (
        "server",
        "boom",
        "It broke.",
        "ValueError",
    )
    assert error.retryable and error.traceback is None
    assert error.details["execution"] == child_id(play) and error.details["error"]["traceback"] == "…"


def test_another_attempt_is_another_child() -> None:
    play = Play(graph(call(retry=ONCE_MORE)))
    first = child_id(play)
    assert isinstance(tell(play, "failed", error=BOOM.as_json())[0], RetryScheduled)
    kept(play)
    assert types(play.due("c", "retry")) == ["TimerFired", "TaskScheduled", "ChildRequested"]
    assert child_id(play) != first and from_json(sent(play)[0].body)["attempt"] == 2
    late = tell(play, "completed", child_id=first)
    assert late == [LateResultRefused("c", 1, "completed")]
    tell(play, "completed", attempt=2)
    assert play.final and play.task("c").attempt == 2


@pytest.mark.parametrize(("reason", "words"), [("enough", "cancelled: enough."), (None, "cancelled.")])
def test_a_child_that_somebody_else_cancelled(reason: str | None, words: str) -> None:
    play = Play(graph(call(retry=ONCE_MORE)))
    failed = tell(play, "cancelled", reason=reason)[0]
    assert isinstance(failed, TaskFailed) and failed.error.message.endswith(words)
    assert (failed.error.category, failed.error.code) == ("cancelled", "child-cancelled")


def test_cancel_goes_through_the_child() -> None:
    play = Play(graph(call(), task("u")))
    assert types(play.request("cancel")) == ["CancelRequested", "ChildCancelRequested"]
    assert play.task("c").reason == "child-cancelling"
    kept(play)
    [row] = sent(play)
    assert (row.kind, row.execution_id, row.request_id) == (
        "cancel",
        child_id(play),
        f"cancel:{child_id(play)}",
    )
    assert EXECUTION in from_json(row.body)["reason"]
    play.end("u", "cancelled")
    assert not play.final
    assert types(tell(play, "cancelled")) == ["TaskCancelled", "ExecutionCancelled"]


@pytest.mark.parametrize(
    ("status", "more", "ends"),
    [("completed", {"output": 1}, "TaskSucceeded"), ("failed", {"error": BOOM.as_json()}, "TaskFailed")],
)
def test_what_a_child_does_in_spite_of_its_cancel_counts(status: str, more: Any, ends: str) -> None:
    play = Play(graph(call(retry=ONCE_MORE)))
    play.request("cancel")
    assert types(tell(play, status, **more)) == [ends, "ExecutionCancelled"]


def test_the_total_time_ends_the_child_first() -> None:
    play = Play(graph(call(total_timeout=5.0)))
    assert types(play.due("c", "total")) == ["TimerFired", "ChildCancelRequested"]
    assert play.timers == {} and play.task("c").reason == "child-cancelling"
    kept(play)
    failed = tell(play, "cancelled")[0]
    assert isinstance(failed, TaskFailed) and failed.error.code == "total-timeout"


def test_the_total_time_is_over_between_two_attempts() -> None:
    play = Play(graph(call(total_timeout=5.0, retry=ONCE_MORE)))
    tell(play, "failed", error=BOOM.as_json())
    assert types(play.due("c", "total")) == ["TimerFired", "TaskFailed", "ExecutionFailed"]


def test_cancel_and_the_end_of_the_total_time_arrive_together() -> None:
    play = Play(graph(call(total_timeout=5.0)))
    play.now = 5.0
    found = play.arrive(Due("c", "total", 0.0), play.requested("cancel"))
    assert types(found) == ["TimerFired", "CancelRequested", "ChildCancelRequested"]
    assert types(tell(play, "cancelled")) == ["TaskCancelled", "ExecutionCancelled"]


def test_the_end_and_the_end_of_the_total_time_arrive_together() -> None:
    play = Play(graph(call(total_timeout=5.0)))
    play.now = 5.0
    body = {"path": "c", "attempt": 1, "child_id": child_id(play), "status": "completed", "output": 3}
    assert types(play.arrive(Due("c", "total", 0.0), play.requested("child", **body))) == [
        "TimerFired", "TaskSucceeded", "ExecutionCompleted",
    ]  # fmt: skip


def test_a_total_time_that_is_over_while_the_child_is_ending_changes_nothing() -> None:
    play = Play(graph(call(total_timeout=5.0)))
    play.request("cancel")
    play.now = 9.0
    assert play.arrive(Due("c", "total", 0.0)) == [] and play.timers == {}


@pytest.mark.parametrize(
    "child", [Child("sha256:c", INNER, b"{}", abandon=True), Child("sha256:p", detach=True)]
)
def test_what_is_abandoned_is_not_cancelled(child: Child) -> None:
    play = Play(graph(call(child=child)))
    assert types(play.request("cancel")) == ["CancelRequested", "TaskCancelled", "ExecutionCancelled"]
    timed = Play(graph(call(child=child, total_timeout=5.0), task("u")))
    assert types(timed.due("c", "total")) == ["TimerFired", "TaskFailed"]
    assert sent(timed) == []
    assert tell(timed, "completed") == [LateResultRefused("c", 1, "completed")]
    assert tell(timed, "started") == []


def test_a_race_that_is_won_ends_the_children_of_the_others() -> None:
    play = Play(graph(composite("r", inside=scope(call("slow"), task("quick"), enough=1))))
    assert types(play.end("r/quick")) == ["TaskSucceeded", "ScopeStopped", "ChildCancelRequested"]
    assert not play.final
    found = tell(play, "cancelled", "r/slow")
    assert types(found) == ["TaskCancelled", "TaskSucceeded", "ExecutionCompleted"]


def test_detached_it_succeeds_at_once() -> None:
    play = Play(graph(call(child=Child("sha256:c", INNER, b"{}", detach=True))))
    assert play.final and play.task("c").output == {"execution": child_id(play)}
    [row] = sent(play)
    assert from_json(row.body)["reports"] == "nothing"


def test_detached_and_pinned_it_succeeds_once_the_child_has_begun() -> None:
    play = Play(graph(call(child=Child("sha256:p", detach=True))))
    assert from_json(sent(play)[0].body)["reports"] == "begin" and not play.final
    kept(play)
    assert types(tell(play, "started")) == ["TaskSucceeded", "ExecutionCompleted"]
    assert play.task("c").output == {"execution": child_id(play)}


def test_items_have_children_of_their_own_also_detached_ones() -> None:
    inner = each("subworkflow", kernel=True, child=Child("sha256:c", INNER, b"{}", detach=True))
    play = Play(graph(mapped("m", item=inner)), {("m", "input"): {"items": [1, 2]}})
    rows = sent(play)
    assert play.final and len({row.execution_id for row in rows}) == 2
    assert [from_json(row.body)["path"] for row in rows] == ["m[0]", "m[1]"]


def family(depth: int = 1, reports: Any = "end") -> Recorded:
    event = ExecutionStarted(
        "w", "1", "sha256:d", "sha256:g", None, {}, {}, EXECUTION, None, {}, "p", "a[1]/b", 2, depth, reports
    )
    return Recorded(EXECUTION, 1, 1.0, None, None, event)


def born(depth: int = 1, reports: Any = "end") -> ExecutionState:
    return evolve(begin(graph(call(child=SELF)), EXECUTION), family(depth, reports))


def test_an_execution_knows_whose_task_it_carries_out() -> None:
    state = born(3)
    assert state.family == Family("p", "a[1]/b", 2, 3, "end") and Play(INNER).state.family == ALONE
    loaded = load(state.graph, dump(state))
    assert loaded == state


def batch_of(state: ExecutionState) -> Batch:
    batch = Batch(state, 1.0, Play(INNER).evaluator, 1000)
    batch.settle()
    return batch


def test_executions_stand_so_deep_and_no_deeper() -> None:
    deepest = batch_of(born(MAX_DEPTH - 2))
    assert types(record.event for record in deepest.recorded)[1] == "ChildRequested"
    over = batch_of(born(MAX_DEPTH - 1))
    failed = over.recorded[1].event
    assert isinstance(failed, TaskFailed) and failed.error.code == "too-deep" and not failed.error.retryable


def final(state: ExecutionState, event: Event) -> tuple[ExecutionState, list[Recorded]]:
    recorded = Recorded(EXECUTION, state.seq + 1, 2.0, None, None, event)
    return evolve(state, recorded), [recorded]


@pytest.mark.parametrize("output", [7, BlobRef("sha256:o", 70_000)])
def test_an_end_is_told_to_the_task_that_waits(output: Any) -> None:
    state, log = final(born(), ExecutionCompleted(output))
    [row] = outbox.requests(state, log, "default")
    assert (row.execution_id, row.kind, row.request_id) == ("p", "child", f"ended:{EXECUTION}")
    play = Play(graph(call()))
    body = from_json(row.body) | {"path": "c", "attempt": 1, "child_id": child_id(play)}
    [succeeded, _] = play.request("child", **body)
    assert isinstance(succeeded, TaskSucceeded) and succeeded.output == output


@pytest.mark.parametrize("reports", ["begin", "nothing"])
def test_an_end_is_not_told_to_a_task_that_does_not_wait(reports: Any) -> None:
    state, log = final(born(reports=reports), ExecutionCompleted(BlobRef("sha256:o", 70_000)))
    assert outbox.requests(state, log, "default") == []
    assert child_rows.blobs(state, log, {}, "default") == []


def test_only_a_beginning_that_is_waited_for_is_told() -> None:
    told = {
        reports: [row.request_id for row in outbox.requests(born(reports=reports), [family(1, reports)], "x")]
        for reports in ("end", "begin", "nothing")
    }
    assert told == {"end": [], "begin": [f"begun:{EXECUTION}"], "nothing": []}


def test_a_large_output_is_referred_to_for_the_parent() -> None:
    state, log = final(born(), ExecutionCompleted(BlobRef("sha256:o", 70_000)))
    [held] = child_rows.blobs(state, log, {"sha256:o": b"data"}, "default")
    assert (held.execution_id, held.address, held.data) == ("p", "sha256:o", b"data")
    [known] = child_rows.blobs(state, log, {}, "default")
    assert known.data is None


def blobs(play: Play, **held: bytes) -> list[tuple[str, str, bytes | None]]:
    batch = play.batches[-1]
    rows = child_rows.blobs(batch.state, batch.recorded, held, "default")
    return [(row.execution_id, row.address, row.data) for row in rows]


def test_definition_and_input_are_there_before_the_child_is() -> None:
    play = Play(graph(call()))
    child = child_id(play)
    assert blobs(play) == [(child, "sha256:c", b"{}"), (EXECUTION, "sha256:c", b"{}")]
    own = Play(graph(call(child=SELF)))
    assert blobs(own) == [(child_id(own), "sha256:d", None)]
    assert blobs(own, **{"sha256:d": b"own"})[0] == (child_id(own), "sha256:d", b"own")
    assert blobs(Play(graph(call(child=PINNED)))) == []


def test_a_large_input_is_handed_on_by_reference() -> None:
    play = Play(
        graph(call(input=ASKED, retry=ONCE_MORE)), {("c", "input"): {"x": "x" * 500}}, inline_limit=200
    )
    given = play.task("c").input
    assert isinstance(given, BlobRef)
    for attempt in (1, 2):
        assert from_json(sent(play)[0].body)["input@"] == given.as_json()
        assert (child_id(play), given.address, None) in blobs(play)
        if attempt == 1:
            tell(play, "failed", error=BOOM.as_json())
            play.due("c", "retry")


def test_a_cancel_names_its_child_only() -> None:
    play = Play(graph(call("c"), call("d")))
    tell(play, "completed", "d")
    [_, cancelled] = play.request("cancel")
    assert cancelled == ChildCancelRequested("c", child_id(play, "c"))


def test_a_report_for_what_is_no_task_is_refused() -> None:
    play = Play(graph(call()))
    assert tell(play, "completed", "m[3]", child_id="x") == [LateResultRefused("m[3]", 1, "completed")]
