"""Results that are used again: whose, for how long, and what never is."""

from typing import Any

import anyio
import pytest

from harmonia_core import task_type
from harmonia_core.contracts.rows import DocumentWrite, Unit
from harmonia_core.contracts.state_backend import DocumentQuery
from harmonia_core.engine.evolve import fold
from harmonia_core.engine.loading import to_recorded
from harmonia_core.engine.memo_rows import COLLECTION
from harmonia_core.errors import DefinitionInvalid, StateUnavailable
from harmonia_core.host import Inspector, KernelSettings
from harmonia_core.model.snapshot import dump, load
from harmonia_core.testing.harness import Harness

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


@task_type("memo.work")
async def work(ctx: Any, input: Any) -> Any:
    """Note the call; return as much as is wanted, fail as often as is wanted."""
    calls.append(input)
    if ctx.attempt <= input.get("fails", 0):
        raise RuntimeError("not yet")
    if "file" in input:
        with ctx.artifact("file") as file:
            file.write(b"x" * 10)
        return {"file": file.reference}
    return {"n": input.get("n"), "text": "x" * input.get("size", 0)}


@task_type("memo.deed", idempotent=False)
async def deed(ctx: Any, input: Any) -> Any:
    """Stand for what must not be done twice."""
    return None


def flow(memo: Any = True, name: str = "flow", **task: Any) -> dict[str, Any]:
    return {
        "name": name,
        "tasks": {"a": {"type": "memo.work", "input": {"n": "${input.n}"}, "memo": memo, **task}},
        "output": {"n": "${tasks.a.output.n}"},
    }


