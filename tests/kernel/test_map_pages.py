"""Maps whose items come page by page: sources, what they count, caps, crashes, and what is refused."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.errors import DefinitionInvalid
from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
KEYS: list[str] = []
STOP: list[str] = []


@pytest.fixture(autouse=True)
def nothing() -> Iterator[None]:
    KEYS.clear()
    STOP.clear()
    yield


@task_type("list")
async def listed(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return a page of three numbers; the cursor is the first of them."""
    KEYS.append(ctx.idempotency_key)
    first, total = input["cursor"] or 0, input.get("total", 8)
    following = first + 3
    return {
        "items": list(range(first, min(following, total))),
        "next": following if following < total else None,
    }


@task_type("work")
async def work(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return ten times a number."""
    KEYS.append(ctx.idempotency_key)
    if ctx.path in STOP:
        await anyio.sleep_forever()
    return input["n"] * 10


def harness(store: str = "", **more: Any) -> Harness:
    return Harness(listed, work, url=f"memory://{store}", settings=KernelSettings(**more))


SOURCE = {"type": "list", "input": {"cursor": "${cursor}"}}
EACH = {"type": "work", "input": {"n": "${item}"}}
SUM = {"initial": {"sum": "${vars.from}"}, "value": "{'sum': result.sum + output}"}


def paged(**more: Any) -> dict[str, Any]:
    each = {"type": "map", "pages": SOURCE, "task": EACH, **more}
    return {"name": "paged", "vars": {"from": 1}, "tasks": {"m": each}, "output": "${tasks.m.output}"}


async def ended(definition: dict[str, Any], **more: Any) -> Any:
    async with harness(**more) as run:
        view = await run.run(definition)
        return view["output"] if view["status"] == "completed" else view["error"]


async def test_it_counts_pages_and_items() -> None:
    assert await ended(paged()) == {"pages": 3, "items": 8}
    assert {key.partition(":")[2] for key in KEYS} == {
        *(f"m[{page}]/page" for page in range(3)),
        *(f"m[{number // 3}]/items[{number % 3}]" for number in range(8)),
    }
    nothing = {"type": "list", "input": {"cursor": "${cursor}", "total": 0}}
    assert await ended(paged(pages=nothing)) == {"pages": 1, "items": 0}


async def test_one_value_comes_of_all_pages() -> None:
    assert await ended(paged(reduce=SUM)) == {"sum": 281}
    assert await ended(paged(reduce=SUM), roll_over_after=10) == {"sum": 281}
    together = {"initial": [], "value": "result + [[index, item]]"}
    assert await ended(paged(reduce=together, batch_size=2)) == [
        *([0, [0, 1]], [1, [2]], [0, [3, 4]], [1, [5]], [0, [6, 7]]),
    ]


async def test_between_pages_it_goes_on_in_a_log_of_its_own() -> None:
    async with harness(roll_over_after=10) as run:
        execution = await run.engine.start(paged())
        view = await run.finish(execution)
        assert view["output"] == {"pages": 3, "items": 8} and view["id"] != execution
        assert {key.partition(":")[0] for key in KEYS} == {execution}


async def test_pages_may_be_anywhere_and_inside_each_other() -> None:
    inner = {
        "type": "map",
        "pages": SOURCE,
        "task": {"type": "work", "input": {"n": "${item}"}},
        "reduce": SUM,
    }
    outer = {"type": "group", "tasks": {"deep": inner}}
    assert (
        await ended(paged(task=outer, reduce={"initial": 0, "value": "result + output.deep.sum"})) == 8 * 281
    )
    guarded = paged(max_iterations=2, catch=[{"task": {"type": "noop", "input": {"is": "${error.code}"}}}])
    assert await ended(guarded) == {"is": "iterations-exceeded"}


async def test_the_task_reads_what_stands_around_it() -> None:
    definition = paged(
        task={"type": "noop", "input": {"a": "${vars.items}", "b": "${tasks.page.output.next}"}}
    )
    definition["vars"] = {"items": "mine", "from": 1}
    definition["tasks"]["m"]["reduce"] = {"initial": [], "value": "result + [[output.a, output.b]]"}
    assert (await ended(definition))[2:4] == [["mine", 3], ["mine", 6]]


async def test_errors_are_those_of_the_map() -> None:
    error = await ended(paged(max_iterations=2))
    assert error["code"] == "iterations-exceeded" and "max_iterations" in error["message"]
    error = await ended(paged(pages={"type": "noop", "input": {"items": [1]}}))
    assert error["code"] == "path-missing" and "next" in error["message"]
    error = await ended(paged(pages={"type": "noop", "input": {"items": 3, "next": None}}))
    assert error["code"] == "input-invalid"
    error = await ended(paged(task={"type": "fail", "input": {"error": "no"}}))
    assert error["code"] == "item-failed"


async def test_whoever_goes_on_begins_with_what_was_in_flight() -> None:
    STOP.append("m[1]/items[1]")
    async with harness("paged", cancel_grace=0.1) as first:
        execution = await first.engine.start(paged(reduce=SUM, max_concurrency=1))
        with anyio.fail_after(10):
            while not any(key.endswith("m[1]/items[1]") for key in KEYS):
                await anyio.sleep(0)
    STOP.clear()
    async with harness("paged") as second:
        await second.engine.recover()
        assert (await second.finish(execution))["output"] == {"sum": 281}
    assert [key for key, count in Counter(KEYS).items() if count > 1] == [f"{execution}:m[1]/items[1]"]


@pytest.mark.parametrize(
    ("more", "code", "place"),
    [
        ({"input": {"items": [1]}}, "key-misplaced", "tasks.m.input"),
        ({"enough": 2}, "key-misplaced", "tasks.m.enough"),
        ({"pages": "x"}, "type-wrong", "tasks.m.pages"),
        ({"pages": {"input": {}}}, "key-missing", "tasks.m.pages.type"),
        ({"pages": {"type": "lisst"}}, "task-type-unknown", "tasks.m.pages.type"),
        ({"pages": {"type": "list", "input": {"a": "${item}"}}}, "root-misplaced", "tasks.m.pages.input.a"),
        ({"max_iterations": 0}, "value-wrong", "tasks.m.max_iterations"),
        ({"task": None}, "key-missing", "tasks.m.task"),
    ],
)
async def test_what_is_wrong_has_its_place(more: dict[str, Any], code: str, place: str) -> None:
    definition = paged(**more)
    definition["tasks"]["m"] = {
        key: value for key, value in definition["tasks"]["m"].items() if value is not None
    }
    async with harness() as run:
        with pytest.raises(DefinitionInvalid) as refused:
            run.engine.compile(definition)
    assert (code, place) in [(one.code, one.path) for one in refused.value.problems]


async def test_pages_belong_to_maps() -> None:
    wrong = {
        "name": "w",
        "tasks": {"a": {"type": "noop", "pages": SOURCE}, "b": {"type": "noop", "input": {"c": "${cursor}"}}},
    }
    async with harness() as run:
        with pytest.raises(DefinitionInvalid) as refused:
            run.engine.compile(wrong)
    found = {(one.code, one.path) for one in refused.value.problems}
    assert found == {("key-misplaced", "tasks.a.pages"), ("root-misplaced", "tasks.b.input.c")}
