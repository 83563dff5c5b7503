"""Each seeded bug breaks what it says, and leaves no trace behind."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import anyio
import pytest
from bugs import BUGS

from harmonia_core import SlotQuery, TaskContext, Unit, task_type
from harmonia_core.contracts.slots import HOLDING
from harmonia_core.engine.arrivals import Ended
from harmonia_core.errors import StateBackendError, StateUnavailable
from harmonia_core.host import KernelSettings
from harmonia_core.model.addresses import UNDO
from harmonia_core.model.outcomes import AttemptKey, Outcome
from harmonia_core.testing.harness import Harness

NAMES = (
    "fence_removed", "stored_counter", "non_atomic_outcome", "lost_timer", "terminal_overwritten",
    "frontier_not_updated", "answer_evaluated_twice", "child_started_twice", "undo_order_broken",
    "secret_recorded",
)  # fmt: skip
RAN: list[str] = []


@task_type("say")
async def say(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Note the path and return the input."""
    RAN.append(ctx.path)
    if input.get("fail"):
        raise RuntimeError("as told")
    return input


@task_type("stay")
async def stay(ctx: TaskContext, input: Any) -> None:
    """Never end."""
    await anyio.sleep_forever()


def harness(store: str) -> Harness:
    """Return an engine at a store in memory, or at the one that an address names."""
    settings = KernelSettings(cancel_grace=0.05, freeze_at_start=False)
    url = store if ":" in store else f"memory://seeded-{store}"
    return Harness(say, stay, settings=settings, url=url)


def flow(name: str = "one", **tasks: Any) -> dict[str, Any]:
    return {"name": name, "tasks": tasks}


def said(**more: Any) -> dict[str, Any]:
    return {"type": "say", "input": {}, **more}


async def types(run: Harness, execution_id: str) -> list[str]:
    return [event["type"] for event in await run.events(execution_id)]


async def ended(run: Harness, execution_id: str) -> str:
    """Return the status in which an execution ends, or stands when nothing can happen any more."""
    try:
        return str((await run.finish(execution_id, limit=0.5))["status"])
    except TimeoutError:
        return "stuck"


