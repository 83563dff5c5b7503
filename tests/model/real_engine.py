"""The real engine's outcome of a workflow, taken from its log and from what its tasks were called with."""

from collections.abc import Mapping, Sequence
from typing import Any

import anyio
from model_outcome import INPUT, Outcome
from naive_places import Error
from naive_tasks import answer

from harmonia_core import TaskContext, TaskError, task_type
from harmonia_core.contracts.rows import Unit
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness

Calls = dict[tuple[str, str, int], Any]
ENDS = {
    "TaskSucceeded": "succeeded", "TaskSkipped": "skipped", "TaskUnreachable": "unreachable",
    "TaskCancelled": "cancelled", "TaskFailed": "failed",
}  # fmt: skip
LIMIT = 20.0
"""Seconds of real time after which an execution is taken for stuck."""
SETTINGS = KernelSettings(cancel_grace=0.1, freeze_at_start=False)


def engine(calls: Calls, url: str = "memory://") -> Harness:
    """Return an engine that knows the task type `work`, and notes what that is called with."""
    return Harness(worker(calls), url=url, settings=SETTINGS)


def worker(calls: Calls) -> Any:
    """Return the task type `work`. calls: the input of each attempt; of two that differ both."""

    @task_type("work")
    async def work(ctx: TaskContext, input: dict[str, Any]) -> Any:
        """Do what `answer` says."""
        before = calls.setdefault((ctx.execution, ctx.path, ctx.attempt), input)
        if before != input:
            calls[ctx.execution, ctx.path, ctx.attempt] = ["first", before, "then", input]
        if ctx.attempt <= input.get("hang", 0):
            ctx.defer()
            return None
        found = answer(ctx.path, ctx.attempt, input)
        if isinstance(found, Error):
            raise TaskError("No.", found.code, found.category, found.retryable)
        return found

    return work


async def outcome(harness: Harness, calls: Calls, execution: str) -> Outcome:
    """Return what an execution came to, those included that its tasks have started."""
    view = await harness.engine.get(execution)
    error = view["error"] and (view["error"]["category"], view["error"]["code"], view["error"]["retryable"])
    ends, undone, names = dict[str, str](), list[str](), dict[str, str]()
    await _follow(harness, execution, "", ends, undone, names)
    given = {
        f"{names.get(id, 'somebody else: ')}{path} ({attempt})": input
        for (id, path, attempt), input in calls.items()
    }
    failed = sorted(view["failed_tasks"])
    return Outcome(view["status"], view["output"], error or None, failed, ends, given, undone)


async def _follow(
    harness: Harness, id: str, name: str, ends: dict[str, str], undone: list[str], names: dict[str, str]
) -> None:
    """Read one log, and those of the executions that it has started."""
    names[id] = name
    for event in await harness.events(id):
        data, type = event["data"], event["type"]
        path = name + data.get("path", "")
        if type in ENDS:
            ends[path] = f"failed: {data['error']['code']}" if type == "TaskFailed" else ENDS[type]
            if path.endswith("~undo") and type == "TaskSucceeded":
                undone.append(path.removesuffix("~undo"))
        elif type == "ChildRequested":
            child, under = data["child_id"], f"{path}#{data['attempt']}:"
            await _follow(harness, child, under, ends, undone, names)
            ends[under] = (await harness.engine.get(child))["status"]


async def carried_out(harness: Harness, calls: Calls, workflow: Mapping[str, Any]) -> Outcome:
    """Return what an engine makes of a workflow."""
    return await outcome(harness, calls, (await harness.run(workflow, INPUT, limit=LIMIT))["id"])


async def run_again(
    harness: Harness, calls: Calls, workflow: Mapping[str, Any], choice: int
) -> tuple[str, Outcome, Outcome]:
    """Return what a workflow came to, and what it comes to from one of its tasks on; which, by number."""
    first = await harness.run(workflow, INPUT, limit=LIMIT)
    before = await outcome(harness, calls, first["id"])
    paths = [one["path"] for one in first["tasks"] if one["path"] in before.ends]
    paths = [path for path in paths if not path.endswith("~undo")]
    path = paths[choice % len(paths)]
    calls.clear()
    again = await harness.engine.rerun(first["id"], [path])
    await harness.finish(again.execution_id, limit=LIMIT)
    return path, before, await outcome(harness, calls, again.execution_id)


class Dying:
    """Let a store take so many units of an engine, and nothing after them.

    heard: whether the engine still hears of the last one. happened: set once it has died.
    """

    def __init__(self, backend: StateBackend, units: int, heard: bool) -> None:
        self.happened, self.taken = anyio.Event(), 0
        self._units, self._heard, self._submit = units, heard, backend.submit
        backend.submit = self._take  # type: ignore[method-assign]

    def _take(self, units: Sequence[Unit], done: Any) -> None:
        if self.taken >= self._units:
            self.happened.set()
            return
        self.taken += len(units)
        last = self.taken >= self._units
        self._submit(units, done if self._heard or not last else self._unheard)

    def _unheard(self, results: Any) -> None:
        self.happened.set()


async def crashed(
    calls: Calls, workflow: Mapping[str, Any], url: str, lives: Sequence[tuple[int, bool]]
) -> Outcome:
    """Return what a workflow comes to if engine after engine dies: after so many units, heard of or not."""
    execution, now = "", 0.0
    for units, heard in lives:
        async with engine(calls, url) as harness:
            harness.clock.advance_to(now)
            # Who starts an execution hears of that.
            dying = Dying(harness.engine.backend, units + (not execution), heard)
            execution = execution or await harness.engine.start(workflow, INPUT)
            await _until_it_dies(harness, dying, execution)
            now = harness.clock.now()
    async with engine(calls, url) as harness:
        harness.clock.advance_to(now)
        await harness.engine.recover()
        await harness.finish(execution, limit=LIMIT)
        return await outcome(harness, calls, execution)


async def _until_it_dies(harness: Harness, dying: Dying, execution: str) -> None:
    async def live() -> None:
        await harness.engine.recover()
        await harness.finish(execution, limit=LIMIT)
        dying.happened.set()

    async with anyio.create_task_group() as group:
        group.start_soon(live)
        with anyio.fail_after(LIMIT):
            await dying.happened.wait()
        group.cancel_scope.cancel()
