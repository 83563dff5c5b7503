"""The outputs of a map as one value: in order, in pages, recorded, and its errors name the item."""

from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.engine.reducing import PAGE
from harmonia_core.errors import DefinitionInvalid
from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio


@task_type("work")
async def work(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return what it is told, or fail."""
    if input.get("fail"):
        raise ValueError("no")
    return {"n": input["n"], "text": "x" * input.get("size", 0)}


def harness(store: str = "", **more: Any) -> Harness:
    return Harness(work, url=f"memory://{store}", settings=KernelSettings(**more))


def reduced(reduce: dict[str, Any], stop: int = 5, task: dict[str, Any] | None = None, **more: Any) -> Any:
    each = {"type": "work", "input": {"n": "${item}", **(task or {})}}
    tasks = {"m": {"type": "map", "input": {"range": {"stop": stop}}, "reduce": reduce, "task": each, **more}}
    return {"name": "reduced", "vars": {"base": 100}, "tasks": tasks, "output": "${tasks.m.output}"}


async def output(definition: Any, **settings: Any) -> Any:
    async with harness(**settings) as run:
        view = await run.run(definition)
        return view["output"] if view["status"] == "completed" else view["error"]


async def test_it_folds_in_the_order_of_the_items() -> None:
    found = await output(reduced({"initial": [], "value": "result + [output.n * 10 + index]"}))
    assert found == [0, 11, 22, 33, 44]
    assert await output(
        reduced({"initial": {"sum": "${vars.base}"}, "value": "{'sum': result.sum + item}"})
    ) == {"sum": 110}
    assert await output(reduced({"value": "output"}, 0)) is None
    assert await output(reduced({"initial": 0, "value": "result + size(item)"}, 5, batch_size=2)) == 5


async def test_many_pages_of_which_one_is_held() -> None:
    asked: list[int] = []
    async with harness(inline_limit=400) as run:
        items = run.engine.backend.item_ends

        async def noted(execution_id: str, scope: str, start: int, stop: int) -> Any:
            asked.append(stop - start)
            return await items(execution_id, scope, start, stop)

        run.engine.backend.item_ends = noted  # type: ignore[method-assign]
        total = 2 * PAGE + 7
        definition = reduced(
            {"initial": 0, "value": "result + output.n + size(output.text)"}, total, {"size": 500}
        )
        view = await run.run(definition)
        assert view["output"] == total * (total - 1) // 2 + 500 * total
        assert asked == [PAGE, PAGE, 7]
        assert view["tasks"][0]["items"]["succeeded"] == total


async def test_items_that_failed_are_null() -> None:
    odd = {"fail": "${item % 2 == 1}"}
    value = "output == null ? result : result + output.n"
    assert await output(reduced({"initial": 0, "value": value}, 5, odd, tolerate=2)) == 6
    error = await output(reduced({"initial": 0, "value": "result + output.n"}, 5, odd, tolerate=2))
    assert (error["category"], error["code"], error["details"]) == ("expression", "path-missing", {"item": 1})
    assert "item 1" in error["message"] and not error["retryable"]


async def test_what_is_too_large_fails_the_map() -> None:
    error = await output(
        reduced({"initial": "", "value": "result + output.text"}, 50, {"size": 50}), output_limit=2000
    )
    assert (error["category"], error["code"]) == ("validation", "output-too-large")
    error = await output(reduced({"initial": "${vars.base.x}", "value": "result"}))
    assert error["code"] == "path-missing" and "initial" in error["message"]


async def test_enough_reduces_what_has_begun() -> None:
    value = "result + (output == null ? 0 : 1)"
    assert await output(reduced({"initial": 0, "value": value}, 9, enough=2, max_concurrency=1)) == 2


async def test_one_that_was_being_reduced_is_reduced_by_who_goes_on() -> None:
    definition = reduced({"initial": 0, "value": "result + output.n"}, 9)
    async with harness("reducing") as first:

        async def never(*given: Any) -> Any:
            await anyio.sleep_forever()

        first.engine.backend.item_ends = never  # type: ignore[method-assign]
        execution = await first.engine.start(definition)
        event = await first.seen(execution, "Asked")
        assert event["data"]["place"] == "reduce"
    async with harness("reducing") as second:
        await second.engine.recover()
        assert (await second.finish(execution))["output"] == 36


async def test_a_map_out_of_time_is_not_reduced() -> None:
    async with harness() as run:

        async def never(*given: Any) -> Any:
            await anyio.sleep_forever()

        run.engine.backend.item_ends = never  # type: ignore[method-assign]
        execution = await run.engine.start(reduced({"value": "output"}, total_timeout=5))
        await run.seen(execution, "Asked")
        run.clock.advance(6)
        view = await run.finish(execution)
        assert view["error"]["code"] == "total-timeout"


@pytest.mark.parametrize(
    ("tasks", "code", "place"),
    [
        ({"m": {"reduce": {"initial": 0}}}, "key-missing", "tasks.m.reduce.value"),
        ({"m": {"reduce": {"value": "3 +"}}}, "expression-invalid", "tasks.m.reduce.value"),
        ({"m": {"reduce": {"value": "cursor"}}}, "root-misplaced", "tasks.m.reduce.value"),
        ({"m": {"reduce": {"value": "1", "initial": "${item}"}}}, "root-misplaced", "tasks.m.reduce.initial"),
        (
            {"m": {"reduce": {"value": "1", "initial": "${secrets.x}"}}},
            "secret-not-allowed",
            "tasks.m.reduce.initial",
        ),
        ({"m": {}, "n": {"type": "noop", "input": {"a": "${result}"}}}, "root-misplaced", "tasks.n.input.a"),
        ({"m": {}, "n": {"type": "noop", "reduce": {"value": "1"}}}, "key-misplaced", "tasks.n.reduce"),
    ],
)
async def test_what_is_wrong_has_its_place(tasks: dict[str, Any], code: str, place: str) -> None:
    each = {"type": "map", "input": {"items": [1]}, "task": {"type": "noop"}}
    definition = {"name": "wrong", "tasks": {**tasks, "m": {**each, **tasks["m"]}}}
    async with harness() as run:
        with pytest.raises(DefinitionInvalid) as refused:
            run.engine.compile(definition)
    assert [(one.code, one.path) for one in refused.value.problems] == [(code, place)]
