"""What tasks say on its way to the store: gathered, bounded, in order, and no harm to anybody."""

import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.contracts.activity import ActivityQuery
from harmonia_core.contracts.rows import ActivityRow
from harmonia_core.engine import activity_queue, activity_store
from harmonia_core.engine.activity import Activity, ActivityEntry, row_of
from harmonia_core.engine.activity_queue import ActivityQueue
from harmonia_core.engine.activity_rates import Rates
from harmonia_core.errors import ExecutionNotFound, StateUnavailable
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins
from harmonia_core.testing.harness import Harness

GO: list[anyio.Event] = []


@pytest.fixture(autouse=True)
def gates() -> Iterator[None]:
    GO.clear()
    yield


@task_type("say")
async def say(ctx: TaskContext, input: dict[str, Any]) -> None:
    """Say so many lines, then wait if told to."""
    for number in range(input.get("lines", 1)):
        ctx.log(input.get("level", "info"), f"{ctx.path} {number}")
    for number in range(input.get("steps", 0)):
        ctx.progress(number, f"step {number}")
    if input.get("wait"):
        GO.append(anyio.Event())
        await GO[-1].wait()
        ctx.log("info", f"{ctx.path} goes on")


@task_type("shout")
def shout(ctx: TaskContext, input: dict[str, Any]) -> None:
    """Say lines from a thread."""
    for number in range(input["lines"]):
        print(f"{ctx.path} {number}")


def task(type: str = "say", **input: Any) -> dict[str, Any]:
    return {"type": type, "input": input}


def harness(url: str = "memory://", **settings: Any) -> Harness:
    return Harness(say, shout, settings=KernelSettings(**settings), url=url)


def engine(url: str, **settings: Any) -> Engine:
    """Return an engine with the machine's clock."""
    given = KernelSettings(**settings)
    plugins = load_plugins(given, extra=[say, shout])
    return Engine(create_backend(url, plugins, given), plugins, given)


async def stored(where: Any, execution: str, **query: Any) -> list[ActivityRow]:
    backend = getattr(where, "engine", where).backend
    return await backend.activity(ActivityQuery(execution, **{"limit": 100_000, **query}))


def texts(found: list[Any]) -> list[str]:
    return [one["text"] if isinstance(one, dict) else json.loads(one.data).get("text", "") for one in found]


async def waiting(count: int = 1) -> None:
    """Wait until tasks stand at their gates."""
    with anyio.fail_after(10):
        while len(GO) < count:
            await anyio.sleep(0)


async def in_store(h: Harness, execution: str, count: int) -> None:
    """Let time pass until so many rows are stored."""
    with anyio.fail_after(10):
        while len(await stored(h, execution)) < count:
            h.clock.advance(activity_store.INTERVAL)
            await anyio.sleep(0.001)


def counted(backend: Any) -> list[int]:
    """Return how many rows each write will have had."""
    add, sizes = backend.add_activity, []

    async def count(rows: Any) -> None:
        sizes.append(len(rows))
        await add(rows)

    backend.add_activity = count
    return sizes


async def test_lines_of_many_tasks_share_a_write() -> None:
    async with harness() as h:
        sizes = counted(h.engine.backend)
        view = await h.run({"name": "w", "tasks": {f"t{n}": task(lines=3) for n in range(20)}})
        await in_store(h, view["id"], 60)
        assert sizes == [60]


async def test_what_waits_and_what_is_stored_is_one_stream() -> None:
    async with harness() as h:
        execution = await h.engine.start({"name": "w", "tasks": {"a": task(lines=3, wait=True)}})
        await waiting()
        assert await stored(h, execution) == []
        assert texts(await h.engine.logs(execution)) == ["a 0", "a 1", "a 2"]
        await in_store(h, execution, 3)
        GO[0].set()
        await h.finish(execution)
        found = await h.engine.logs(execution)
        assert texts(found) == ["a 0", "a 1", "a 2", "a goes on"]
        assert [one["position"] for one in found] == sorted({one["position"] for one in found})
        first = found[0]
        assert (first["path"], first["attempt"], first["kind"], first["level"]) == ("a", 1, "log", "info")
        assert first["at"] == "2026-01-01T00:00:00.000000Z"
        pages = [await h.engine.logs(execution, after=found[1]["position"], limit=1)]
        pages.append(await h.engine.logs(execution, after=pages[0][-1]["position"]))
        assert texts(pages[0] + pages[1]) == ["a 2", "a goes on"]
        assert texts(await h.engine.logs(execution, limit=2, newest=True)) == ["a 2", "a goes on"]
    assert h.engine.activity.entries(execution) == ()


