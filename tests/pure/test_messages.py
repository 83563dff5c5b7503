"""Messages and decisions in the pure core: who gets what, what counts once, what expires, what is refused."""

from typing import Any

import pytest
from building import ASKED, Play, composite, each, graph, mapped, order, scope, task, types

from harmonia_core.engine.arrivals import Due
from harmonia_core.engine.subscriptions import changes
from harmonia_core.model import events as e
from harmonia_core.model.graph import Jump, Rule
from harmonia_core.model.inbox import MOST_KEPT, Inbox, Message, Waiter, awaited, key_of, received, want_of
from harmonia_core.model.statuses import TaskStatus


def event(id: str, *after: str, **more: Any) -> Any:
    return task(id, *after, type="event", kernel=True, input=ASKED, **more)


def waiting(wish: dict[str, Any], **more: Any) -> Play:
    """Return an execution with one task `t` that waits for messages."""
    return Play(graph(event("t", **more)), {("t", "input"): wish})


def send(play: Play, id: str, name: str = "paid", **more: Any) -> list[e.Event]:
    return play.request("message", id=id, name=name, **more)


def test_a_message_that_is_waited_for_ends_the_task() -> None:
    play = waiting({"name": "paid"})
    assert (play.task("t").status, play.task("t").reason) == (TaskStatus.BLOCKED, "event")
    assert types(send(play, "1", data={"n": 1}))[:3] == ["MessageReceived", "MessageTaken", "TaskSucceeded"]
    moment = "1970-01-01T00:00:00.000000Z"
    expected = {"name": "paid", "id": "1", "correlation": None, "data": {"n": 1}, "received_at": moment}
    assert play.task("t").output == expected and play.final
    assert play.state.inbox == Inbox(seen=("1",))


def test_a_message_counts_once() -> None:
    play = waiting({"name": "other"})
    assert types(send(play, "1")) == ["MessageReceived"]
    assert send(play, "1") == [] and send(play, "1", "other") == []
    assert len(play.state.inbox.kept) == 1


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [
        (None, 5, True), (None, None, True), (17, 17, True), (17, 17.0, True), (17, "17", False),
        (1, True, False), ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}, True), ("x", None, False),
        (False, 0, False), ("", "", True),
    ],
)  # fmt: skip
def test_a_correlation_is_compared_as_json(wanted: Any, given: Any, fits: bool) -> None:
    play = waiting({"name": "paid", "correlation": wanted})
    send(play, "1", correlation=given)
    assert play.final is fits


def test_any_takes_the_oldest_and_leaves_the_rest() -> None:
    play = Play(
        graph(task("work"), event("t", "work")), {("t", "input"): {"any": [{"name": "b"}, {"name": "a"}]}}
    )
    for id, name in (("1", "c"), ("2", "a"), ("3", "b")):
        send(play, id, name)
    play.end("work")
    assert play.task("t").output["id"] == "2"
    assert [message.id for message in play.state.inbox.kept] == ["1", "3"]


def test_all_waits_for_each_and_takes_none_before() -> None:
    wants = [{"name": "a"}, {"name": "b"}, {"name": "a"}]
    play = waiting({"all": wants})
    assert types(send(play, "1", "a")) == types(send(play, "2", "b")) == ["MessageReceived"]
    assert len(play.state.inbox.kept) == 2
    send(play, "3", "a")
    assert [message["id"] for message in play.task("t").output] == ["1", "2", "3"]


def test_the_first_that_began_gets_the_first() -> None:
    answers = {(id, "input"): {"name": "paid"} for id in ("a", "b", "c")}
    play = Play(graph(task("work"), event("a", "work"), event("b"), event("c")), answers)
    play.end("work")
    for id, ended in (("1", "b"), ("2", "c"), ("3", "a")):
        send(play, id)
        assert play.task(ended).output["id"] == id


