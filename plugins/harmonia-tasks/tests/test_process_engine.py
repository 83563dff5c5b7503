"""Processes in a real engine: artifacts from one to the next, masks, deferral, heartbeats."""

from typing import Any

import anyio
import pytest

from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness

ON = KernelSettings(plugins={"tasks": {"shell": True, "python_modules": ["sample_calls"]}})
SIZE = 3 * 1024 * 1024 + 3
pytestmark = pytest.mark.anyio


def call(function: str, **args: Any) -> dict[str, Any]:
    return {
        "type": "python",
        "input": {"callable": f"sample_calls:{function}", "mode": "process", "args": args},
    }


async def run(tasks: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Run tasks to their end; return their views by path, and what was logged."""
    lines: list[str] = []
    async with Harness(settings=ON) as harness:
        harness.engine.activity.listen(lambda entry: lines.append(entry.text))
        view = await harness.run({"name": "processes", "tasks": tasks})
    assert view["status"] == "completed", view["error"]
    return {task["path"]: task["output"] for task in view["tasks"]}, lines


async def test_an_artifact_goes_from_process_to_process() -> None:
    outputs, _ = await run(
        {
            "keep": call("keep", name="x", megabytes=3),
            "read": {**call("measure", artifact="${tasks.keep.output}"), "depends_on": "keep"},
            "await": {**call("measure_async", artifact="${tasks.keep.output}"), "depends_on": "keep"},
            "count": {
                "type": "shell",
                "depends_on": "keep",
                "input": {"command": ["wc", "-c"], "stdin": "${tasks.keep.output}", "stdout": "json"},
            },
            "copy": {
                "type": "shell",
                "depends_on": "keep",
                "input": {"command": ["cat"], "stdin": "${tasks.keep.output}", "stdout": "artifact"},
            },
        }
    )
    assert outputs["read"] == {"name": "x", "size": SIZE, "pieces": 4, "read": [SIZE, SIZE]}
    assert outputs["await"] == SIZE
    assert outputs["count"]["stdout"] == SIZE
    copy, kept = outputs["copy"]["stdout"]["$artifact"], outputs["keep"]["$artifact"]
    assert (copy["sha256"], copy["size"]) == (kept["sha256"], SIZE)


@pytest.mark.parametrize(
    ("reference", "code"),
    [({"$artifact": 7}, "artifact-invalid"), ("x", "artifact-invalid")],
)
async def test_what_is_no_artifact_is_refused_in_the_function(reference: Any, code: str) -> None:
    async with Harness(settings=ON) as harness:
        view = await harness.run({"name": "one", "tasks": {"read": call("measure", artifact=reference)}})
    assert view["tasks"][0]["error"]["code"] == code


async def test_what_a_function_masks_is_masked_everywhere() -> None:
    outputs, lines = await run({"whisper": call("whisper", word="open-sesame")})
    assert outputs["whisper"] == "returned ***"
    assert {"printed ***", "logged ***"} <= set(lines)


async def test_a_deferred_attempt_is_completed_with_the_token_from_the_child() -> None:
    async with Harness(settings=ON) as harness:
        tokens: list[str] = []
        harness.engine.activity.listen(lambda entry: tokens.append(entry.text))
        started = await harness.engine.start({"name": "one", "tasks": {"ask": call("tell_token")}})
        await harness.seen(started, "TaskDeferred")
        await harness.engine.complete(tokens[0], {"answer": 42})
        view = await harness.finish(started)
    assert view["tasks"][0]["output"] == {"answer": 42}


async def test_heartbeats_from_the_child_keep_an_attempt_alive() -> None:
    beating = {**call("beat_for", seconds=3.5), "heartbeat_timeout": 2.5}
    with anyio.fail_after(30):
        outputs, _ = await run({"beat": beating})
    assert outputs["beat"] == "still here"