async def test_everything_is_stored_when_the_engine_closes() -> None:
    async with harness("memory://closing") as h:
        view = await h.run({"name": "w", "tasks": {"a": task(lines=2, steps=5), "b": task("shout", lines=2)}})
    async with harness("memory://closing") as later:
        rows = await stored(later, view["id"])
        assert sorted(texts(rows)) == ["a 0", "a 1", "b 0", "b 1", "step 4"]
        only = await later.engine.logs(view["id"], path="a", levels=("info", "error"))
        assert texts(only) == ["a 0", "a 1"]


async def test_of_progress_only_the_last_is_stored() -> None:
    async with harness() as h:
        tasks = {"m": {"type": "map", "input": {"items": [1, 2]}, "task": task(lines=0, steps=50)}}
        view = await h.run({"name": "w", "tasks": tasks})
        await h.engine._kept.aclose()
        rows = await stored(h, view["id"])
    assert sorted((row.path, row.kind, row.level) for row in rows) == [
        ("m[0]", "progress", ""),
        ("m[1]", "progress", ""),
    ]
    assert {row.data for row in rows} == {'{"text":"step 49","fraction":1.0}'}


async def test_an_execution_keeps_the_newest_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_queue, "SLICE_ROWS", 7)
    async with harness(activity_keep=50) as h:
        view = await h.run({"name": "w", "tasks": {"a": task(lines=200), "b": task(lines=1)}})
        await h.engine._kept.aclose()
        rows = await stored(h, view["id"])
    assert 50 <= len(rows) <= 55 + 7
    assert "a 199" in texts(rows) and "a 100" not in texts(rows)


async def test_an_attempt_that_never_stops_talking_is_cut_and_counted() -> None:
    async with harness(activity_rate=5) as h:
        tasks = {"loud": task(lines=5000), "calm": task(lines=2)}
        view = await h.run({"name": "w", "tasks": tasks})
        await h.engine._kept.aclose()
        rows = await stored(h, view["id"])
    loud = texts([row for row in rows if row.path == "loud"])
    assert loud[:50] == [f"loud {number}" for number in range(50)]
    note = "4,950 more lines were not stored: the attempt says more than `activity_rate` allows."
    assert loud[50:] == [note]
    assert texts([row for row in rows if row.path == "calm"]) == ["calm 0", "calm 1"]


def test_a_rate_comes_back_with_time_and_long_lines_cost_more() -> None:
    rates = Rates(10)
    said = [ActivityEntry("e", "t", 1, 0.0, "log") for _ in range(200)]
    admitted = 0
    for entry in said:
        if rates.admits(entry):
            rates.spent(entry, 10)
            admitted += 1
    assert admitted == 100
    assert rates.take_skipped() == [(("e", "t", 1), 0.0, 100)] and rates.take_skipped() == []
    later = ActivityEntry("e", "t", 1, 2.0, "log")
    assert rates.admits(later)
    rates.spent(later, 20 * 1024)
    assert not rates.admits(later)
    assert not rates.admits(ActivityEntry("e", "t", 1, -3600.0, "log"))
    assert rates.admits(ActivityEntry("e", "t", 1, -3598.0, "log"))
    assert rates.admits(ActivityEntry("e", "t", 2, 2.0, "log"))


