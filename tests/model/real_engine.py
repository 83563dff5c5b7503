"""The real engine's outcome of a workflow, taken from its log and from what its tasks were called with."""

from collections.abc import Mapping
from typing import Any

from model_outcome import INPUT, Outcome
from naive_places import Error
from naive_tasks import answer

from harmonia_core import TaskContext, TaskError, task_type
from harmonia_core.testing.harness import Harness

Calls = dict[tuple[str, str, int], Any]
ENDS = {
    "TaskSucceeded": "succeeded", "TaskSkipped": "skipped", "TaskUnreachable": "unreachable",
    "TaskCancelled": "cancelled", "TaskFailed": "failed",
}  # fmt: skip


def worker(calls: Calls) -> Any:
    """Return the task type `work`, which notes what it is called with."""

    @task_type("work")
    async def work(ctx: TaskContext, input: dict[str, Any]) -> Any:
        """Do what `answer` says."""
        calls.setdefault((ctx.execution, ctx.path, ctx.attempt), input)
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
        f"{names[id]}{path} ({attempt})": input for (id, path, attempt), input in calls.items() if id in names
    }
    failed = sorted(view["failed_tasks"])
    return Outcome(view["status"], view["output"], error or None, failed, ends, given, undone)


async def _follow(
    harness: Harness, id: str, name: str, ends: dict[str, str], undone: list[str], names: dict[str, str]
) -> None:
    names[id] = name
    for event in await harness.events(id):
        data, type = event["data"], event["type"]
        path = name + data.get("path", "")
        if type in ENDS:
            ends[path] = f"failed: {data['error']['code']}" if type == "TaskFailed" else ENDS[type]
        elif type == "TaskScheduled" and path.endswith("~undo") and data["attempt"] == 1:
            undone.append(path.removesuffix("~undo"))
        elif type == "ChildRequested":
            child, under = data["child_id"], f"{path}#{data['attempt']}:"
            await _follow(harness, child, under, ends, undone, names)
            ends[under] = (await harness.engine.get(child))["status"]


async def carried_out(harness: Harness, calls: Calls, workflow: Mapping[str, Any]) -> Outcome:
    """Return what an engine makes of a workflow."""
    return await outcome(harness, calls, (await harness.run(workflow, INPUT))["id"])
