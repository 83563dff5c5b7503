"""`shell` in a real engine: secrets, timeouts, retries, artifacts, and being off."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import alive, pids_in

from harmonia_core.host import KernelSettings, ProblemsError
from harmonia_core.testing.harness import Harness

SECRET = "correct-horse-battery"
ON = KernelSettings(plugins={"tasks": {"shell": True}})
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HARMONIA_SECRET_KEY", SECRET)
    yield


async def ended(
    command: Any, *, settings: KernelSettings = ON, more: Any = None, **input: Any
) -> dict[str, Any]:
    """Run one task and return its view, with the texts of its log."""
    given = {"command": command, **({"shell": True} if isinstance(command, str) else {}), **input}
    definition = {"name": "one", "tasks": {"one": {"type": "shell", "input": given, **(more or {})}}}
    lines: list[str] = []
    async with Harness(settings=settings) as harness:
        harness.engine.activity.listen(lambda entry: lines.append(entry.text))
        view = await harness.run(definition)
        events = await harness.events(view["id"])
    assert SECRET not in repr((view, events, lines))
    return {**view["tasks"][0], "lines": lines}


@pytest.mark.parametrize(
    ("command", "input"),
    [
        (["printf", "%s", "key=${secrets.KEY}"], {}),
        ('printf %s "key=$KEY"', {"env": {"KEY": "${secrets.KEY}"}}),
        (["cat"], {"stdin": "key=${secrets.KEY}"}),
    ],
)
async def test_a_secret_reaches_the_command_and_no_record(command: Any, input: Any) -> None:
    task = await ended(command, **input)
    assert task["output"]["stdout"] == "key=***"


async def test_a_secret_is_masked_in_the_log_and_in_the_error() -> None:
    task = await ended(
        'echo "out $KEY"; echo "bad key $KEY" >&2; exit 2', env={"KEY": "${secrets.KEY}"}, log_stdout=True
    )
    assert set(task["lines"]) >= {"out ***", "bad key ***"}
    error = task["error"]
    assert error["message"] == "The script ended with exit code 2: bad key ***"
    assert (error["details"]["stderr"], error["details"]["stdout"]) == ("bad key ***", "out ***")


async def test_a_secret_is_masked_in_an_artifact() -> None:
    task = await ended(["printf", "%s", "${secrets.KEY}"], stdout="artifact")
    assert task["output"]["stdout"]["$artifact"]["size"] == len("***")


async def test_a_secret_of_the_engine_is_not_inherited() -> None:
    task = await ended("env | grep -c SECRET", expected_exit=1, inherit_env=["*"])
    assert task["output"]["stdout"] == "0\n"


async def test_data_from_the_input_is_one_argument() -> None:
    definition = {
        "name": "one",
        "tasks": {"one": {"type": "shell", "input": {"command": ["printf", "%s", "${input.name}"]}}},
    }
    async with Harness(settings=ON) as harness:
        view = await harness.run(definition, {"name": "$(id); `id` && id"})
    assert view["tasks"][0]["output"]["stdout"] == "$(id); `id` && id"


async def test_a_timeout_ends_the_command_and_its_family(tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    script = f"trap '' TERM; sleep 600 & echo $! $$ . > {marker}; while :; do sleep 600; done"
    task = await ended(script, more={"timeout": 3})
    assert (task["error"]["code"], task["error"]["category"]) == ("attempt-timeout", "timeout")
    assert not any(map(alive, await pids_in(marker)))


async def test_an_unexpected_exit_is_retried_and_the_attempt_is_told(tmp_path: Path) -> None:
    task = await ended(
        '[ "$HARMONIA_ATTEMPT" = 3 ] && echo "$HARMONIA_PATH"', more={"retry_policy": {"max_retries": 5}}
    )
    assert (task["status"], task["attempt"], task["output"]["stdout"]) == ("succeeded", 3, "one\n")


@pytest.mark.parametrize(
    "settings", [KernelSettings(), KernelSettings(plugins={"tasks": {"shell": "false"}})]
)
async def test_where_it_is_off_nothing_runs(settings: KernelSettings, tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as caught:
        await ended(["touch", str(tmp_path / "ran")], settings=settings)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("shell-not-allowed", "tasks.one.input")
    assert "HARMONIA_PLUGINS__TASKS__SHELL=true" in problem.message
    assert list(tmp_path.iterdir()) == []


async def test_where_it_is_off_an_input_from_an_expression_is_refused_at_compile_time(tmp_path: Path) -> None:
    definition = {"name": "one", "tasks": {"one": {"type": "shell", "input": "${input}"}}}
    async with Harness() as harness:
        with pytest.raises(ProblemsError) as caught:
            await harness.run(definition, {"command": ["touch", str(tmp_path / "ran")]})
    assert [problem.code for problem in caught.value.problems] == ["shell-not-allowed"]
    assert list(tmp_path.iterdir()) == []


async def test_outputs_are_known_at_compile_time() -> None:
    definition = {
        "name": "one",
        "tasks": {"one": {"type": "shell", "input": {"command": ["true"]}}},
        "output": "${tasks.one.output.stdot}",
    }
    async with Harness(settings=ON) as harness:
        with pytest.raises(ProblemsError, match="stdot"):
            await harness.run(definition)