def task_of(view: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = view["tasks"][0]
    return found


async def kept(harness: Harness) -> list[Any]:
    page, _ = await harness.engine.documents.find(DocumentQuery("default", COLLECTION))
    return [one.value for one in page]


async def test_a_result_is_used_again_and_its_event_says_whose_it_is() -> None:
    async with Harness(work) as harness:
        first = await harness.run(flow(), {"n": 1})
        again = await harness.run(flow(), {"n": 1})
        other = await harness.run(flow(), {"n": 2})
        assert calls == [{"n": 1}, {"n": 2}]
        assert (first["output"], again["output"], other["output"]) == ({"n": 1}, {"n": 1}, {"n": 2})
        assert (task_of(first)["reason"], task_of(again)["reason"]) == (None, "reused")
        assert (task_of(again)["input"], task_of(again)["attempt"]) == ({"n": 1}, 1)
        [ended] = [one for one in await harness.events(again["id"]) if one["type"] == "TaskSucceeded"]
        assert ended["data"]["reused"]["execution"] == first["id"]
        assert ended["data"]["reused"]["path"] == "a"
        assert "memo" not in ended["data"]


async def test_without_the_word_nothing_is_kept_or_looked_up() -> None:
    async with Harness(work) as harness:
        for memo in (False, None):
            plain = flow(memo)
            view = await harness.run(plain, {"n": 1})
            assert "Asked" not in [one["type"] for one in await harness.events(view["id"])]
        assert (len(calls), await kept(harness)) == (2, [])


async def test_a_result_is_used_until_its_time_is_over() -> None:
    async with Harness(work) as harness:
        await harness.run(flow({"ttl": "PT1H"}), {"n": 1})
        harness.clock.advance(3599)
        await harness.run(flow({"ttl": "PT1H"}), {"n": 1})
        assert len(calls) == 1
        # Its time counts from when the work was done, not from its last use.
        harness.clock.advance(1.5)
        await harness.run(flow({"ttl": "PT1H"}), {"n": 1})
        assert len(calls) == 2
        await harness.run(flow({"ttl": "PT1H"}), {"n": 1})
        assert len(calls) == 2


async def test_what_is_over_is_swept_by_those_who_look_later() -> None:
    async with Harness(work) as harness:
        await harness.run(flow({"ttl": 10}), {"n": 1})
        harness.clock.advance(700)
        await harness.run(flow({"ttl": 10}), {"n": 2})
        assert [value["expires"] > harness.clock.now() for value in await kept(harness)] == [True]


async def test_a_key_of_its_own_tells_results_apart() -> None:
    async with Harness(work) as harness:
        by_parity = flow({"key": "${input.n % 2}"})
        outputs = [(await harness.run(by_parity, {"n": n}))["output"] for n in (1, 2, 3, 4)]
        assert outputs == [{"n": 1}, {"n": 2}, {"n": 1}, {"n": 2}]
        assert len(calls) == 2
        # An input that looks like that key is another thing.
        same: dict[str, Any] = flow(input={"n": 1})
        for memo in ({"key": {"n": 1}}, True):
            same["tasks"]["a"]["memo"] = memo
            await harness.run(same)
        assert len(calls) == 4


@pytest.mark.parametrize(("scope", "count"), [("namespace", 1), ("workflow", 2)])
async def test_a_result_belongs_to_a_namespace_or_to_a_workflow(scope: str, count: int) -> None:
    async with Harness(work) as harness:
        for name in ("one", "two", "one"):
            await harness.run(flow({"scope": scope}, name), {"n": 1})
        assert len(calls) == count
        stranger = await harness.engine.start(flow({"scope": scope}, "one"), {"n": 1}, namespace="other")
        await harness.finish(stranger)
        assert len(calls) == count + 1


async def test_what_failed_first_is_kept_once_it_has_succeeded() -> None:
    async with Harness(work) as harness:
        retrying = flow(input={"fails": 1}, retry_policy={"max_retries": 2})
        del retrying["output"]
        await harness.run(retrying)
        await harness.run(retrying)
        assert len(calls) == 2
        failing = flow(input={"fails": 9})
        del failing["output"]
        for _ in range(2):
            assert (await harness.run(failing))["status"] == "failed"
        assert len(calls) == 4


async def test_items_of_a_map_use_results_of_each_other_and_of_earlier_runs() -> None:
    async with Harness(work) as harness:
        inner = {"type": "memo.work", "input": {"n": "${item}"}, "memo": True}
        mapped = {
            "name": "mapped",
            "tasks": {"m": {"type": "map", "input": {"items": "${input.of}"}, "task": inner,
                            "max_concurrency": 2}},
            "output": {"all": "${tasks.m.output}"},
        }  # fmt: skip
        first = await harness.run(mapped, {"of": [0, 1, 2]})
        second = await harness.run(mapped, {"of": [2, 3, 1]})
        assert [item["n"] for item in second["output"]["all"]] == [2, 3, 1]
        assert sorted(call["n"] for call in calls) == [0, 1, 2, 3]
        assert first["status"] == second["status"] == "completed"
        rows = await harness.engine.backend.tasks(second["id"], "m")
        assert [row.reason for row in rows] == ["reused", None, "reused"]


async def test_a_large_result_is_stored_for_each_who_uses_it_and_gone_with_its_maker() -> None:
    large = {"name": "large", "tasks": {"a": {"type": "memo.work", "input": {"size": 5000}, "memo": True}},
             "output": {"a": "${tasks.a.output.text}"}}  # fmt: skip
    async with Harness(work, settings=KernelSettings(inline_limit=1000)) as harness:
        engine = harness.engine
        first = await harness.run(large)
        second = await harness.run(large)
        assert len(calls) == 1
        await engine.backend.prune([first["id"]])
        assert (await engine.output(second["id"]))["a"] == "x" * 5000
        await engine.backend.prune([second["id"]])
        third = await harness.run(large)
        assert (len(calls), third["status"]) == (2, "completed")
        inspector = Inspector(engine.backend, engine.plugins, engine.settings)
        assert await inspector.verify() == []
        assert [one.problems async for one in inspector.check(deep=True)] == [[]]


async def test_a_result_with_a_file_belongs_to_its_execution() -> None:
    async with Harness(work) as harness:
        filed = flow(input={"file": 1})
        del filed["output"]
        for _ in range(2):
            assert (await harness.run(filed))["status"] == "completed"
        assert (len(calls), await kept(harness)) == (2, [])


@pytest.mark.parametrize("value", ['{"expires": 1e99}', "[]", '{"expires": 1e99, "output@": {"$blob": "x"}}'])
async def test_what_cannot_be_read_is_as_if_it_were_not_there(value: str) -> None:
    async with Harness(work) as harness:
        await harness.run(flow(), {"n": 1})
        page, _ = await harness.engine.documents.find(DocumentQuery("default", COLLECTION))
        write = DocumentWrite("default", COLLECTION, page[0].key, value)
        await harness.engine.backend.commit(Unit(documents=[write]))
        assert (await harness.run(flow(), {"n": 1}))["output"] == {"n": 1}
        assert len(calls) == 2


async def test_a_store_that_is_away_for_a_moment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Harness(work) as harness:
        await harness.run(flow(), {"n": 1})
        document, failures = harness.engine.backend.document, iter((1, 2, 3))

        async def failing(*place: str) -> Any:
            if next(failures, None) is not None:
                raise StateUnavailable("away")
            return await document(*place)

        monkeypatch.setattr(harness.engine.backend, "document", failing)
        execution_id = await harness.engine.start(flow(), {"n": 1})
        with anyio.fail_after(20):
            while (await harness.engine.get(execution_id))["status"] == "running":
                harness.clock.advance(0.5)
                await anyio.lowlevel.checkpoint()
        assert task_of(await harness.engine.get(execution_id))["reason"] == "reused"
        assert next(failures, None) is None


async def test_two_at_once_both_do_the_work_and_the_later_one_stays() -> None:
    async with Harness(work) as harness:
        ids = [await harness.engine.start(flow(), {"n": 1}) for _ in range(2)]
        for execution_id in ids:
            await harness.finish(execution_id)
        [value] = await kept(harness)
        assert value["execution"] in ids
        assert len(calls) in (1, 2)


async def test_a_question_that_was_open_is_asked_again_by_whoever_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "memory://memo-adopted"
    async with Harness(work, url=url) as harness:
        await harness.run(flow(), {"n": 1})
        away = anyio.Event()

        async def never(*place: str) -> Any:
            away.set()
            await anyio.sleep_forever()

        monkeypatch.setattr(harness.engine.backend, "document", never)
        left = await harness.engine.start(flow(), {"n": 1})
        await away.wait()
    async with Harness(work, url=url) as other:
        await other.engine.recover()
        view = await other.finish(left)
        assert (task_of(view)["reason"], len(calls)) == ("reused", 1)


async def test_what_is_recorded_folds_to_the_same_state_and_survives_a_snapshot() -> None:
    async with Harness(work) as harness:
        for _ in range(2):
            view = await harness.run(flow(), {"n": 1})
            log = [to_recorded(row) for row in await harness.engine.backend.events(view["id"])]
            graph = harness.engine.compile(flow()).graph
            for stop in range(1, len(log) + 1):
                state = fold(graph, view["id"], log[:stop])
                assert load(graph, dump(state)) == state


async def test_results_are_listed_and_cleared() -> None:
    async with Harness(work) as harness:
        memos = harness.engine.memos
        for name, n in (("one", 1), ("two", 2), ("two", 3)):
            await harness.run(flow(name=name), {"n": n})
            harness.clock.advance(1)
        page, cursor = await memos.list()
        assert ([one["workflow"] for one in page], cursor) == (["one", "two", "two"], None)
        assert len((await memos.list(workflow="two"))[0]) == 2
        assert await memos.clear(workflow="two", type="memo.work") == 2
        assert [one["output"] for one in (await memos.list())[0]] == [{"n": 1, "text": ""}]
        assert (await memos.clear(type="other"), await memos.clear()) == (0, 1)
        await harness.run(flow(name="one"), {"n": 1})
        assert len(calls) == 4


COMPENSATE = {"type": "noop"}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "noop"}, "key-misplaced", "tasks.a.memo"),
    ({"type": "wait", "input": {"duration": 1}}, "key-misplaced", "tasks.a.memo"),
    ({"type": "group", "tasks": {"b": {"type": "noop"}}}, "key-misplaced", "tasks.a.memo"),
    ({"type": "memo.deed"}, "memo-misplaced", "tasks.a.memo"),
    ({"type": "memo.work", "idempotent": False}, "memo-misplaced", "tasks.a.memo"),
    ({"type": "memo.work", "compensate": COMPENSATE}, "memo-misplaced", "tasks.a.memo"),
    ({"type": "memo.work", "input": {"k": "${secrets.k}"}}, "memo-secret", "tasks.a.memo"),
    ({"type": "memo.work", "memo": {"ttl": 0}}, "duration-invalid", "tasks.a.memo.ttl"),
    ({"type": "memo.work", "memo": {"scope": "x"}}, "value-wrong", "tasks.a.memo.scope"),
    ({"type": "memo.work", "memo": 5}, "type-wrong", "tasks.a.memo"),
    ({"type": "memo.work", "memo": {"tll": 5}}, "key-unknown", "tasks.a.memo.tll"),
    ({"type": "memo.work", "memo": {"key": "${tasks.b.output}"}}, "task-unknown", "tasks.a.memo.key"),
    ({"type": "memo.work", "memo": {"key": "${secrets.b}"}}, "secret-not-allowed", "tasks.a.memo.key"),
    ({"type": "memo.work", "compensate": {"type": "memo.work", "memo": True}, "memo": None},
     "key-misplaced", "tasks.a.compensate.memo"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "code", "path"), WRONG)
