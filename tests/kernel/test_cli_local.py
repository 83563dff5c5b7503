"""What tasks may do on the command line unless the environment says otherwise."""

import pytest

from harmonia_api.cli import local
from harmonia_api.cli.local import allow_local, announce_local
from harmonia_api.settings import read_settings
from harmonia_core.host import KernelSettings

SHELL = "HARMONIA_PLUGINS__TASKS__SHELL"


def test_what_is_left_open_is_allowed() -> None:
    allowed = allow_local(read_settings({"HARMONIA_PLUGINS__TASKS__PYTHON_MODULES": "a"}))
    assert allowed.plugins == {"tasks": {"python_modules": "a", "shell": True, "allow_loopback": True}}


@pytest.mark.parametrize("value", ["true", "false"])
def test_what_the_environment_says_stays(value: str) -> None:
    allowed = allow_local(read_settings({SHELL: value}))
    assert allowed.plugins == {"tasks": {"shell": value, "allow_loopback": True}}


def test_a_settings_object_is_not_changed() -> None:
    given = KernelSettings()
    assert allow_local(given) is not given
    assert given.plugins == {}


def test_only_what_is_used_and_left_open_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    announce_local(read_settings({}), ("noop", "shell"))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"Tasks may run commands (`shell`); {SHELL}=false forbids it.\n"
    announce_local(read_settings({SHELL: "true"}), ("noop", "shell"))
    announce_local(read_settings({}), ("noop",))
    assert capsys.readouterr().err == ""


def test_without_the_task_types_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "tasks_are_installed", lambda: False)
    given = KernelSettings()
    assert allow_local(given) is given
