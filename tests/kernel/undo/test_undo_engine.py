"""Compensation with a real engine: requests, decisions of people, secrets, large values."""

from typing import Any

import anyio
import pytest
from book import Book, broken, did

from harmonia_core.engine.deciding import NothingToResolve
from harmonia_core.errors import ExecutionFinished
from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
ADA = {"kind": "person", "id": "ada"}


def harness(book: Book, url: str = "memory://", **more: Any) -> Harness:
    settings = KernelSettings(cancel_grace=0.1, freeze_at_start=False, **more)
    return Harness(*book.types(), url=url, settings=settings)


def flow(tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "order", "on_failure": "compensate", "tasks": tasks, **more}


def tasks_of(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {task["path"]: task for task in view["tasks"]}


async def test_the_view_shows_what_was_undone() -> None:
    async with harness(Book()) as h:
        view = await h.run(flow({"a": did("a"), "b": did("b", "a"), "z": broken("b")}))
        assert [task["path"] for task in view["tasks"]] == ["a", "a~undo", "b", "b~undo", "z"]
        undo = tasks_of(view)["b~undo"]
        assert (undo["undoes"], undo["number"], undo["status"]) == ("b", 2, "succeeded")
        assert undo["input"] == {"did": "b"} and undo["max_attempts"] == 4
        assert view["undo"] == {"recorded": 2, "ended": 2, "open": 0, "attention": 0}
        assert view["counts"] == {"succeeded": 2, "failed": 1}
        head = await h.engine.backend.head(view["id"])
        assert head is not None and head.status == "compensated" and "broken" in (head.error or "")


async def test_what_could_be_undone_is_counted_while_nothing_is() -> None:
    async with harness(Book()) as h:
        view = await h.run(flow({"a": did("a")}))
        assert view["status"] == "completed" and len(view["tasks"]) == 1
        assert view["undo"] == {"recorded": 1, "ended": 0, "open": 1, "attention": 0}


async def test_the_keys_of_undos_are_their_own() -> None:
    book = Book()
    async with harness(book) as h:
        view = await h.run(flow({"a": did("a"), "z": broken("a")}))
        assert [key for _, _, key in book.entries] == [f"{view['id']}:a", f"{view['id']}:a~undo"]


async def test_a_failed_undo_waits_and_is_done_by_hand() -> None:
    book = Book(b=99)
    async with harness(book) as h:
        view = await h.run(flow({"a": did("a"), "b": did("b", "a"), "z": broken("b")}))
        assert view["status"] == "attention" and tasks_of(view)["b~undo"]["reason"] == "undo-failed"
        assert tasks_of(view)["b~undo"]["attempt"] == 4
        await h.engine.resolve(view["id"], "b~undo", "done", "called the bank", actor=ADA)
        view = await h.finish(view["id"])
        assert view["status"] == "compensated" and book.names("undo") == ["a"]
        events = await h.events(view["id"])
        [resolved] = [event for event in events if event["type"] == "TaskResolved"]
        assert resolved["actor"] == ADA
        assert resolved["data"] == {"path": "b~undo", "resolution": "done", "comment": "called the bank"}


async def test_a_retry_undoes_it_after_all() -> None:
    book = Book(a=5)
    async with harness(book) as h:
        view = await h.run(flow({"a": did("a"), "z": broken("a")}))
        await h.engine.resolve(view["id"], "a~undo", "retry", actor=ADA)
        view = await h.finish(view["id"])
        assert view["status"] == "attention", "its policy is used up, so each retry is one attempt"
        await h.engine.resolve(view["id"], "a~undo", "retry")
        assert (await h.finish(view["id"]))["status"] == "compensated" and book.names("undo") == ["a"]


async def test_what_cannot_be_resolved_is_refused_with_what_can() -> None:
    async with harness(Book(a=99)) as h:
        view = await h.run(flow({"a": did("a"), "z": broken("a")}))
        for path, how in (("z", "retry"), ("nobody", "skip"), ("a~undo", "fail"), ("a", "done")):
            with pytest.raises(NothingToResolve) as refused:
                await h.engine.resolve(view["id"], path, how)  # type: ignore[arg-type]
            assert refused.value.waiting == {"a~undo": "undo-failed"}
            assert "a~undo (undo-failed)" in str(refused.value)
        with pytest.raises(ValueError, match="no decision"):
            await h.engine.resolve(view["id"], "a~undo", "maybe")  # type: ignore[arg-type]


async def test_undo_on_request_ends_compensated_whoever_asks() -> None:
    book = Book()
    book.holding.add("b")
    async with harness(book) as h:
        execution = await h.engine.start({"name": "w", "tasks": {"a": did("a"), "b": did("b", "a")}})
        await h.seen(execution, "TaskScheduled", 2)
        assert await h.engine.undo(execution, "changed my mind", actor=ADA) == "compensated"
        assert await h.engine.undo(execution) == "compensated", "twice is once"
        view = await h.engine.get(execution)
        assert view["reason"] == "changed my mind" and view["error"] is None
        assert book.names("undo") == ["a"] and tasks_of(view)["b"]["status"] == "cancelled"


async def test_a_final_execution_is_not_undone_in_place() -> None:
    async with harness(Book()) as h:
        view = await h.run({"name": "w", "tasks": {"a": did("a")}})
        with pytest.raises(ExecutionFinished):
            await h.engine.undo(view["id"])


async def test_a_cancel_while_it_undoes_says_how_it_ended() -> None:
    book = Book()
    book.holding.add("undo a")
    async with harness(book) as h:
        execution = await h.engine.start(flow({"a": did("a"), "z": broken("a")}))
        await h.seen(execution, "CompensationBegun")
        await h.engine.request(execution, "cancel")
        assert (await h.engine.get(execution))["status"] == "compensating"


async def test_without_an_owner_a_decision_is_recorded_and_recover_goes_on() -> None:
    book, url = Book(b=99), "memory://undo-decided"
    async with harness(book, url) as first:
        view = await first.run(flow({"a": did("a"), "b": did("b", "a"), "z": broken("b")}))
        assert view["status"] == "attention"
    async with harness(book, url) as second:
        assert (await second.engine.recover()).attention == [view["id"]]
        status = await second.engine.resolve(view["id"], "b~undo", "skip")
        assert status == "compensating" and book.names("undo") == []
    async with harness(book, url) as third:
        assert (await third.engine.recover()).adopted == [view["id"]]
        assert (await third.finish(view["id"]))["status"] == "compensated"
        assert book.names("undo") == ["a"]


async def test_one_of_two_decisions_is_acted_upon_by_recover() -> None:
    held = {"type": "broken", "on_failure": "hold"}
    tasks = {"x": held, "y": held, "after_x": {"type": "do", "input": {"name": "after"}, "depends_on": ["x"],
             "join": {"done": "end"}}}  # fmt: skip
    book, url = Book(), "memory://undo-two"
    async with harness(book, url) as first:
        execution = (await first.run({"name": "w", "tasks": tasks}))["id"]
    async with harness(book, url) as second:
        assert await second.engine.resolve(execution, "x", "fail") == "attention"
    async with harness(book, url) as third:
        assert (await third.engine.recover()).adopted == [execution]
        await third.finish(execution)
        assert book.names("do") == ["after"], "though another task still waits for a person"
        assert (await third.engine.recover()).adopted == []


async def test_without_an_owner_an_undo_is_recorded_and_recover_carries_it_out() -> None:
    book, url = Book(), "memory://undo-orphan"
    book.holding.add("b")
    async with harness(book, url) as first:
        execution = await first.engine.start({"name": "w", "tasks": {"a": did("a"), "b": did("b", "a")}})
        await first.seen(execution, "TaskScheduled", 2)
    async with harness(book, url) as second:
        assert await second.engine.undo(execution) == "cancelling" and book.names("undo") == []
    async with harness(book, url) as third:
        await third.engine.recover()
        assert (await third.finish(execution))["status"] == "compensated" and book.names("undo") == ["a"]


async def test_retry_lost_leaves_what_failed_to_people() -> None:
    url = "memory://undo-retry-lost"
    async with harness(Book(), url) as first:
        view = await first.run({"name": "w", "on_failure": "hold", "tasks": {"z": broken()}})
    async with harness(Book(), url) as second:
        await second.engine.recover(retry_lost=True)
        assert (await second.finish(view["id"]))["status"] == "attention"
        types = [event["type"] for event in await second.events(view["id"])]
        assert "RetryScheduled" not in types


async def test_a_skipped_task_is_interrupted() -> None:
    book = Book()
    book.holding.add("a")
    async with harness(book) as h:
        execution = await h.engine.start({"name": "w", "tasks": {"a": did("a"), "b": did("b", "a")}})
        await h.seen(execution, "TaskScheduled")
        await h.engine.resolve(execution, "a", "skip", "not needed")
        with anyio.fail_after(10):
            view = await h.finish(execution)
        assert view["status"] == "completed" and tasks_of(view)["b"]["status"] == "skipped"
        assert not h.engine._driver.dispatcher.in_flight(execution)
        events = [(event["type"], event["data"].get("outcome")) for event in await h.events(execution)]
        assert ("TaskSkipped", None) in events


async def test_large_outputs_and_inputs_of_undos_are_kept_beside_the_log() -> None:
    book = Book()
    long = "long " * 100
    task = did("a")
    task["compensate"]["input"] = {"did": "${output.did}", "all": long + "${output.did}"}
    async with harness(book, inline_limit=200, quick_limit=100) as h:
        view = await h.run(flow({"a": {**task, "input": {"name": long}}, "z": broken("a")}))
        assert view["status"] == "compensated" and book.names("undo") == [long]
        recorded = [event for event in await h.events(view["id"]) if event["type"] == "UndoRecorded"]
        assert "$blob" in recorded[0]["data"]["input"]


async def test_secrets_stay_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMONIA_SECRET_KEY", "correct-horse")
    book, task = Book(), did("a")
    task["compensate"]["input"] = {"did": "${secrets.KEY}"}
    async with harness(book) as h:
        view = await h.run(flow({"a": task, "z": broken("a")}))
        assert view["status"] == "compensated" and book.names("undo") == ["correct-horse"]
        assert "correct-horse" not in str(await h.events(view["id"])) + str(view)


async def test_a_round_of_a_loop_has_an_entry_of_its_own() -> None:
    book = Book()
    body = {key: value for key, value in did("round ${index}").items() if key != "depends_on"}
    tasks = {"l": {"type": "loop", "times": 3, "task": body}, "z": broken("l")}
    async with harness(book) as h:
        view = await h.run(flow(tasks))
        assert book.names("undo") == ["round 2", "round 1", "round 0"] and view["status"] == "compensated"
        assert {"l[0]/body~undo", "l[1]/body~undo", "l[2]/body~undo"} <= set(tasks_of(view))


async def test_a_deadline_undoes_without_a_deadline() -> None:
    book = Book(a=2)
    wait = {"type": "wait", "input": {"duration": 900}, "depends_on": ["a"]}
    async with harness(book) as h:
        view = await h.run(flow({"a": did("a"), "w": wait}, timeout=60))
        assert view["status"] == "compensated" and view["error"]["code"] == "execution-timeout"
        assert book.names("undo") == ["a"]