def test_a_task_that_could_do_with_what_is_kept_comes_before_one_that_began_later() -> None:
    inbox = received(Inbox(), Message("1", "a", None, None, 1.0, None))
    inbox = awaited(inbox, "all", Waiter((want_of({"name": "a"}), want_of({"name": "b"})), "all", 2.0))
    assert inbox.due == ()
    inbox = awaited(inbox, "any", Waiter((want_of({"name": "a"}),), "any", 3.0))
    assert [path for path, _ in inbox.due] == ["any"]


def test_what_has_expired_is_never_taken() -> None:
    play = Play(graph(task("work"), event("t", "work")), {("t", "input"): {"name": "paid"}})
    send(play, "early", expires=10.0)
    send(play, "late", expires=30.0)
    assert types(send(play, "over", expires=0.0)) == ["MessageRefused"]
    play.now = 10.0
    play.end("work")
    assert play.task("t").output["id"] == "late"


def test_a_message_that_expires_while_all_are_waited_for_is_not_taken() -> None:
    play = waiting({"all": [{"name": "a"}, {"name": "b"}]})
    send(play, "1", "a", expires=5.0)
    play.now = 6.0
    send(play, "2", "b")
    assert not play.final
    send(play, "3", "a")
    assert [message["id"] for message in play.task("t").output] == ["3", "2"]


def test_a_full_inbox_refuses_visibly_and_the_message_may_come_again() -> None:
    play = waiting({"name": "other"})
    for number in range(MOST_KEPT):
        send(play, str(number))
    assert send(play, "more") == [e.MessageRefused("more", "paid", "inbox-full")]
    assert "more" not in play.state.inbox.seen
    send(play, "more", "other")
    assert play.task("t").output["id"] == "more", "what is waited for finds room"


def test_a_published_message_is_kept_only_by_who_still_waits_for_it() -> None:
    play = waiting({"all": [{"name": "a"}, {"name": "b"}]})
    assert types(send(play, "1", "a", published=True)) == ["MessageReceived"]
    assert send(play, "2", "c", published=True) == [e.MessageRefused("2", "c", "not-awaited")]
    both = play.arrive(
        play.requested("message", id="3", name="b"),
        play.requested("message", id="4", name="b", published=True),
    )
    assert both[1] == e.MessageRefused("4", "b", "not-awaited")


def test_ids_are_remembered_up_to_a_bound() -> None:
    inbox = Inbox()
    for number in range(MOST_KEPT + 5):
        inbox = received(inbox, Message(str(number), "a", None, None, number, number + 1.0))
    assert inbox.seen[0] == "5" and len(inbox.kept) == 1


def test_a_timeout_and_a_cancel_end_the_waiting() -> None:
    late = waiting({"name": "paid"}, total_timeout=60.0)
    late.due("t", "total")
    assert late.task("t").error is not None and late.task("t").error.code == "total-timeout"
    cancelled = waiting({"name": "paid"})
    cancelled.request("cancel")
    assert cancelled.task("t").status is TaskStatus.CANCELLED
    assert not late.state.inbox.waiting and not cancelled.state.inbox.waiting


def test_a_race_of_messages_spends_one_of_them_only() -> None:
    """The deferred choice: what comes for the loser, even in the same batch, is left for somebody else."""
    inside = scope(event("a"), event("b"), enough=1)
    answers = {
        ("r/a", "input"): {"name": "a"},
        ("r/b", "input"): {"name": "b"},
        ("t", "input"): {"name": "b"},
    }
    play = Play(graph(composite("r", inside=inside), event("t", "r")), answers)
    play.arrive(play.requested("message", id="1", name="a"), play.requested("message", id="2", name="b"))
    assert play.task("r/b").status is TaskStatus.CANCELLED
    assert play.task("t").output["id"] == "2" and play.final