def test_there_are_ten() -> None:
    assert tuple(BUGS) == NAMES
    assert all(bug.says.count("\n") > 1 and bug.name == name for name, bug in BUGS.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_bug_is_there_while_its_context_is_open(name: str) -> None:
    bug = BUGS[name]
    nothing = object()
    places = [(owner, attribute) for owner, attribute, _ in bug.patches()]
    before = [getattr(*place, nothing) for place in places]
    assert places
    with bug():
        assert all(getattr(*place) is not old for place, old in zip(places, before, strict=True))
    assert [getattr(*place, nothing) for place in places] == before


async def fence(store: str) -> Any:
    async with harness(store) as first, harness(store) as second:
        one = await first.engine.start(flow(a={"type": "stay"}))
        await first.seen(one, "TaskScheduled")
        live = first.engine._driver.lives[one]
        await second.engine.adopt(one, force=True)
        outcome = Outcome(AttemptKey(one, "a", 1), "succeeded", 1)
        batch = first.engine._driver._settle(live, [Ended(outcome, 0.0)])
        unit = first.engine._driver._recorder._unit(live, batch, first.engine.engine_id)
        try:
            await second.engine.backend.commit(unit)
        except StateBackendError as error:
            return error.code
        return "written"


async def counter(store: str) -> Any:
    """Let one hold a slot and another give its place in the line up; then more want one."""
    async with harness(store) as run:
        await run.engine.set_limit("resource", "gpu", most=1)
        holder = await run.engine.start(flow(a={"type": "stay", "limits": "gpu"}))
        await run.seen(holder, "SlotsGranted")
        waiter = await run.engine.start(flow(a={"type": "stay", "limits": "gpu"}))
        await run.seen(waiter, "SlotsRequested")
        await run.engine.cancel(waiter)
        await run.engine.start(flow(a={"type": "stay", "limits": "gpu"}))
        await anyio.sleep(0.01)
        rows = await run.engine.backend.slots(SlotQuery())
        return sum(row.units for row in rows if row.state in HOLDING)


async def non_atomic(store: str) -> Any:
    """Have the store die behind the commit with which a task's child is asked for."""
    inner = flow("inner", a=said())
    outer = flow("outer", t={"type": "subworkflow", "workflow": inner})
    async with harness(store) as first:
        submit = first.engine.backend.submit

        def dies(units: list[Unit], done: Any) -> None:
            asks = any(event.type == "ChildRequested" for unit in units for event in unit.events)
            submit(units, (lambda results: _die(first)) if asks else done)
            if asks:
                done([(unit, StateUnavailable("it is gone")) for unit in units])

        def _die(run: Harness) -> None:
            run.engine.backend.submit = lambda units, done: None  # type: ignore[method-assign]

        first.engine.backend.submit = dies  # type: ignore[method-assign]
        with anyio.move_on_after(0.1):
            await first.engine.start(outer)
    async with harness(store) as second:
        (one,) = (await second.engine.recover()).adopted[:1]
        return await ended(second, one)


async def timer(store: str) -> Any:
    async with harness(store) as first:
        one = await first.engine.start(flow(a={"type": "wait", "input": {"duration": 60}}))
        await first.seen(one, "TimerSet")
    async with harness(store) as second:
        await second.engine.recover()
        return await ended(second, one)


async def terminal(store: str) -> Any:
    async with harness(store) as run:
        one = await run.engine.start(flow(a=said(), b={"type": "stay"}))
        await run.seen(one, "TaskSucceeded")
        run.engine._driver._ended(Outcome(AttemptKey(one, "a", 1), "succeeded", 2))
        await run.engine._driver.lives[one].settled()
        return (await types(run, one))[-1]


async def joined(store: str) -> Any:
    async with harness(store) as run:
        one = await run.engine.start(flow(a=said(), b=said(when="${1 == 2}"), c=said(depends_on=["a", "b"])))
        return await ended(run, one)


async def answered(store: str) -> Any:
    each = {"type": "map", "input": {"range": {"stop": 2}}, "task": said(input={"n": "${item}"})}
    each["reduce"] = {"initial": 0, "value": "result + output.n"}
    async with harness(store) as first:
        engine: Any = first.engine
        engine._driver._effects._evaluator.slowly = _never
        one = await first.engine.start(flow(m=each))
        await first.seen(one, "Asked")
    async with harness(store) as second:
        await second.engine.recover()
        await ended(second, one)
        return (await types(second, one)).count("Answered")


async def _never(*_: Any) -> Any:
    await anyio.sleep_forever()


async def children(store: str) -> Any:
    inner = flow("inner", a={"type": "stay"})
    async with harness(store) as first:
        one = await first.engine.start(flow(t={"type": "subworkflow", "workflow": inner}))
        await first.seen(one, "ChildRequested")
        await anyio.sleep(0.01)
    async with harness(store) as second:
        await second.engine.recover()
        await anyio.sleep(0.01)
        return len(await second.engine.backend.unfinished())


async def undone(store: str) -> Any:
    RAN.clear()
    back = {"compensate": said()}
    async with harness(store) as run:
        tasks = {"a": said(**back), "b": said(depends_on=["a"], **back)}
        tasks["c"] = said(input={"fail": True}, depends_on=["b"])
        await run.run({**flow(**tasks), "on_failure": "compensate"})
    return [path.removesuffix(UNDO) for path in RAN if path.endswith(UNDO)]


async def told(store: str) -> Any:
    async with harness(store) as run:
        shown = await run.run(
            {**flow(a=said(input={"it": "${secrets.word}"})), "output": "${tasks.a.output}"}
        )
        return shown["output"]


CASES: dict[str, tuple[Callable[[str], Any], Any, Any]] = {
    "fence_removed": (fence, "state-conflict", "written"),
    "stored_counter": (counter, 1, 2),
    "non_atomic_outcome": (non_atomic, "completed", "stuck"),
    "lost_timer": (timer, "completed", "stuck"),
    "terminal_overwritten": (terminal, "LateResultRefused", "TaskSucceeded"),
    "frontier_not_updated": (joined, "completed", "stuck"),
    "answer_evaluated_twice": (answered, 1, 2),
    "child_started_twice": (children, 2, 3),
    "undo_order_broken": (undone, ["b", "a"], ["a", "b"]),
    "secret_recorded": (told, {"it": "***"}, {"it": "swordfish"}),
}


@pytest.mark.parametrize("broken", [False, True], ids=["sound", "broken"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_bug_breaks_what_it_says(name: str, broken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMONIA_SECRET_WORD", "swordfish")
    try_it, right, wrong = CASES[name]
    context: AbstractContextManager[None] = BUGS[name]() if broken else nullcontext()
    with context:
        found = await try_it(f"{name}-{broken}")
    assert found == (wrong if broken else right)


@pytest.mark.parametrize("broken", [False, True], ids=["sound", "broken"])
async def test_the_fence_of_a_database_is_removed_as_well(broken: bool, tmp_path: Path) -> None:
    context: AbstractContextManager[None] = BUGS["fence_removed"]() if broken else nullcontext()
    with context:
        found = await fence(f"sqlite:///{tmp_path / 'store.db'}")
    assert found == ("written" if broken else "state-conflict")
