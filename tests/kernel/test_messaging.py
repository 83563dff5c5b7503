"""Messages, published ones too, and decisions in a real engine: what outlives a process, what counts once."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from harmonia_core.contracts.state_backend import DocumentQuery
from harmonia_core.engine import subscriptions as s
from harmonia_core.engine.postings import Post
from harmonia_core.host import (
    AlreadyDecided,
    ApprovalNotOpen,
    DecisionInvalid,
    DefinitionInvalid,
    ExecutionFinished,
    ExecutionNotFound,
    Inspector,
    KernelSettings,
    MessageInvalid,
    NotAnAssignee,
)
from harmonia_core.testing.harness import Harness

ANN, BOB = {"kind": "person", "id": "ann"}, {"kind": "person", "id": "bob"}


@asynccontextmanager
async def harness(url: str = "memory://", **settings: Any) -> AsyncIterator[Harness]:
    async with Harness(settings=KernelSettings(**settings), url=url) as one:
        yield one
        inspector = Inspector(one.engine.backend, one.engine.plugins, one.engine.settings)
        async for report in inspector.check(deep=True):
            assert not report.problems


def awaiting(name: str = "paid", **more: Any) -> dict[str, Any]:
    task = {"type": "event", "input": {"name": name, "correlation": "${input.n}"}, **more}
    return {"name": "w", "tasks": {"t": task}, "output": "${tasks.t.output.data}"}


def asking(**more: Any) -> dict[str, Any]:
    task = {"type": "approval", "input": {"title": "Pay?", **more}}
    return {"name": "w", "tasks": {"t": task}, "output": "${tasks.t.output.by}"}


def emitting(**more: Any) -> dict[str, Any]:
    return {"name": "p", "tasks": {"t": {"type": "emit", "input": {"name": "paid", **more}}}}


async def stored(h: Harness, collection: str) -> list[Any]:
    return (await h.engine.backend.find_documents(DocumentQuery(s.PLACE, collection)))[0]


async def until(condition: Callable[[], Any]) -> None:
    with anyio.fail_after(10):
        while not await condition():
            await anyio.sleep(0)


async def test_delivered_twice_counts_once_also_after_a_restart() -> None:
    twice = {"type": "event", "depends_on": ["t"], "input": {"name": "paid"}}
    workflow = {**awaiting(), "tasks": {**awaiting()["tasks"], "u": twice}, "output": "${tasks.u.output.id}"}
    async with harness("memory://twice") as first:
        execution = await first.engine.start(workflow, {"n": 1})
        for _ in range(2):
            assert await first.engine.signal(execution, "paid", correlation=1, message_id="a") == "a"
        await first.seen(execution, "MessageAwaited", 2)
    async with harness("memory://twice") as second:
        await second.engine.signal(execution, "paid", message_id="a")
        await second.engine.recover()
        await second.engine.signal(execution, "paid", message_id="a")
        await second.engine.signal(execution, "paid", message_id="b")
        assert (await second.finish(execution))["output"] == "b"
        received = [event for event in await second.events(execution) if event["type"] == "MessageReceived"]
        assert [event["data"]["message_id"] for event in received] == ["a", "b"]


async def test_a_stored_message_may_come_again_under_its_id() -> None:
    """Rows of the same id, one after the other: each is consumed, none stays for ever."""
    async with harness() as h:
        execution = await h.engine.start(awaiting(), {"n": 1})
        for _ in range(3):
            await h.run(emitting(to=execution, id="again", correlation=2))
        with anyio.fail_after(10):
            while await h.engine.backend.requests([execution]):
                await anyio.sleep(0)
        types = [event["type"] for event in await h.events(execution)]
        assert types.count("MessageReceived") == 1
        await h.engine.cancel(execution)


async def test_sent_before_anybody_waits_is_not_lost() -> None:
    wait = {"wait": {"type": "wait", "input": {"duration": 60}}}
    task = {**awaiting()["tasks"]["t"], "depends_on": ["wait"]}
    async with harness() as h:
        execution = await h.engine.start({**awaiting(), "tasks": {**wait, "t": task}}, {"n": 1})
        await h.engine.signal(execution, "paid", "early", correlation=1)
        assert (await h.finish(execution))["output"] == "early"


async def test_what_has_expired_is_not_taken() -> None:
    wait = {"wait": {"type": "wait", "input": {"duration": 60}}}
    task = {**awaiting()["tasks"]["t"], "depends_on": ["wait"], "total_timeout": 5}
    async with harness() as h:
        execution = await h.engine.start({**awaiting(), "tasks": {**wait, "t": task}}, {"n": 1})
        await h.engine.signal(execution, "paid", correlation=1, ttl="PT1M")
        assert (await h.finish(execution))["tasks"][1]["error"]["code"] == "total-timeout"


async def test_a_message_for_an_execution_without_an_owner_is_kept_for_whoever_adopts_it() -> None:
    async with harness("memory://orphan") as first:
        execution = await first.engine.start(awaiting(), {"n": 1})
        await first.seen(execution, "MessageAwaited")
    async with harness("memory://orphan") as second:
        await second.engine.signal(execution, "paid", "there", correlation=1)
        view = await second.engine.get(execution)
        assert view["owner"] is None and view["status"] == "running"
        assert (await second.events(execution))[-1]["type"] == "MessageReceived"
    async with harness("memory://orphan") as third:
        await third.engine.recover()
        assert (await third.finish(execution))["output"] == "there"


async def test_what_no_execution_could_keep_is_refused() -> None:
    async with harness() as h:
        execution = await h.engine.start(awaiting(), {"n": 1})
        for wrong in ({"name": ""}, {"name": "a", "ttl": "soon"}, {"name": "a", "data": "x" * 70_000}):
            with pytest.raises(MessageInvalid):
                await h.engine.signal(execution, **wrong)
        with pytest.raises(ExecutionNotFound):
            await h.engine.signal("nobody", "paid")
        await h.engine.cancel(execution)
        with pytest.raises(ExecutionFinished):
            await h.engine.signal(execution, "paid")


async def test_a_published_message_reaches_one_that_waits_the_first() -> None:
    async with harness() as h:
        executions = []
        for n in (1, 1, 2):
            executions.append(await h.engine.start(awaiting(), {"n": n}))
            h.clock.advance(1)
        await h.run(emitting(correlation=1, data="one"))
        assert (await h.finish(executions[0]))["output"] == "one"
        assert (await h.engine.get(executions[1]))["status"] == "running"
        assert await h.engine.publish("paid", "two", correlation=1.0, message_id="m") == "m"
        assert await h.engine.publish("paid", "three", correlation=1, message_id="m") == "m"
        assert (await h.finish(executions[1]))["output"] == "two"
        assert (await h.engine.get(executions[2]))["status"] == "running"
        await h.engine.cancel(executions[2])
        assert await stored(h, s.WAITING) == await stored(h, s.OUTGOING) == []


async def test_one_who_begins_to_wait_does_not_get_ahead_of_one_that_has_waited_longer() -> None:
    """A message is stored, and has not been brought to anybody yet, when the second begins to wait."""
    async with harness() as h:
        first = await h.engine.start(awaiting(), {"n": 1})
        await h.seen(first, "MessageAwaited")
        h.clock.advance(1)
        message = s.published(Post("id", "paid", 1, "there", 4e9), "default", 0.0)
        await h.engine.documents.put(s.PLACE, s.MESSAGES, message.key, _value(message), None, message.fields)
        second = await h.engine.start(awaiting(), {"n": 1})
        assert (await h.finish(first))["output"] == "there"
        assert (await h.engine.get(second))["status"] == "running"
        await h.engine.publish("paid", "two", correlation=1)
        assert (await h.finish(second))["output"] == "two"


async def test_a_published_message_is_kept_for_whoever_comes_until_it_expires() -> None:
    async with harness() as h:
        await h.engine.publish("paid", "early", correlation=3, ttl=10)
        assert (await h.run(awaiting(), {"n": 3}))["output"] == "early"
        await h.engine.publish("paid", "too early", correlation=3, ttl=10)
        h.clock.advance(10)
        late = await h.engine.start(awaiting(total_timeout=5), {"n": 3})
        await h.finish(late)
        assert (await h.engine.get(late))["status"] == "failed"
        assert "MessageRefused" not in [event["type"] for event in await h.events(late)]
        await h.engine._office.sweep()
        assert await stored(h, s.MESSAGES) == []


async def test_who_leaves_has_brought_what_it_published() -> None:
    async with harness("memory://leaving") as stays:
        execution = await stays.engine.start(awaiting(), {"n": 1})
        await stays.seen(execution, "MessageAwaited")
        async with Harness(url="memory://leaving") as leaves:
            commit = leaves.engine.backend.commit

            async def slow(unit: Any) -> None:
                for _ in range(100):
                    await checkpoint()
                await commit(unit)

            leaves.engine.backend.commit = slow  # type: ignore[method-assign]
            await leaves.engine.start(emitting(correlation=1, data="bye"))
        assert await stored(stays, s.OUTGOING) == []
        assert (await stays.finish(execution))["output"] == "bye"


async def test_scope_execution_takes_no_published_message() -> None:
    task = {"type": "event", "input": {"name": "paid", "scope": "execution"}, "total_timeout": 5}
    async with harness() as h:
        execution = await h.engine.start({"name": "w", "tasks": {"t": task}})
        await h.engine.publish("paid")
        assert (await h.finish(execution))["status"] == "failed"
        assert [document.value["taken_by"] for document in await stored(h, s.MESSAGES)] == [None]


async def test_namespaces_keep_apart() -> None:
    async with harness() as h:
        execution = await h.engine.start(awaiting(), {"n": 1}, namespace="team")
        await h.engine.publish("paid", "theirs", correlation=1)
        await h.engine.publish("paid", "ours", correlation=1, namespace="team")
        assert (await h.finish(execution))["output"] == "ours"


async def test_what_a_dead_publisher_left_half_done_is_looked_after() -> None:
    """It died after its commit, and before it had looked for anybody."""
    post = Post("id", "paid", 1, "left", 4e9)
    async with harness("memory://halves") as h:
        execution = await h.engine.start(awaiting(), {"n": 1})
        await h.seen(execution, "MessageAwaited")
        await h.engine.documents.put(
            s.PLACE, s.OUTGOING, "x/7", {"namespace": "default", "post": post._asdict()}
        )
        await h.engine._office.sweep()
        assert (await h.finish(execution))["output"] == "left"
        assert await stored(h, s.OUTGOING) == []


async def test_what_a_dead_subscriber_did_not_look_for_is_found_by_whoever_adopts_it() -> None:
    async with harness("memory://found") as first:
        first.engine._office.recorded = lambda live, batch: None  # type: ignore[method-assign]
        first.engine._driver.after.clear()
        message = s.published(Post("id", "paid", 1, "there", 4e9), "default", 0.0)
        await first.engine.documents.put(
            s.PLACE, s.MESSAGES, message.key, _value(message), None, message.fields
        )
        execution = await first.engine.start(awaiting(), {"n": 1})
        await first.seen(execution, "MessageAwaited")
    async with harness("memory://found") as second:
        await second.engine.recover()
        assert (await second.finish(execution))["output"] == "there"


def _value(write: Any) -> Any:
    from pydantic_core import from_json

    return from_json(write.value)


async def test_one_message_of_several_ends_all_wishes_of_any() -> None:
    task = {"type": "event", "input": {"any": [{"name": "a"}, {"name": "b"}]}}
    workflow = {"name": "w", "tasks": {"t": task}, "output": "${tasks.t.output.name}"}
    async with harness() as h:
        execution = await h.engine.start(workflow)
        await h.seen(execution, "MessageAwaited")
        h.engine._driver.hand_over = lambda request: None  # type: ignore[method-assign]
        await h.engine.publish("b")
        await h.engine.publish("a")
        del h.engine._driver.hand_over
        await h.engine._requests._take()
        assert (await h.finish(execution))["output"] == "b"
        assert "MessageRefused" not in [event["type"] for event in await h.events(execution)]
        kept = [one.value["post"]["name"] for one in await stored(h, s.MESSAGES) if not one.value["taken_by"]]
        assert kept == ["a"]


async def moved_behind_its_back(h: Harness, execution: str, id: str) -> None:
    """Publish a message and give it to an execution, which is not told yet."""
    h.engine._driver.hand_over = lambda request: None  # type: ignore[method-assign]
    await h.engine.publish("paid", "moved", correlation=1, message_id=id)
    message = await h.engine.documents.get(s.PLACE, s.MESSAGES, f"default/{id}")
    assert message is not None and message.value["taken_by"] == execution
    del h.engine._driver.hand_over


async def test_what_is_on_its_way_to_a_task_that_stops_waiting_goes_to_another_one() -> None:
    rest = {"u": {"type": "event", "input": {"name": "never"}}}
    workflow = {**awaiting(), "tasks": {**awaiting(total_timeout=5)["tasks"], **rest}}
    async with harness() as h:
        first = await h.engine.start(workflow, {"n": 1})
        await h.seen(first, "MessageAwaited", 2)
        await moved_behind_its_back(h, first, "m")
        h.clock.advance(5)
        await h.seen(first, "TaskFailed")
        second = await h.engine.start(awaiting(), {"n": 1})
        await h.engine._requests._take()
        assert (await h.finish(second))["output"] == "moved"
        assert (await h.seen(first, "MessageRefused"))["data"]["reason"] == "not-awaited"
        await h.engine.cancel(first)


async def test_what_is_on_its_way_to_an_execution_that_ends_goes_to_another_one() -> None:
    async with harness() as h:
        first = await h.engine.start(awaiting(), {"n": 1})
        await h.seen(first, "MessageAwaited")
        await moved_behind_its_back(h, first, "m")
        second = await h.engine.start(awaiting(), {"n": 1})
        await h.engine.cancel(first)
        assert (await h.finish(second))["output"] == "moved"


async def test_what_a_dead_process_did_not_hand_on_is_handed_on() -> None:
    async with harness() as h:
        await h.engine.publish("paid", "back", correlation=1, message_id="m")
        message = await h.engine.documents.get(s.PLACE, s.MESSAGES, "default/m")
        assert message is not None
        taken = {**message.value, "taken_by": "dead"}
        await h.engine.documents.put(s.PLACE, s.MESSAGES, "default/m", taken, None, {"expires": 4e9})
        note = {"namespace": "default", "id": "m", "by": "dead"}
        await h.engine.documents.put(s.PLACE, s.OUTGOING, "dead/9", note)
        await h.engine._office.sweep()
        assert (await h.run(awaiting(), {"n": 1}))["output"] == "back"
        assert await stored(h, s.OUTGOING) == []


async def test_two_engines_that_look_at_once_give_a_message_to_one() -> None:
    async with harness("memory://both") as first, harness("memory://both") as second:
        executions = [await one.engine.start(awaiting(), {"n": 1}) for one in (first, second)]
        for one, execution in zip((first, second), executions, strict=True):
            await one.seen(execution, "MessageAwaited")
        async with anyio.create_task_group() as group:
            for one in (first, second):
                for number in range(2):
                    group.start_soon(_publish, one, f"m{number}")
        for one, execution in zip((first, second), executions, strict=True):
            assert (await one.finish(execution))["status"] == "completed"
        taken = [document.value["taken_by"] for document in await stored(first, s.MESSAGES)]
        assert sorted(taken) == sorted(executions)


async def _publish(h: Harness, id: str) -> None:
    await h.engine.publish("paid", correlation=1, message_id=id)


async def test_a_decision_is_checked_before_it_is_recorded() -> None:
    form = {"type": "object", "required": ["n", "m"], "properties": {"n": {"type": "integer"}}}
    async with harness() as h:
        execution = await h.engine.start(asking(assignees=["ann"], form=form))
        await h.seen(execution, "ApprovalRequested")
        before = len(await h.events(execution))
        with pytest.raises(NotAnAssignee):
            await h.engine.decide(execution, "t", "approved", {"n": 1, "m": 1}, actor=BOB)
        with pytest.raises(DecisionInvalid) as refused:
            await h.engine.decide(execution, "t", "approved", {"n": "x"}, actor=ANN)
        assert {problem.path for problem in refused.value.problems} == {"data.n", "data"}
        with pytest.raises(DecisionInvalid):
            await h.engine.decide(execution, "t", "approved", {"n": 1, "m": "x" * 70_000}, actor=ANN)
        with pytest.raises(ApprovalNotOpen, match="these do: t"):
            await h.engine.decide(execution, "u[", "approved", actor=ANN)
        with pytest.raises(ValueError, match="maybe"):
            await h.engine.decide(execution, "t", "maybe", actor=ANN)  # type: ignore[arg-type]
        assert len(await h.events(execution)) == before
        await h.engine.delegate(execution, "t", "bob", actor=ANN)
        assert (await h.engine.get(execution))["tasks"][0]["awaits"]["assignees"] == ["ann", "bob"]
        await h.engine.decide(execution, "t", "approved", {"n": 1, "m": 1}, actor=BOB)
        assert (await h.finish(execution))["output"] == "bob"


async def test_a_form_that_is_too_large_for_the_log_is_checked_all_the_same() -> None:
    form = {"type": "object", "required": ["n"], "description": "x" * 500}
    async with harness(inline_limit=200, quick_limit=100) as h:
        execution = await h.engine.start(asking(form=form))
        await h.seen(execution, "ApprovalRequested")
        with pytest.raises(DecisionInvalid):
            await h.engine.decide(execution, "t", "approved", {}, actor=ANN)
        await h.engine.decide(execution, "t", "rejected", {"n": 1}, actor=ANN)
        assert (await h.finish(execution))["status"] == "completed"


async def test_approvals_inside_items_are_decided_by_their_paths() -> None:
    item = {"type": "group", "tasks": {"ok": asking(title="${item}?")["tasks"]["t"]}}
    item["output"] = "${tasks.ok.output.by}"
    item = {"type": "map", "input": {"items": ["a", "b", "c"]}, "max_concurrency": 2, "task": item}
    async with harness() as h:
        execution = await h.engine.start({"name": "w", "tasks": {"m": item}, "output": "${tasks.m.output}"})
        await h.seen(execution, "ApprovalRequested", 2)
        with pytest.raises(ApprovalNotOpen, match=r"these do: m\[0\]/ok, m\[1\]/ok"):
            await h.engine.decide(execution, "m", "approved", actor=ANN)
        for index, who in ((1, BOB), (0, ANN), (2, BOB)):
            await h.engine.decide(execution, f"m[{index}]/ok", "approved", actor=who)
        assert (await h.finish(execution))["output"] == ["ann", "bob", "bob"]


async def test_a_second_decision_is_refused() -> None:
    waits = {**asking(), "tasks": {**asking()["tasks"], "u": {"type": "event", "input": {"name": "end"}}}}
    async with harness() as h:
        execution = await h.engine.start(waits)
        await h.seen(execution, "ApprovalRequested")
        refused = []

        async def decide(who: dict[str, str]) -> None:
            try:
                await h.engine.decide(execution, "t", "approved", actor=who)
            except AlreadyDecided as error:
                refused.append(error)

        async with anyio.create_task_group() as group:
            for who in (ANN, BOB):
                group.start_soon(decide, who)
        assert len(refused) == 1
        with pytest.raises(AlreadyDecided):
            await h.engine.delegate(execution, "t", "eve", actor=ANN)
        await h.engine.signal(execution, "end")
        assert (await h.finish(execution))["status"] == "completed"


async def test_an_approval_outlives_its_engine_with_its_timers() -> None:
    more = {"assignees": ["ann"], "escalation": {"after": 60, "to": ["bob"]}, "deadline": 600}
    async with harness("memory://approval") as first:
        execution = await first.engine.start(asking(**more, on_deadline="reject"))
        await first.seen(execution, "ApprovalRequested")
    async with harness("memory://approval") as second:
        await second.engine.recover()
        second.clock.advance(60)
        await second.seen(execution, "ApprovalEscalated")
    async with harness("memory://approval") as third:
        await third.engine.decide(execution, "t", "approved", actor=BOB)
        assert (await third.engine.get(execution))["tasks"][0]["status"] == "succeeded"
        await third.engine.recover()
        assert (await third.finish(execution))["output"] == "bob"


@pytest.mark.parametrize(
    ("type", "input", "found"),
    [
        ("event", {}, [("input-invalid", "")]),
        ("event", {"name": "a", "any": [{"name": "b"}]}, [("input-invalid", "")]),
        ("event", {"any": []}, [("input-invalid", ".any")]),
        ("event", {"all": [{"name": "a"}], "correlation": 1}, [("input-invalid", "")]),
        ("event", {"any": [{"name": 1}, {"nane": "a"}]}, [
            ("input-invalid", ".any[0].name"), ("input-invalid", ".any[1]"),
            ("input-invalid", ".any[1].nane"),
        ]),
        ("event", {"name": "a", "scope": "world"}, [("input-invalid", ".scope")]),
        ("event", {"nam": "a"}, [("input-key-unknown", ".nam")]),
        ("event", {"name": "${secrets.key}"}, [("secret-not-allowed", ".name")]),
        ("emit", {}, [("input-key-missing", ".name")]),
        ("emit", {"name": "a", "ttl": 0}, [("input-invalid", ".ttl")]),
        ("emit", {"name": "a", "data": "x" * 70_000}, [("input-invalid", ".data")]),
        ("approval", {"title": "?", "deadline": 5, "escalation": {"after": 5, "to": ["a"]}},
         [("input-invalid", "")]),
        ("approval", {"title": "?", "on_deadline": "reject"}, [("input-invalid", "")]),
        ("approval", {"title": "?", "escalation": {"after": 5, "to": []}},
         [("input-invalid", ".escalation.to")]),
        ("approval", {"title": "?", "form": {"type": "objekt"}}, [("schema-invalid", ".form.type")]),
    ],
)  # fmt: skip
async def test_what_cannot_be_waited_for_is_found_before_anything_runs(
    type: str, input: Any, found: list[tuple[str, str]]
) -> None:
    async with harness() as h:
        with pytest.raises(DefinitionInvalid) as refused:
            h.engine.compile({"name": "w", "tasks": {"t": {"type": type, "input": input}}})
    places = [(problem.code, problem.path) for problem in refused.value.problems]
    assert sorted(places) == sorted((code, f"tasks.t.input{place}") for code, place in found)


@pytest.mark.parametrize("word", [{"retry_policy": {}}, {"timeout": 5}, {"steps": {}}])
async def test_words_of_attempts_and_composites_are_misplaced(word: dict[str, Any]) -> None:
    task = {"type": "event", "input": {"name": "a"}, **word}
    async with harness() as h:
        with pytest.raises(DefinitionInvalid) as refused:
            h.engine.compile({"name": "w", "tasks": {"t": task}})
    assert [problem.code for problem in refused.value.problems] == ["key-misplaced"]