def test_buckets_that_are_full_again_are_forgotten() -> None:
    rates = Rates(10)
    for number in range(1500):
        entry = ActivityEntry("e", f"t[{number}]", 1, 0.0, "log")
        assert rates.admits(entry)
        rates.spent(entry, 10)
    rates.tidy(0.01)
    assert len(rates._buckets) == 1500
    rates.tidy(1.0)
    assert len(rates._buckets) == 0


class Broken:
    """A store that refuses activity while it is told to."""

    def __init__(self, backend: Any, error: Exception) -> None:
        self.add, self.error, self.tries = backend.add_activity, error, 0
        self.well = anyio.Event()
        backend.add_activity = self

    async def __call__(self, rows: Any) -> None:
        self.tries += 1
        if not self.well.is_set():
            raise self.error
        await self.add(rows)


@pytest.mark.parametrize("error", [StateUnavailable("away"), RuntimeError("a bug of the backend")])
async def test_a_store_that_fails_harms_no_execution(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(activity_store, "FIRST_PAUSE", 0.001)
    async with harness() as h:
        broken = Broken(h.engine.backend, error)
        view = await h.run({"name": "w", "tasks": {"a": task(lines=600)}})
        assert view["status"] == "completed"
        with anyio.fail_after(10):
            while broken.tries < 3:
                h.clock.advance(1)
                await anyio.sleep(0.001)
            assert len(await h.engine.logs(view["id"], limit=1000)) == 600
            broken.well.set()
            await in_store(h, view["id"], 600)
        assert texts(await stored(h, view["id"])) == [f"a {number}" for number in range(600)]
    messages = [record.message for record in caplog.records if record.name == "harmonia.activity"]
    assert len(messages) == 2 and str(error) in messages[0] and "again" in messages[1]


async def test_what_a_store_does_not_take_for_too_long_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activity_queue, "MOST_ROWS", 100)
    monkeypatch.setattr(activity_store, "FIRST_PAUSE", 0.001)
    async with harness() as h:
        broken = Broken(h.engine.backend, StateUnavailable("away"))
        view = await h.run({"name": "w", "tasks": {"a": task(lines=400)}})
        broken.well.set()
        await h.engine._kept.aclose()
        rows = await stored(h, view["id"])
    assert texts(rows)[0] == "300 entries were dropped: the store took nothing."
    assert (rows[0].path, rows[0].level) == ("", "warning")
    assert texts(rows)[1:] == [f"a {number}" for number in range(300, 400)]


async def test_an_engine_closes_while_its_store_fails(caplog: pytest.LogCaptureFixture) -> None:
    async with harness() as h:
        Broken(h.engine.backend, StateUnavailable("away"))
        await h.run({"name": "w", "tasks": {"a": task(lines=3)}})
    assert "The last 3 entries of what tasks said could not be stored." in caplog.text


def row(position: int, size: int = 2) -> ActivityRow:
    return ActivityRow("e", position, "t", 1, "log", "info", "x" * size)


def test_a_slice_is_bounded_in_rows_and_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_queue, "SLICE_ROWS", 3)
    monkeypatch.setattr(activity_queue, "SLICE_SIZE", 100)
    queue = ActivityQueue()
    for position in range(5):
        queue.put(row(position, 60 if position == 3 else 2))
    assert [one.position for one in queue.begin(10)] == [0, 1, 2]
    queue.end(stored=True)
    queue.put(row(5, 60))
    assert queue.full_slice
    assert [one.position for one in queue.begin(10)] == [3, 4, 5]
    queue.end(stored=False)
    assert [one.position for one in queue.of("e")] == [3, 4, 5] and queue.size == 122
    assert [one.position for one in queue.begin(1)] == [3]


def test_positions_ascend_when_the_clock_goes_back() -> None:
    activity, heard = Activity(), []
    activity.listen(heard.append)
    for at in (10.0, 10.0, 4.0, 11.0, 10.5):
        activity.add(ActivityEntry("e", "t", 1, at, "log"))
    assert [one.position for one in heard] == [10_000_000, 10_000_001, 10_000_002, 11_000_000, 11_000_001]


