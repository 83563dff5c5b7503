"""`shell`: what is refused before anything runs."""

from typing import Any

import pytest
from pydantic import ValidationError

from harmonia_core import TaskError
from harmonia_tasks.settings import TasksSettings
from harmonia_tasks.shell import SETTING, shell_type
from harmonia_tasks.shell_input import ShellInput


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"command": "ls -l"}, "say `shell: true`"),
        ({"command": ["ls"], "shell": True}, "hand data over in `env`"),
        ({"command": []}, "begins with the name of a program"),
        ({"command": ["", "x"]}, "begins with the name of a program"),
        ({"command": 7}, "a command is a list"),
        ({"command": ["a", None]}, "word 1 is None"),
        ({"command": ["a", True]}, "word 1 is True"),
        ({"command": ["a\0b"]}, "cannot contain NUL"),
        ({"command": ["a", "\ud800"]}, "encodable as UTF-8"),
        ({"command": "x", "shell": "bash"}, "absolute path of a shell"),
        ({"command": ["a"], "env": {"A=B": "x"}}, "cannot name an environment variable"),
        ({"command": ["a"], "env": {"": "x"}}, "cannot name an environment variable"),
        ({"command": ["a"], "env": {"A": "x\0"}}, "cannot contain NUL"),
        ({"command": ["a"], "env": {"A": None}}, "env.A"),
        ({"command": ["a"], "expected_exit": []}, "list of exit codes"),
        ({"command": ["a"], "expected_exit": [256]}, "list of exit codes"),
        ({"command": ["a"], "expected_exit": "all"}, "list of exit codes"),
        ({"command": ["a"], "encoding": "klingon"}, "no text encoding"),
        ({"command": ["a"], "encoding": "base64"}, "no text encoding"),
        ({"command": ["a"], "stdout": "file"}, "stdout"),
        ({"command": ["a"], "limits": {"cpu_seconds": 0}}, "limits.cpu_seconds"),
        ({"command": ["a"], "limits": {"disk": 1}}, "limits.disk"),
        ({"command": ["a"], "timeout": 1}, "timeout"),
    ],
)
def test_what_makes_no_command_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ShellInput.model_validate(given)
    faults = caught.value.errors(include_url=False)
    assert any(words in f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in faults)


def test_it_is_off_unless_somebody_turns_it_on() -> None:
    assert TasksSettings().shell is False
    assert TasksSettings.model_validate({"shell": "true"}).shell is True
    check = shell_type(TasksSettings()).check
    assert check is not None
    (problem,) = check({"command": ["true"]})
    assert not isinstance(problem, str)
    assert (problem.code, problem.path) == ("shell-not-allowed", "")
    assert f"{SETTING}=true" in problem.message
    allowed = shell_type(TasksSettings(shell=True)).check
    assert allowed is not None
    assert list(allowed({"command": ["true"]})) == []


@pytest.mark.anyio
async def test_it_is_off_when_a_task_runs(ctx: Any) -> None:
    with pytest.raises(TaskError) as caught:
        await shell_type(TasksSettings())(ctx, ShellInput(command=("true",)))
    assert (caught.value.error_code, caught.value.retryable) == ("shell-not-allowed", False)


@pytest.mark.anyio
async def test_other_systems_are_told_so(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harmonia_tasks.process_support.os.name", "nt")
    with pytest.raises(TaskError) as caught:
        await shell_type(TasksSettings(shell=True))(ctx, ShellInput(command=("true",)))
    assert caught.value.error_code == "shell-not-supported"