def test_rounds_and_items_wait_each_for_its_own() -> None:
    again = order(Rule((Jump(0, None),)), limit=3)
    loop = composite("l", inside=scope(event("t"), order=again, repeats=True))
    items = mapped("m", item=each("event", input=ASKED), window=2)
    answers = {("l[]/t", "input"): {"name": "a"}, ("m", "input"): {"items": [1, 2, 3]}}
    answers |= {(f"m[{n}]", "input"): {"name": "b", "correlation": n} for n in range(3)}
    play = Play(graph(loop, items), answers)
    for number in range(3):
        assert f"l[{number}]/t" in play.state.inbox.waiting
        send(play, f"a{number}", "a")
    assert list(play.state.inbox.waiting) == ["m[0]", "m[1]"]
    for number in (1, 2, 0):
        send(play, f"b{number}", "b", correlation=number)
    assert play.final


def test_a_cancelled_execution_hands_nothing_out() -> None:
    play = waiting({"name": "paid"})
    play.arrive(play.requested("cancel"), play.requested("message", id="1", name="paid"))
    assert play.task("t").status is TaskStatus.CANCELLED and play.state.inbox.kept


@pytest.mark.parametrize(
    "wish", [{}, {"name": ""}, {"name": "a", "any": [{"name": "b"}]}, {"any": []}, "text", None]
)
@pytest.mark.parametrize("kind", ["event", "emit", "approval"])
def test_an_input_that_is_none_fails_the_task(kind: str, wish: Any) -> None:
    play = Play(graph(task("t", type=kind, kernel=True, input=ASKED)), {("t", "input"): wish})
    error = play.task("t").error
    assert error is not None and (error.code, error.category) == ("input-invalid", "validation")


def test_emit_names_its_message_by_the_key_of_the_side_effect() -> None:
    play = Play(
        graph(task("t", type="emit", kernel=True, input=ASKED)),
        {("t", "input"): {"name": "a", "to": "other", "ttl": 5}},
    )
    sent = next(record.event for record in play.log if isinstance(record.event, e.MessageEmitted))
    assert sent == e.MessageEmitted("t", "x:t", "a", None, None, "other", 5.0)
    assert play.task("t").output == {"id": "x:t"}


def test_a_published_message_lives_a_day_unless_it_says_otherwise() -> None:
    kinds: list[tuple[dict[str, Any], float | None]] = [
        ({}, 86_400.0),
        ({"ttl": 5}, 5.0),
        ({"to": "x"}, None),
    ]
    for more, expires in kinds:
        emit = graph(task("t", type="emit", kernel=True, input=ASKED))
        play = Play(emit, {("t", "input"): {"name": "a", **more}})
        sent = next(record.event for record in play.log if isinstance(record.event, e.MessageEmitted))
        assert sent.expires == expires


def test_who_waits_for_published_messages_is_written_with_the_batch() -> None:
    play = waiting({"any": [{"name": "a", "correlation": 1}, {"name": "b"}]})
    first = play.batches[0]
    opened = list(changes(first.first, first.state, "default"))
    assert [write.key for write in opened] == ["x/t#0", "x/t#1"]
    assert all(write.value is not None for write in opened)
    send(play, "1", "b")
    last = play.batches[-1]
    closed = list(changes(last.first, last.state, "default"))
    assert [(write.key, write.value) for write in closed] == [("x/t#0", None), ("x/t#1", None)]
    alone = waiting({"name": "a", "scope": "execution"}).batches[0]
    assert list(changes(alone.first, alone.state, "default")) == []


def test_keys_of_equal_values_are_equal() -> None:
    assert key_of({"b": 1.0, "a": [True]}) == key_of({"a": [True], "b": 1}) != key_of({"a": [1], "b": 1})


def approval(wish: dict[str, Any], **more: Any) -> Play:
    """Return an execution with one task `t` that waits for a decision."""
    asked = {"title": "Pay?", **wish}
    return Play(graph(task("t", type="approval", kernel=True, input=ASKED, **more)), {("t", "input"): asked})


def decide(play: Play, by: str | None = "ann", decision: str = "approved", **more: Any) -> list[e.Event]:
    return play.request("decide", path="t", by=by, decision=decision, **more)