async def test_a_second_engine_goes_on_behind_the_first_though_its_clock_is_behind() -> None:
    async with harness("memory://behind", cancel_grace=0.2) as first:
        first.clock.advance(3600)
        execution = await first.engine.start({"name": "w", "tasks": {"a": task(lines=2, wait=True)}})
        await waiting()
    async with harness("memory://behind") as second:
        await second.engine.recover()
        await waiting(2)
        GO[1].set()
        await second.finish(execution)
        await second.engine._kept.aclose()
        rows = await stored(second, execution)
        assert texts(rows) == ["a 0", "a 1", "a 0", "a 1", "a goes on"]
        assert len({row.position for row in rows}) == 5


async def test_following_shows_each_entry_once_and_ends_with_the_execution() -> None:
    async with engine("memory://") as one:
        tasks = {"a": task(lines=2, wait=True), "b": {**task("shout", lines=2), "depends_on": ["a"]}}
        execution = await one.start({"name": "w", "tasks": tasks})
        found: list[dict[str, Any]] = []
        with anyio.fail_after(10):
            async for entry in one.follow_logs(execution):
                found.append(entry)
                if len(found) == 2:
                    GO[0].set()
        assert texts(found) == ["a 0", "a 1", "a goes on", "b 0", "b 1"]
        assert len(one.activity._listeners) == 0 and one._publisher._viewers == []
        with anyio.fail_after(10):
            last = [entry async for entry in one.follow_logs(execution, found[-2]["position"])]
        assert texts(last) == ["b 1"]


async def test_another_engine_follows_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_store, "INTERVAL", 0.01)
    async with engine("memory://both") as one, engine("memory://both") as other:
        execution = await one.start({"name": "w", "tasks": {"a": task(lines=2, wait=True)}})
        found: list[dict[str, Any]] = []
        with anyio.fail_after(10):
            async for entry in other.follow_logs(execution, levels=("info",)):
                found.append(entry)
                if len(found) == 2:
                    GO[0].set()
    assert texts(found) == ["a 0", "a 1", "a goes on"]


async def test_nobody_can_listen_to_what_does_not_exist() -> None:
    async with harness() as h:
        with pytest.raises(ExecutionNotFound):
            await h.engine.logs("nothing")
        with pytest.raises(ExecutionNotFound):
            await anext(h.engine.follow_logs("nothing"))


async def test_nothing_is_stored_if_nothing_is_to_be_kept() -> None:
    async with harness(activity_keep=0) as h:
        execution = await h.engine.start({"name": "w", "tasks": {"a": task(lines=2, wait=True)}})
        await waiting()
        assert texts(await h.engine.logs(execution)) == ["a 0", "a 1"]
        GO[0].set()
        await h.finish(execution)
        assert await h.engine.logs(execution) == [] and await stored(h, execution) == []


async def test_many_lines_are_written_before_the_interval_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_store, "INTERVAL", 60.0)
    async with engine("memory://", activity_rate=0) as one:
        sizes = counted(one.backend)
        tasks = {"a": task("shout", lines=2000), "b": {**task(wait=True), "depends_on": ["a"]}}
        execution = await one.start({"name": "w", "tasks": tasks})
        await waiting()
        with anyio.fail_after(10):
            while len(await stored(one, execution)) < 1500:
                await anyio.sleep(0.001)
        assert max(sizes) <= activity_queue.SLICE_ROWS
        GO[0].set()
        await one.wait(execution)


def test_stored_entries_are_small_and_always_text() -> None:
    large = ActivityEntry("e", "t", 1, 0.0, "log", text="x" * 5000, fields={"y": "z" * 5000})
    data = json.loads(row_of(large, 1000).data)
    assert len(data["text"]) < 1100 and "4,000 characters left out" in data["text"]
    assert data["fields"] == {"left_out": "5,008 bytes as JSON; 1,000 are kept"}
    half = ActivityEntry("e", "t", 1, 0.0, "log", text="half \ud800 pair")
    assert json.loads(row_of(half, 1000).data) == {"text": "half ? pair"}
