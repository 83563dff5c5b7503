"""Engines that look after each other's executions: two looks without a sign of life, then one adopts."""

from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from harmonia_core import task_type
from harmonia_core.clock import SystemClock
from harmonia_core.engine.adoption import RESPITE, Adopter
from harmonia_core.engine.arrivals import Requested
from harmonia_core.errors import ExecutionFinished, Fenced, StateUnavailable
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

FLOW = {"name": "flow", "tasks": {"held": {"type": "held"}}}
GATE: list[anyio.Event] = []


@task_type("held")
async def held(ctx: Any, input: Any) -> str:
    """Wait at the gate of the engine that runs it."""
    await GATE[0].wait()
    return "done"


def engine(url: str, *types: Any, **settings: Any) -> Engine:
    told = KernelSettings(**settings)
    plugins = load_plugins(told, extra=types)
    return Engine(create_backend(url, plugins, told), plugins, told, SystemClock())


def adopter(engine: Engine) -> Adopter:
    return Adopter(engine.backend, engine.engine_id, engine._driver, engine._owner, 1.0)


def die(engine: Engine) -> None:
    """Take away an engine's sign of life, as the end of its process would."""
    engine.backend._store.alive.discard(engine.engine_id)  # type: ignore[attr-defined]


async def test_an_owner_is_gone_after_two_looks_and_all_it_had_is_adopted() -> None:
    GATE[:] = [anyio.Event()]
    async with engine("memory://two-looks", held) as first, engine("memory://two-looks", held) as second:
        ids = [await first.start(FLOW) for _ in range(40)]
        looking = adopter(second)
        await looking.look()
        await looking.look()
        assert not second._driver.lives
        die(first)
        await looking.look()
        assert not second._driver.lives
        await looking.look()
        assert sorted(second._driver.lives) == sorted(ids)
        GATE[0].set()
        assert [await second.wait(one) for one in ids] == ["completed"] * 40
        events = [[event["type"] async for event in second.events(one)] for one in ids]
        assert all(types.count("TaskSucceeded") == 1 for types in events)


async def test_a_sign_of_life_that_comes_back_between_two_looks_counts() -> None:
    GATE[:] = [anyio.Event()]
    async with engine("memory://blinking", held) as first, engine("memory://blinking", held) as second:
        await first.start(FLOW)
        looking = adopter(second)
        for _ in range(3):
            die(first)
            await looking.look()
            first.backend._store.alive.add(first.engine_id)  # type: ignore[attr-defined]
            await looking.look()
        assert not second._driver.lives and first._driver.lives


async def test_a_look_that_fails_forgets_who_was_missing() -> None:
    GATE[:] = [anyio.Event()]
    async with (
        engine("memory://failing-look", held) as first,
        engine("memory://failing-look", held) as second,
    ):
        await first.start(FLOW)
        die(first)
        looking = adopter(second)
        looking._interval = 0.0
        looks: list[str] = []

        async def owners() -> set[str | None]:
            looks.append("look")
            if len(looks) % 2 == 0:
                raise StateUnavailable("gone")
            return {first.engine_id}

        second.backend.owners = owners  # type: ignore[method-assign]
        async with anyio.create_task_group() as group:
            group.start_soon(looking.run)
            with anyio.fail_after(10):
                while len(looks) < 10:
                    await checkpoint()
            group.cancel_scope.cancel()
        assert not second._driver.lives


async def test_an_execution_that_cannot_be_adopted_is_tried_again_after_a_respite() -> None:
    GATE[:] = [anyio.Event()]
    async with engine("memory://refused", held) as first, engine("memory://refused") as second:
        execution_id = await first.start(FLOW)
        die(first)
        looking, tries = adopter(second), []
        adopt = second._owner.adopt

        async def noted(row: Any) -> Any:
            tries.append(row.execution_id)
            return await adopt(row)

        second._owner.adopt = noted  # type: ignore[method-assign]
        for _ in range(RESPITE + 1):
            await looking.look()
        assert tries == [execution_id]
        for _ in range(3):
            await looking.look()
        assert tries == [execution_id] * 2


@pytest.mark.parametrize("adopt", [True, False])
async def test_what_was_let_go_in_an_outage_is_taken_up_again_where_orphans_are(adopt: bool) -> None:
    GATE[:] = [anyio.Event()]
    settings = {"adopt_orphans": adopt, "adopt_interval": 0.001, "store_patience": 0.0}
    async with engine("memory://outage-over", held, **settings) as only:
        execution_id = await only.start(FLOW)
        live = only._driver.lives[execution_id]
        only._driver.let_go(live, StateUnavailable("gone"))
        GATE[0].set()
        with anyio.fail_after(10):
            if adopt:
                while (await only.get(execution_id))["status"] != "completed":
                    await checkpoint()
            else:
                # Time for a hundred looks: none may take it up.
                await anyio.sleep(0.1)
        assert (await only.get(execution_id))["status"] == ("completed" if adopt else "running")


