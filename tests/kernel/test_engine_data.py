"""What flows through a real engine: conditions, outputs, maps, large values, slow questions, secrets."""

import json
from typing import Any

import anyio
import pytest

from harmonia_core import TaskContext, task_type
from harmonia_core.errors import AlreadyCompleted, InputInvalid
from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
CALLS: list[Any] = []
LARGE = "x" * 100_000
ENDED = {"count": "all", "done": "end"}


@pytest.fixture(autouse=True)
def calls() -> list[Any]:
    CALLS.clear()
    return CALLS


@task_type("echo")
async def echo(ctx: TaskContext, input: dict[str, Any]) -> dict[str, Any]:
    """Return the input."""
    CALLS.append((ctx.path, input))
    return input


@task_type("picky")
async def picky(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Refuse the item that is bad, at once or at the second attempt."""
    CALLS.append((ctx.path, ctx.attempt))
    if input["n"] == input["bad"]:
        raise ValueError(f"{input['n']} is bad")
    await anyio.sleep(0)
    return {"square": input["n"] ** 2}


@task_type("once")
async def once(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Fail the first attempt; return how long the input is."""
    CALLS.append(len(input["text"]))
    if ctx.attempt == 1:
        raise ValueError("again")
    return len(input["text"])


@task_type("later")
async def later(ctx: TaskContext, input: dict[str, Any]) -> None:
    """End when somebody completes it."""
    CALLS.append(ctx.defer())


def flow(*, output: Any = None, tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "w", "tasks": tasks, "output": output, **more}


def task_of(view: dict[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = next(task for task in view["tasks"] if task["path"] == path)
    return found


async def test_conditions_skips_and_what_depends_on_them() -> None:
    tasks = {
        "a": {"type": "echo", "input": {"go": False}},
        "b": {"type": "echo", "depends_on": "a", "when": "tasks.a.output.go"},
        "c": {"type": "echo", "depends_on": "b"},
        "d": {"type": "echo", "depends_on": ["a", "b"], "input": {"b": "${tasks.b.status}"}},
        "e": {"type": "echo", "depends_on": "b", "join": ENDED},
    }
    async with Harness(echo) as harness:
        view = await harness.run(flow(tasks=tasks, output={"b": "${tasks.b.output}", "d": "${tasks.d.b}"}))
    assert view["status"] == "completed" and view["output"] == {"b": None, "d": "skipped"}
    reasons = {task["path"]: (task["status"], task["reason"]) for task in view["tasks"]}
    assert reasons["b"] == ("skipped", "when")
    assert reasons["c"] == reasons["e"] == ("skipped", "dependencies-skipped")


async def test_a_failure_makes_its_dependants_unreachable_and_others_end() -> None:
    tasks = {
        "bad": {"type": "fail", "input": {"error": "broken", "message": "No way."}},
        "after": {"type": "echo", "depends_on": "bad"},
        "behind": {"type": "echo", "depends_on": "after"},
        "other": {"type": "echo"},
        "clean": {
            "type": "echo",
            "depends_on": "bad",
            "join": {"done": "end"},
            "input": "${tasks.bad.error}",
        },
    }
    async with Harness(echo) as harness:
        view = await harness.run(flow(tasks=tasks, output="${tasks.other.output}"))
    assert view["status"] == "failed" and view["output"] is None and view["failed_tasks"] == ["bad"]
    assert view["error"]["code"] == "broken" and view["error"]["message"] == "No way."
    assert task_of(view, "after")["reason"] == "bad" and task_of(view, "behind")["reason"] == "after"
    assert view["counts"] == {"failed": 1, "unreachable": 2, "succeeded": 2}
    assert task_of(view, "clean")["output"]["code"] == "broken"


@pytest.mark.parametrize(("when", "code"), [("input.text", "not-boolean"), ("input.no", "path-missing")])
async def test_a_condition_never_passes_because_it_could_not_be_evaluated(when: str, code: str) -> None:
    async with Harness(echo) as harness:
        view = await harness.run(flow(tasks={"a": {"type": "echo", "when": when}}), {"text": "true"})
    assert view["error"]["code"] == code and CALLS == [] and task_of(view, "a")["attempt"] == 0


async def test_the_output_is_mapped_and_checked() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tasks = {"a": {"type": "echo", "input": {"n": "${input.n}"}}}
    workflow = flow(tasks=tasks, output={"n": "${tasks.a.output.n}"}, output_schema=schema)
    async with Harness(echo) as harness:
        assert (await harness.run(workflow, {"n": 3}))["output"] == {"n": 3}
        view = await harness.run(workflow, {"n": "three"})
        assert view["status"] == "failed" and view["error"]["code"] == "output-invalid"
        assert view["failed_tasks"] == []
        view = await harness.run(flow(tasks=tasks, output="${tasks.a.output.m}"), {"n": 3})
        assert view["error"]["code"] == "path-missing"


async def test_an_input_that_does_not_fit_is_refused_before_anything_is_recorded() -> None:
    schema = {"type": "object", "required": ["n"]}
    async with Harness(echo) as harness:
        with pytest.raises(InputInvalid):
            await harness.engine.start(flow(tasks={"a": {"type": "echo"}}, input_schema=schema), {})
        assert await harness.engine.backend.unfinished() == []


def squares(items: Any, bad: Any = None, **more: Any) -> dict[str, Any]:
    inner = {"type": "picky", "input": {"n": "${item}", "bad": bad}, **more.pop("inner", {})}
    tasks = {
        "m": {"type": "map", "input": {"items": items}, "task": inner, **more},
        "z": {"type": "echo", "depends_on": "m", "input": {"all": "${tasks.m.output}"}},
    }
    return flow(tasks=tasks, output="${tasks.z.output.all}")


async def test_a_map_gives_its_results_in_the_order_of_its_items() -> None:
    async with Harness(echo, picky) as harness:
        view = await harness.run(squares("${input.list}", max_concurrency=3), {"list": list(range(10))})
        assert view["output"] == [{"square": n**2} for n in range(10)]
        items = task_of(view, "m")["items"]
        assert items == {
            "count": 10,
            "begun": 10,
            "in_flight": 0,
            "succeeded": 10,
            "failed": 0,
            "cancelled": 0,
        }


async def test_an_empty_map_succeeds_with_an_empty_list() -> None:
    async with Harness(echo, picky) as harness:
        view = await harness.run(squares([]))
        assert view["status"] == "completed" and view["output"] == []


async def test_a_map_of_what_is_no_list_fails() -> None:
    async with Harness(echo, picky) as harness:
        view = await harness.run(squares("${input.list}"), {"list": {"a": 1}})
        assert view["error"]["code"] == "input-invalid" and task_of(view, "z")["status"] == "unreachable"


async def test_an_item_that_fails_ends_the_map_once_those_in_flight_have_ended() -> None:
    async with Harness(echo, picky) as harness:
        view = await harness.run(squares(list(range(10)), bad=2, max_concurrency=3))
        error = view["error"]
        assert error["code"] == "item-failed" and error["details"]["item"] == 2 and not error["retryable"]
        items = task_of(view, "m")["items"]
        assert items["begun"] < 10 and items["in_flight"] == 0 and items["failed"] == 1
        assert items["succeeded"] == items["begun"] - 1


async def test_an_item_is_tried_again_and_keeps_its_key() -> None:
    policy = {"max_retries": 2, "initial_delay": 30, "jitter": 0}
    async with Harness(echo, picky) as harness:
        view = await harness.run(squares([1, 2], bad=2, inner={"retry_policy": policy}))
        assert view["status"] == "failed"
        assert [call for call in CALLS if call[0] == "m[1]"] == [("m[1]", 1), ("m[1]", 2), ("m[1]", 3)]


async def test_items_may_be_nested_data_and_know_their_index() -> None:
    inner = {"type": "echo", "input": {"who": "${item.name.first}", "at": "${index}", "all": "${item}"}}
    tasks = {"m": {"type": "map", "input": {"items": "input.people"}, "task": inner}}
    people = [{"name": {"first": "Ada"}}, {"name": {"first": "${secrets.x}"}}]
    async with Harness(echo) as harness:
        view = await harness.run(flow(tasks=tasks, output="${tasks.m.output}"), {"people": people})
        wanted = [{"who": p["name"]["first"], "at": n, "all": p} for n, p in enumerate(people)]
        assert view["output"] == wanted


async def test_items_that_the_engine_carries_out_itself() -> None:
    waits = {"type": "wait", "input": {"duration": "${item}"}}
    tasks = {"m": {"type": "map", "input": {"items": [5, 1]}, "task": waits}}
    async with Harness() as harness:
        view = await harness.run(flow(tasks=tasks, output="${tasks.m.output}"))
        assert view["output"] == [None, None]
        tasks["m"]["task"] = {"type": "fail", "input": {"error": "no-${index}"}}
        view = await harness.run(flow(tasks=tasks))
        assert view["error"]["code"] == "item-failed" and task_of(view, "m")["items"]["failed"] == 2


async def test_large_values_are_blobs_in_the_log_and_values_to_tasks() -> None:
    tasks = {
        "a": {"type": "echo", "input": {"text": "${input.text}"}},
        "b": {"type": "echo", "depends_on": "a", "input": {"text": "${tasks.a.output.text}"}},
    }
    async with Harness(echo) as harness:
        view = await harness.run(flow(tasks=tasks, output="${tasks.b.output}"), {"text": LARGE})
        assert view["status"] == "completed"
        assert view["output"]["$blob"].startswith("sha256:") and view["output"]["size"] > 100_000
        assert [call[1]["text"] == LARGE for call in CALLS] == [True, True]
        log = json.dumps(await harness.events(view["id"]))
        assert LARGE not in log and len(log) < 20_000


async def test_a_large_input_reaches_every_attempt() -> None:
    policy = {"max_retries": 1, "initial_delay": 1}
    task = {"type": "once", "input": {"text": "${input.text}"}, "retry_policy": policy}
    async with Harness(once) as harness:
        view = await harness.run(flow(tasks={"a": task}, output="${tasks.a.output}"), {"text": LARGE})
        assert view["status"] == "completed" and view["output"] == 100_000 and CALLS == [100_000] * 2


async def test_large_items_and_results_of_a_map() -> None:
    inner = {"type": "echo", "input": {"text": "${item}"}}
    tasks = {"m": {"type": "map", "input": {"items": "${input.texts}"}, "task": inner}}
    reads = {"n": "${size(tasks.m.output)}", "first": "${tasks.m.output[0].text}"}
    tasks["z"] = {"type": "echo", "depends_on": "m", "input": reads}
    async with Harness(echo) as harness:
        view = await harness.run(flow(tasks=tasks), {"texts": [LARGE, "short"]})
        assert view["status"] == "completed"
        assert CALLS[-1] == ("z", {"n": 2, "first": LARGE})


async def test_slow_questions_are_asked_and_answered() -> None:
    """The results of a map are rows in the store, so whatever reads them is slow."""
    inner = {"type": "echo", "input": {"n": "${item.n}"}}
    reads = {"type": "echo", "input": {"n": "${tasks.m.output[item]}"}}
    after: dict[str, Any] = {"type": "echo", "depends_on": "m"}
    tasks = {
        "m": {"type": "map", "input": {"items": [{"n": n} for n in range(5)]}, "task": inner},
        "b": {**after, "when": "size(tasks.m.output) == 5", "input": {"n": "${tasks.m.output[1].n}"}},
        "no": {**after, "when": "tasks.m.output[0].n > 0"},
        "odd": {**after, "when": "tasks.m.output[0].n"},
        "bad": {**after, "input": {"n": "${tasks.m.output[9]}"}},
        "map": {**after, "type": "map", "input": {"items": "tasks.m.output"}, "task": inner},
        "each": {**after, "type": "map", "input": {"items": [1]}, "task": reads},
    }
    async with Harness(echo) as harness:
        view = await harness.run(flow(tasks=tasks))
        statuses = {task["path"]: task["status"] for task in view["tasks"]}
        ends = {"m": "succeeded", "b": "succeeded", "map": "succeeded", "each": "succeeded"}
        assert statuses == ends | {"no": "skipped", "bad": "failed", "odd": "failed"}
        codes = {task["path"]: task["error"]["code"] for task in view["tasks"] if task["error"]}
        assert codes == {"odd": "not-boolean", "bad": "path-missing"}
        assert ("b", {"n": 1}) in CALLS and ("each[0]", {"n": {"n": 1}}) in CALLS
        types = [event["type"] for event in await harness.events(view["id"])]
        assert types.count("Asked") == types.count("Answered") == 7
        whole = flow(tasks={"m": tasks["m"]}, output={"last": "${tasks.m.output[4].n}"})
        assert (await harness.run(whole))["output"] == {"last": 4}


async def test_a_deferred_attempt_is_completed_once() -> None:
    async with Harness(later) as harness:
        execution = await harness.engine.start(
            flow(tasks={"t": {"type": "later"}}, output="${tasks.t.output}")
        )
        await harness.seen(execution, "TaskDeferred")
        [token] = CALLS
        assert token not in json.dumps(await harness.events(execution))
        await harness.engine.complete(token, {"done": True}, actor={"kind": "person", "id": "ada"})
        view = await harness.finish(execution)
        assert view["output"] == {"done": True}
        for again in (token, "unknown"):
            with pytest.raises(AlreadyCompleted):
                await harness.engine.complete(again, None)


async def test_a_deferred_attempt_may_fail_and_be_tried_again() -> None:
    policy = {"max_retries": 1, "initial_delay": 5, "jitter": 0}
    async with Harness(later) as harness:
        execution = await harness.engine.start(flow(tasks={"t": {"type": "later", "retry_policy": policy}}))
        await harness.seen(execution, "TaskDeferred")
        await harness.engine.complete(
            CALLS[0], error={"code": "busy", "message": "Not now.", "retry_after": 9}
        )
        await harness.seen(execution, "RetryScheduled")
        harness.clock.advance(9)
        await harness.seen(execution, "TaskDeferred", 2)
        await harness.engine.complete(CALLS[1], error={"code": "no", "message": "Never.", "retryable": False})
        view = await harness.finish(execution)
        assert view["status"] == "failed" and view["error"]["code"] == "no"


@pytest.mark.parametrize(
    "error",
    [{"surprise": 1}, {"retry_after": "soon"}, {"category": "weather"}, {"code": 7, "retryable": "yes"}],
)
async def test_a_completion_with_a_strange_error_fails_the_task_and_not_the_engine(
    error: dict[str, Any],
) -> None:
    policy = {"max_retries": 1}
    async with Harness(later, echo) as harness:
        execution = await harness.engine.start(flow(tasks={"t": {"type": "later", "retry_policy": policy}}))
        await harness.seen(execution, "TaskDeferred")
        await harness.engine.complete(CALLS[0], error={"message": "Strange.", **error})
        await harness.engine.cancel(execution)
        assert (await harness.run(flow(tasks={"a": {"type": "echo"}})))["status"] == "completed"


async def test_a_secret_reaches_the_task_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMONIA_SECRET_TOKEN", "tell-nobody")
    task = {"type": "echo", "input": {"auth": "Bearer ${secrets.token}", "n": "${input.n}"}}
    async with Harness(echo) as harness:
        view = await harness.run(
            flow(tasks={"a": task}, output="${tasks.a.output}"), {"n": "${secrets.token}"}
        )
        assert CALLS == [("a", {"auth": "Bearer tell-nobody", "n": "${secrets.token}"})]
        assert "tell-nobody" not in json.dumps(await harness.events(view["id"]))
        assert view["output"] == {"auth": "Bearer ***", "n": "${secrets.token}"}
        shown = task_of(view, "a")
        assert shown["input"] == {"auth": None, "n": "${secrets.token}"}
        assert shown["holes"] == [{"pointer": ["auth"], "parts": ["Bearer ", {"secret": "token"}]}]


async def test_a_missing_secret_fails_the_task_before_it_runs() -> None:
    task = {"type": "echo", "input": {"auth": "${secrets.absent}"}, "retry_policy": {"max_retries": 3}}
    async with Harness(echo) as harness:
        view = await harness.run(flow(tasks={"a": task}))
        assert (
            view["error"]["code"] == "secret-missing" and CALLS == [] and task_of(view, "a")["attempt"] == 1
        )


@pytest.mark.parametrize("value", ["\ud800", float("nan"), {1, 2}, object()])
async def test_an_input_that_is_no_json_is_refused_and_harms_nobody_else(value: Any) -> None:
    workflow = flow(tasks={"a": {"type": "echo", "input": {"text": "${input.text}"}}})
    async with Harness(echo) as harness:
        with pytest.raises(InputInvalid):
            await harness.run(workflow, {"text": value})
        assert await harness.engine.backend.unfinished() == []
        assert (await harness.run(workflow, {"text": "ä"}))["status"] == "completed"


async def test_the_environment_may_hold_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODD", "a\udcffb")
    workflow = flow(tasks={"a": {"type": "echo", "input": {"text": "${env.ODD}"}}}, output="${tasks.a.text}")
    async with Harness(echo, settings=KernelSettings(env_allow=("ODD",))) as harness:
        assert (await harness.run(workflow))["output"] == "a?b"