def test_a_decision_is_the_output() -> None:
    play = approval({})
    assert (play.task("t").status, play.task("t").reason) == (TaskStatus.BLOCKED, "approval")
    assert types(decide(play, "ann", "rejected", data=[1], comment="no"))[:2] == [
        "ApprovalDecided",
        "TaskSucceeded",
    ]
    output = {"decision": "rejected", "by": "ann", "data": [1], "comment": "no"}
    assert play.task("t").output == {**output, "at": "1970-01-01T00:00:00.000000Z"}


def test_a_rejection_may_be_an_error() -> None:
    play = approval({"on_reject": "fail"})
    decide(play, "ann", "rejected", comment="too dear")
    error = play.task("t").error
    assert error is not None and error.code == "approval-rejected" and "by ann: too dear" in error.message
    assert error.details["comment"] == "too dear"
    good = approval({"on_reject": "fail"})
    decide(good)
    assert good.task("t").status is TaskStatus.SUCCEEDED


def test_only_those_who_are_asked_may_decide() -> None:
    play = approval({"assignees": ["ann"]})
    for by in ("bob", None):
        assert decide(play, by) == [e.DecisionRefused("t", "not-an-assignee", by)]
    assert play.request("delegate", path="t", by="bob", to="bob") == [
        e.DecisionRefused("t", "not-an-assignee", "bob")
    ]
    assert types(play.request("delegate", path="t", by="ann", to="bob")) == ["ApprovalDelegated"]
    assert types(decide(play, "bob"))[:2] == ["ApprovalDecided", "TaskSucceeded"]


def test_a_second_decision_is_refused_in_the_same_batch_and_later() -> None:
    play = Play(
        graph(task("t", type="approval", kernel=True, input=ASKED), task("work")),
        {("t", "input"): {"title": "Pay?"}},
    )
    both = play.arrive(
        play.requested("decide", path="t", by="ann", decision="approved"),
        play.requested("decide", path="t", by="bob", decision="rejected"),
    )
    assert both[-1] == e.DecisionRefused("t", "already-decided", "bob")
    assert decide(play, "eve") == [e.DecisionRefused("t", "already-decided", "eve")]
    assert play.task("t").output["by"] == "ann"


def test_where_everybody_may_decide_delegating_shuts_nobody_out() -> None:
    play = approval({})
    play.request("delegate", path="t", by="ann", to="bob")
    decide(play, "eve")
    assert play.final


@pytest.mark.parametrize(
    ("ending", "status", "found"),
    [
        ("fail", TaskStatus.FAILED, "approval-deadline"),
        ("reject", TaskStatus.SUCCEEDED, "rejected"),
        ("approve", TaskStatus.SUCCEEDED, "approved"),
    ],
)
def test_a_deadline_decides(ending: str, status: TaskStatus, found: str) -> None:
    play = approval({"deadline": 60, "on_deadline": ending})
    play.now = 59.0
    assert play.arrive(Due("t", "approval", 0.0)) == []
    play.due("t", "approval")
    ended = play.task("t")
    assert ended.status is status
    if ended.error is not None:
        assert (ended.error.code, ended.error.category) == (found, "timeout")
    else:
        assert (ended.output["decision"], ended.output["by"]) == (found, None)


def test_an_escalation_lets_more_people_decide_and_leaves_the_deadline() -> None:
    play = approval({"assignees": ["ann"], "escalation": {"after": 10, "to": "eve"}, "deadline": 60})
    assert play.timers["t", "approval"].due == 10.0
    assert play.due("t", "approval") == [e.ApprovalEscalated("t", ["eve"], 60.0)]
    assert play.timers["t", "approval"].due == 60.0
    assert play.state.inbox.approvals["t"].people == ("ann", "eve")
    decide(play, "eve")
    assert play.final and not play.timers


def test_an_escalation_alone_leaves_no_timer() -> None:
    play = approval({"escalation": {"after": 10, "to": ["eve"]}})
    play.due("t", "approval")
    assert not play.timers and decide(play, "anybody")