async def test_what_is_stored_while_an_execution_is_being_adopted_is_taken(monkeypatch: Any) -> None:
    """Another execution of this engine may leave a request just then; nothing wakes an engine for its own."""
    GATE[:] = [anyio.Event()]
    async with engine("memory://meanwhile", held) as first, engine("memory://meanwhile", held) as second:
        execution_id = await first.start(FLOW)
        die(first)
        first._driver.let_go(first._driver.lives[execution_id], StateUnavailable("gone"))
        succession = second._owner.succession
        read = succession.requests

        async def and_then_one_more(row: Any) -> Any:
            found = await read(row)
            if not second._driver.lives:
                late = second._requests.row(execution_id, "cancel", {}, None, "late")
                second.backend._store.requests["late"] = late  # type: ignore[attr-defined]
            return found

        monkeypatch.setattr(succession, "requests", and_then_one_more)
        await second.adopt(execution_id)
        with anyio.fail_after(10):
            assert await second.wait(execution_id) == "cancelled"


async def goes_on(engine: Engine, execution_id: str) -> bool:
    """Open the gate; tell whether an execution completes, driven by the engine that owns it."""
    GATE[0].set()
    with anyio.move_on_after(2):
        return await engine.wait(execution_id) == "completed"
    return False


async def test_taking_over_what_is_driven_here_already_changes_nothing() -> None:
    GATE[:] = [anyio.Event()]
    async with engine("memory://own", held) as first:
        one = await first.start(FLOW)
        live = first._driver.lives[one]
        first._driver.arrive(
            live, Requested(first._requests.row(one, "priority", {"priority": 5}, None, "p"), False, 0.0)
        )
        await first.adopt(one, force=True)
        assert first._driver.lives[one] is live
        assert await goes_on(first, one)


@pytest.mark.parametrize("rival", ["recover", "deliver"])
async def test_who_adopts_twice_at_once_goes_on_with_what_it_adopted_first(
    rival: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    GATE[:] = [anyio.Event()]
    store = f"memory://rivals-{rival}"
    async with engine(store, held) as first, engine(store, held) as second:
        one = await first.start(FLOW)
        die(first)
        load, loaded = second._owner._load, list[str]()

        async def slowly(row: Any, graph: Any) -> Any:
            live = await load(row, graph)
            loaded.append(row.execution_id)
            if len(loaded) == 1:  # the other one is there before this one writes
                await second.recover()
            return live

        monkeypatch.setattr(second._owner, "_load", slowly)
        if rival == "recover":
            await second.recover()
        else:
            await second.signal(one, "mail")
        assert loaded == [one, one] and (await second.get(one))["owner"]["engine"] == second.engine_id
        assert await goes_on(second, one)


@pytest.mark.parametrize(("kind", "end"), [("terminate", "ExecutionTerminated"), ("skip", "TaskSkipped")])
async def test_what_a_waiting_request_has_ended_is_not_lost_behind_that(kind: str, end: str) -> None:
    GATE[:] = [anyio.Event()]
    store = f"memory://waiting-{kind}"
    flow = {"name": "flow", "tasks": {"held": {"type": "held"}, "other": {"type": "held"}}}
    async with engine(store, held) as first, engine(store, held) as second:
        one = await first.start(flow)
        die(first)
        first.backend._store.watchers.clear()  # type: ignore[attr-defined]
        await second.backend.add_request(second._requests.row(one, kind, {"path": "held"}, None, "r"))
        await second.recover()
        events = [event async for event in second.events(one)]
        mine = [event["type"] for event in events if event["data"].get("path", "held") == "held"]
        assert mine.index(end) == len(mine) - 1


async def test_what_ends_while_it_is_being_adopted_is_left_alone() -> None:
    GATE[:] = [anyio.Event()]
    store = "memory://ended-meanwhile"
    async with engine(store, held) as first, engine(store, held) as second:
        one = await first.start(FLOW)
        row = await second.backend.head(one)
        assert row is not None
        await first.terminate(one)
        with pytest.raises(Fenced):
            await second._owner.adopt(row)
        with pytest.raises(Fenced):
            await second._owner.deliver(row, second._requests.row(one, "pause", {}, None, "r"))
        assert [event["type"] async for event in second.events(one)][-1] == "ExecutionTerminated"
        with pytest.raises(ExecutionFinished):
            await second.signal(one, "mail")
