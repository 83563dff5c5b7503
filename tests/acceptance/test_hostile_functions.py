"""Functions of every bad manner, called by `python` in a real engine: the task fails, the engine lives."""

import gc
from pathlib import Path
from typing import Any

import anyio
import pytest

from harmonia_core.errors import DefinitionInvalid
from harmonia_core.host import Engine, KernelSettings, create_backend, load_data, load_plugins

CALLABLES = Path(__file__).resolve().parents[2] / "plugins/harmonia-tasks/tests/callables"
SETTINGS = KernelSettings(plugins={"tasks": {"python_modules": ["sample_calls"]}}, cancel_grace=1.0)


@pytest.fixture(autouse=True)
def sample_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CALLABLES))


async def error_of(function: str, mode: str, **more: Any) -> dict[str, Any]:
    """Run one hostile function, then a good one in the same engine; return the first one's error."""
    plugins = load_plugins(SETTINGS)
    hostile = {"callable": f"sample_calls:{function}", "mode": mode, "args": more.pop("args", {})}
    good = {"callable": "sample_calls:add", "args": {"a": 1, "b": 2}}
    async with Engine(create_backend("memory://", plugins, SETTINGS), plugins, SETTINGS) as engine:
        view = await ended(engine, {"hostile": {"type": "python", "input": hostile, **more}})
        assert view["status"] == "failed"
        after = await ended(engine, {"good": {"type": "python", "input": good}})
        assert after["status"] == "completed"
    gc.collect()
    error: dict[str, Any] = next(task["error"] for task in view["tasks"] if task["path"] == "hostile")
    return error


async def ended(engine: Engine, tasks: dict[str, Any]) -> dict[str, Any]:
    definition = load_data({"name": "hostile", "tasks": tasks}).definition
    assert definition is not None
    execution = await engine.start(definition)
    with anyio.fail_after(30):
        await engine.wait(execution)
    return await engine.get(execution)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["thread", "process"])
@pytest.mark.parametrize(
    ("function", "args", "code", "kind"),
    [
        ("fail_with_value", {}, "unhandled", "ValueError"),
        ("exit_politely", {}, "unhandled", "SystemExit"),
        ("raise_group", {}, "unhandled", "BaseExceptionGroup"),
        ("raise_unpicklable", {}, "unhandled", "Unpicklable"),
        ("fail_retryable", {}, "service-busy", "RetryableError"),
        ("return_set", {}, "output-not-json", None),
        ("return_nan", {}, "output-not-json", None),
        ("return_much", {"megabytes": 100}, "output-too-large", None),
        ("print_for_ever", {}, "output-too-large", None),
        ("add", {"wrong": 1}, "input-invalid", None),
    ],
)
async def test_a_hostile_function_fails_alone(
    mode: str, function: str, args: dict[str, Any], code: str, kind: str | None
) -> None:
    error = await error_of(function, mode, args=args)
    assert error["code"] == code
    assert kind is None or error["kind"] == kind
    assert error["retryable"] is (kind is not None)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["thread", "process"])
async def test_the_traceback_of_the_function_is_recorded(mode: str) -> None:
    error = await error_of("fail_with_value", mode)
    assert error["message"] == "no good"
    assert "in fail_with_value" in error["traceback"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("function", "details"), [("leave", {"exit_code": 7}), ("crash", {"signal": "SIGSEGV"})]
)
async def test_a_process_that_dies_takes_nothing_with_it(function: str, details: dict[str, Any]) -> None:
    error = await error_of(function, "process")
    assert (error["code"], error["category"], error["details"]) == ("process-died", "infrastructure", details)


@pytest.mark.anyio
async def test_an_endless_loop_in_a_process_is_killed_at_its_timeout(tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    error = await error_of("loop_for_ever", "process", args={"marker": str(marker)}, timeout=1.5)
    assert error["category"] == "timeout"
    with anyio.fail_after(10):
        while any(map(runs, marker.read_text().split())):
            await anyio.sleep(0.01)


def runs(pid: str) -> bool:
    """Tell whether a process runs; one that ended and that nobody reaped counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.anyio
async def test_a_module_that_is_not_allowed_is_refused_before_anything_runs() -> None:
    plugins = load_plugins(SETTINGS)
    task = {"type": "python", "input": {"callable": "os:system", "args": {"command": "true"}}}
    definition = load_data({"name": "refused", "tasks": {"one": task}}).definition
    assert definition is not None
    async with Engine(create_backend("memory://", plugins, SETTINGS), plugins, SETTINGS) as engine:
        with pytest.raises(DefinitionInvalid) as caught:
            await engine.start(definition)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("module-not-allowed", "tasks.one.input.callable")
    assert "HARMONIA_PLUGINS__TASKS__PYTHON_MODULES" in problem.message


@pytest.mark.anyio
async def test_a_module_from_an_expression_is_refused_when_the_task_runs() -> None:
    plugins = load_plugins(SETTINGS)
    task = {"type": "python", "input": {"callable": "${input.what}"}}
    definition = load_data({"name": "refused", "tasks": {"one": task}}).definition
    assert definition is not None
    async with Engine(create_backend("memory://", plugins, SETTINGS), plugins, SETTINGS) as engine:
        execution = await engine.start(definition, {"what": "os:getcwd"})
        with anyio.fail_after(30):
            assert await engine.wait(execution) == "failed"
        assert (await engine.get(execution))["error"]["code"] == "module-not-allowed"
