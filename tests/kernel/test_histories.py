"""What executions were: states at points, checkpoints and their end, differences, timelines, along chains."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from harmonia_core import RetryableError, task_type
from harmonia_core.clock import parse_rfc3339, rfc3339
from harmonia_core.contracts.state_backend import DocumentQuery
from harmonia_core.engine.checkpoint_rows import ANY
from harmonia_core.engine.checkpoints import checkpoint_seq, forget, put
from harmonia_core.errors import DefinitionInvalid, ExecutionNotFound, InputInvalid
from harmonia_core.host import CheckpointExists, KernelSettings, PointUnknown, Pruner, RetentionRule
from harmonia_core.model.checkpoints import Checkpoint
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
BIG = "long text " * 10_000


@task_type("count")
async def count(ctx: Any, input: dict[str, Any]) -> Any:
    """Return one more, after as many failures as it is asked for."""
    if ctx.attempt <= input.get("fail", 0):
        raise RetryableError("not yet")
    return {"n": input["n"] + 1, "text": BIG + str(input["n"]) if input.get("big") else ""}


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with Harness(count) as made:
        yield made


def workflow(**more: Any) -> dict[str, Any]:
    return {
        "name": "book",
        "vars": {"stage": "new"},
        "tasks": {
            "a": {"type": "count", "input": {"n": "${input.n}"}},
            "mark": {"type": "set", "depends_on": "a", "input": {"stage": "marked"}},
            "rows": {
                "type": "map",
                "depends_on": "a",
                "input": {"items": [1, 2, 3]},
                "task": {"type": "count", "input": {"n": "${item + input.n}"}},
            },
            "hold": {"type": "wait", "depends_on": ["rows", "mark"], "input": {"duration": 60}},
        },
        **more,
    }


async def seq_of(harness: Harness, execution: str, type: str, path: str) -> int:
    found = [
        e["seq"]
        for e in await harness.events(execution)
        if e["type"] == type and e["data"].get("path") == path
    ]
    return int(found[0])


async def test_a_state_is_what_the_execution_was(harness: Harness) -> None:
    view = await harness.run(workflow(), {"n": 1})
    execution = view["id"]
    waiting = await seq_of(harness, execution, "TimerSet", "hold")
    then = await harness.engine.state_at(execution, waiting)
    assert (then["seq"], then["last_seq"], then["status"], then["owner"]) == (
        waiting,
        view["seq"],
        "running",
        None,
    )
    assert then["timers"] == [{"path": "hold", "kind": "wait", "due": then["tasks"][-1]["next_at"]}]
    assert then["variables"] == {"": {"stage": "marked"}} and then["ended_at"] is None
    first = await harness.engine.state_at(execution, "start")
    assert first["seq"] == 1 and {task["status"] for task in first["tasks"]} == {"waiting", "ready"}
    assert first["variables"] == {"": {"stage": "new"}}
    now = await harness.engine.state_at(execution)
    assert {key: now[key] for key in view} == view
    assert (await harness.engine.state_at(execution, "end"))["at"] == now["at"] == view["ended_at"]


async def test_a_moment_is_the_last_event_that_had_happened(harness: Harness) -> None:
    execution = (await harness.run(workflow(), {"n": 1}))["id"]
    events = await harness.events(execution)
    fired = next(event for event in events if event["type"] == "TimerFired")
    assert (await harness.engine.state_at(execution, fired["at"]))["seq"] == events[-1]["seq"]
    before = rfc3339(parse_rfc3339(fired["at"]) - 30)
    then = await harness.engine.state_at(execution, before)
    assert then["at"] <= before < events[then["seq"]]["at"]
    with pytest.raises(PointUnknown, match="not begun"):
        await harness.engine.state_at(execution, "1999-01-01T00:00:00Z")
    with pytest.raises(PointUnknown, match="zone"):
        await harness.engine.state_at(execution, "2027-01-01T00:00:00")


@pytest.mark.parametrize("point", [0, 1_000, "99999", "nobody-named-it"])
async def test_a_point_that_there_is_not(harness: Harness, point: int | str) -> None:
    execution = (await harness.run(workflow(), {"n": 1}))["id"]
    with pytest.raises(PointUnknown):
        await harness.engine.state_at(execution, point)
    with pytest.raises(ExecutionNotFound):
        await harness.engine.state_at("nobody", point)


async def test_checkpoints_are_named_listed_found_and_deleted(harness: Harness) -> None:
    engine = harness.engine
    execution = (await harness.run(workflow(), {"n": 1}))["id"]
    made = await engine.checkpoint(execution, "before", 3, "look here")
    last = await engine.checkpoint(execution, "last")
    assert (made["seq"], made["kind"], made["description"]) == (3, "named", "look here")
    assert await engine.checkpoints(execution) == [made, last]
    assert (await engine.state_at(execution, "before"))["checkpoint"] == "before"
    assert await engine.checkpoint_seq(execution, "before") == (execution, 3)
    assert await checkpoint_seq(engine.backend, execution, "nobody") is None
    with pytest.raises(CheckpointExists) as refused:
        await engine.checkpoint(execution, "before", 4)
    assert refused.value.seq == 3
    await engine.delete_checkpoint(execution, "before")
    assert await engine.checkpoints(execution) == [last]
    with pytest.raises(PointUnknown):
        await engine.delete_checkpoint(execution, "before")


@pytest.mark.parametrize("name", ["start", "end", "7", "a b", "", "x" * 65, "after:a"])
async def test_names_that_cannot_be(harness: Harness, name: str) -> None:
    execution = (await harness.run(workflow(), {"n": 1}))["id"]
    with pytest.raises(InputInvalid):
        await harness.engine.checkpoint(execution, name)
    assert await harness.engine.checkpoints(execution) == []


async def test_checkpoints_by_policy_are_written_with_what_led_to_them(harness: Harness) -> None:
    policy = {"after": ["a", "rows"], "every": 4, "keep": 2}
    execution = (await harness.run(workflow(checkpoints=policy), {"n": 1}))["id"]
    found = {one["name"]: one for one in await harness.engine.checkpoints(execution)}
    last = (await harness.engine.get(execution))["seq"] // 4 * 4
    assert set(found) == {"after:a", "after:rows", f"every:{last}", f"every:{last - 4}"}
    assert found["after:a"]["seq"] == await seq_of(harness, execution, "TaskSucceeded", "a")
    assert found["after:rows"]["description"] == "rows succeeded (attempt 1)"
    assert {one["kind"] for one in found.values()} == {"automatic"}


async def test_of_what_is_done_again_and_again_the_last_ones_are_kept(harness: Harness) -> None:
    loop = {"type": "loop", "times": 7, "steps": {"call": {"type": "noop"}}}
    policy = {"after": "tries/body/call", "keep": 3}
    execution = (await harness.run({"name": "w", "checkpoints": policy, "tasks": {"tries": loop}}))["id"]
    names = [one["name"] for one in await harness.engine.checkpoints(execution)]
    assert names == [f"after:tries[{n}]/body/call" for n in (4, 5, 6)]


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ({"after": ["aa"]}, "task-unknown"),
        ({}, "value-missing"),
        ({"every": 0}, "value-wrong"),
        ({"evry": 5}, "key-unknown"),
    ],
)
async def test_a_policy_that_cannot_be(harness: Harness, policy: dict[str, Any], code: str) -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        harness.engine.compile(workflow(checkpoints=policy))
    assert code in [problem.code for problem in refused.value.problems]
    assert all(problem.path.startswith("checkpoints") for problem in refused.value.problems)


async def test_a_definition_without_checkpoints_keeps_its_hashes(harness: Harness) -> None:
    plain, kept = (
        harness.engine.compile(one).graph for one in (workflow(), workflow(checkpoints={"every": 5}))
    )
    assert plain.checkpoints is None and kept.checkpoints is not None
    assert "checkpoints" not in plain.definition_hash and plain.graph_hash != kept.graph_hash


async def test_pruning_an_execution_takes_its_checkpoints_along(harness: Harness) -> None:
    engine = harness.engine
    policy = {"every": 3}
    gone = (await harness.run(workflow(checkpoints=policy), {"n": 1}))["id"]
    kept = (await harness.run(workflow(), {"n": 1}))["id"]
    for execution in (gone, kept):
        await engine.checkpoint(execution, "mine", 2)
    pruner = Pruner(engine.backend, (RetentionRule(keep_last=1),), harness.clock)
    doomed = [one async for part in pruner.due() for one in part]
    await pruner.prune(doomed)
    assert [one.execution_id for one in doomed] == [gone]
    everything = DocumentQuery(ANY.namespace, ANY.collection)
    documents, _ = await engine.backend.find_documents(everything)
    assert [one.value["execution"] for one in documents] == [kept]
    with pytest.raises(ExecutionNotFound):
        await engine.checkpoint(gone, "late", 1)


async def test_a_checkpoint_that_is_named_while_its_execution_is_pruned_leaves_nothing(
    harness: Harness,
) -> None:

    backend = harness.engine.backend
    with pytest.raises(ExecutionNotFound):
        await put(backend, Checkpoint("gone", "mine", 1, 0.0, "named", None, 0.0))
    assert (await backend.find_documents(ANY))[0] == []
    await forget(backend, ["gone"])


async def test_differences_of_two_points_and_of_two_executions(harness: Harness) -> None:
    engine = harness.engine
    one = (await harness.run(workflow(), {"n": 1}))["id"]
    other = (await harness.run(workflow(), {"n": 2}))["id"]
    same = await engine.diff(one, "end", one)
    assert same["tasks"] == [] and not same["execution"] and same["definition"] == []
    found = await engine.diff(one, "end", other)
    changed = {task["path"]: task["fields"] for task in found["tasks"]}
    assert set(changed) == {"a", "rows[0]", "rows[1]", "rows[2]"}, "all that the input led to"
    assert (
        changed["rows[1]"]["output"]["before"]["n"] == 4 and changed["rows[1]"]["output"]["after"]["n"] == 5
    )
    assert found["execution"] == {"input": {"before": {"n": 1}, "after": {"n": 2}}}
    grown = await engine.diff(one)
    assert grown["before"]["seq"] == 1 and grown["variables"] == {
        "stage": {"before": "new", "after": "marked"}
    }


async def test_a_diff_in_pages_says_what_it_says_in_one(harness: Harness) -> None:
    engine = harness.engine
    wide = workflow()
    wide["tasks"]["rows"]["input"] = {"items": list(range(600))}
    wide["tasks"]["rows"]["max_concurrency"] = 7
    one = (await harness.run(wide, {"n": 1}))["id"]
    other = (await harness.run(wide, {"n": 2}))["id"]
    middle = await seq_of(harness, one, "TaskSucceeded", "rows[300]")
    for sides in ((one, middle, one, "end"), (one, "start", one, middle), (one, "end", other, "end")):
        whole = await engine.diff(*sides, limit=10_000)
        pages, cursor = [], None
        for _ in range(100):
            page = await engine.diff(*sides, limit=37, cursor=cursor)
            assert len(page["tasks"]) <= 37
            pages += page["tasks"]
            cursor = page["cursor"]
            if cursor is None:
                break
        assert pages == whole["tasks"] and len(pages) > 290
    with pytest.raises(InputInvalid):
        await engine.diff(one, cursor="nonsense")


async def test_a_map_that_began_anew_is_told_as_it_was_then(harness: Harness) -> None:
    rows = {"type": "map", "input": {"items": [1, 2]}, "task": {"type": "count", "input": {"n": "${item}"}}}
    again = {"type": "count", "depends_on": "rows", "input": {"n": 0, "fail": 1}}
    tried = {"type": "try", "tasks": {"rows": rows, "again": again}, "retry_policy": {"max_retries": 1}}
    execution = (await harness.run({"name": "w", "tasks": {"tried": tried}}))["id"]
    ends = [e for e in await harness.events(execution)
            if e["type"] == "TaskSucceeded" and e["data"]["path"].endswith("rows[1]")]  # fmt: skip
    assert len({end["data"]["path"] for end in ends}) == 2, (
        "the map was carried out twice, each time elsewhere"
    )
    found = await harness.engine.diff(execution, "start", execution, ends[0]["seq"])
    items = {task["path"]: task["fields"] for task in found["tasks"] if task["path"].endswith("]")}
    assert items[ends[0]["data"]["path"]]["output"]["after"] == {"n": 3, "text": ""}


async def test_values_are_compared_whole_and_by_place(harness: Harness) -> None:
    engine = harness.engine
    large = {"name": "w", "tasks": {"a": {"type": "count", "input": {"n": "${input.n}", "big": True}},
                                    "rows": workflow()["tasks"]["rows"] | {"depends_on": []}}}  # fmt: skip
    one = (await harness.run(large, {"n": 1}))["id"]
    other = (await harness.run(large, {"n": 2}))["id"]
    outline = await engine.diff(one, "end", other)
    assert outline["tasks"][0]["fields"]["output"]["before"]["$blob"].startswith("sha256:")
    found = await engine.diff_values("a", one, "end", other)
    assert [change["path"] for change in found["changes"]] == ["input.n", "output.n", "output.text"]
    item = await engine.diff_values("rows[2]", one, "end", other)
    assert [(c["path"], c["before"], c["after"]) for c in item["changes"]] == [("output.n", 5, 6)]
    rows = await engine.diff_values("rows", one, "end", other)
    assert [change["path"] for change in rows["changes"]] == [f"output[{n}].n" for n in range(3)]
    for path in ("nobody", "rows[x]", "rows[17]", "a[0]"):
        with pytest.raises(InputInvalid, match="neither side"):
            await engine.diff_values(path, one)


async def test_two_versions_are_told_apart_by_definition_and_by_task(harness: Harness) -> None:
    newer = workflow(version="1.1.0")
    newer["tasks"]["extra"] = {"type": "noop", "depends_on": "a"}
    one = (await harness.run(workflow(), {"n": 1}))["id"]
    other = (await harness.run(newer, {"n": 1}))["id"]
    found = await harness.engine.diff(one, "end", other)
    assert [change["place"] for change in found["definition"]] == ["tasks.extra"]
    assert [(task["path"], task["change"]) for task in found["tasks"]] == [("extra", "added")]
    assert set(found["execution"]) == {"workflow"}
    operations = await harness.engine.diff_patch(one, "end", other)
    assert "/tasks/extra" in [one["path"] for one in operations]


async def test_where_the_time_went(harness: Harness) -> None:
    tasks = workflow()
    tasks["tasks"]["a"]["input"]["fail"] = 1
    tasks["tasks"]["a"]["retry_policy"] = {"initial_delay": 30, "jitter": 0}
    execution = (await harness.run(tasks, {"n": 1}))["id"]
    found = await harness.engine.timeline(execution)
    assert found["over"] and found["status"] == "completed" and found["seconds"] == pytest.approx(90, abs=1)
    assert [link["path"] for link in found["critical_path"]] == ["a", "hold"]
    rows = {row["path"]: row for row in found["tasks"]}
    assert rows["a"]["retries"] == 1 and rows["a"]["totals"]["backoff"] == pytest.approx(30, abs=1)
    assert rows["hold"]["totals"]["timer"] == pytest.approx(60, abs=1) and rows["hold"]["critical"]


async def test_along_a_chain_of_logs() -> None:
    step = {"type": "count", "input": {"n": "${index}"}}
    loop = {"type": "loop", "times": 30, "steps": {"step": step}}
    async with Harness(count, settings=KernelSettings(roll_over_after=40)) as harness:
        engine = harness.engine
        first = await engine.start({"name": "long", "tasks": {"tries": loop}})
        last = (await harness.finish(first))["id"]
        assert last != first
        assert (await engine.state_at(first))["id"] == last
        assert (await engine.state_at(first, 5))["id"] == first
        await engine.checkpoint(first, "late")
        assert (await engine.checkpoints(first))[0]["execution"] == last
        assert (await engine.state_at(first, "late"))["id"] == last
        found = await engine.timeline(first)
        assert found["execution"] == last and found["logs"][0] == first and found["logs"][-1] == last
        assert found["over"] and found["status"] == "completed" and found["origin"] is None
        rest = await engine.timeline(last)
        assert rest["origin"]["kind"] == "continued" and len(rest["logs"]) == 1
        changes = await engine.diff(first)
        assert changes["before"]["execution"] == first and changes["after"]["execution"] == last
        pruner = Pruner(engine.backend, (RetentionRule(keep_last=0),), harness.clock)
        async for doomed in pruner.due():
            await pruner.prune(doomed)
        assert (await engine.backend.find_documents(ANY))[0] == []