async def test_what_cannot_be_used_again_is_refused(task: dict[str, Any], code: str, path: str) -> None:
    async with Harness(work, deed) as harness:
        with pytest.raises(DefinitionInvalid) as refused:
            harness.engine.compile({"name": "wrong", "tasks": {"a": {"memo": True, **task}}})
        assert [(one.code, one.path) for one in refused.value.problems] == [(code, path)]


async def test_a_secret_may_be_used_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMONIA_SECRET_TOKEN", "very secret")
    secretive = flow({"key": "${input.n}"}, input={"n": "${input.n}", "token": "${secrets.token}"})
    async with Harness(work) as harness:
        await harness.run(secretive, {"n": 1})
        again = await harness.run(secretive, {"n": 1})
        assert (len(calls), again["output"]) == (1, {"n": 1})
        assert "very secret" not in str(await kept(harness))


def test_a_graph_without_the_word_keeps_its_hash() -> None:
    from harmonia_core.engine.compile import compile_definition
    from harmonia_core.model.definition import WorkflowDefinition

    def hash_of(**more: Any) -> str:
        task = {"id": "a", "type": "memo.work", **more}
        definition = WorkflowDefinition.model_validate({"name": "x", "tasks": [task]})
        return compile_definition(definition, {"memo.work": work}).graph_hash  # type: ignore[dict-item]

    assert hash_of() == hash_of(memo=None)
    assert len({hash_of(), hash_of(memo=True), hash_of(memo={"ttl": 5})}) == 3
