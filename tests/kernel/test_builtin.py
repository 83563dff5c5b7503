"""The small built-ins: control inputs, secrets of the environment, notices in the log, faces as data."""

import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import harmonia_core
from harmonia_core import PUBLIC, Access, Endpoint, Notice
from harmonia_core.builtin import control
from harmonia_core.builtin.environment import ENVIRONMENT
from harmonia_core.builtin.log import LOG_NOTIFIER
from harmonia_core.plugins.load import load_plugins


def test_the_engines_own_task_types_have_no_handler() -> None:
    assert [kind.name for kind in control.TASK_TYPES] == ["map", "wait", "noop", "fail", "set"]
    assert all(kind.kernel and kind.handler is None and kind.description for kind in control.TASK_TYPES)


@pytest.mark.parametrize(("written", "seconds"), [(90, 90.0), (0.5, 0.5), ("PT1M30S", 90.0), (0, 0.0)])
def test_wait_takes_seconds_or_iso_8601(written: Any, seconds: float) -> None:
    assert control.WaitInput(duration=written).duration == seconds


@pytest.mark.parametrize(
    ("model", "input"),
    [
        (control.WaitInput, {"duration": -1}),
        (control.WaitInput, {"duration": "1:30"}),
        (control.WaitInput, {}),
        (control.FailInput, {"error": "", "message": "x"}),
        (control.FailInput, {"error": "x", "mesage": "y"}),
        (control.MapInput, {"items": {"a": 1}}),
    ],
)
def test_wrong_inputs_are_refused(model: Any, input: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(input)


def test_the_memory_backend_is_made_when_it_is_asked_for() -> None:
    backend = load_plugins().registry.get("state_backends", "memory")
    assert hasattr(backend.create("memory://", "auto"), "submit")


def test_secrets_come_from_the_environment_at_the_moment_of_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ENVIRONMENT.get("default", "api-key") is None
    monkeypatch.setenv("HARMONIA_SECRET_API_KEY", "one")
    assert ENVIRONMENT.get("default", "api-key") == ENVIRONMENT.get("other", "API_KEY") == "one"
    monkeypatch.setenv("HARMONIA_SECRET_mixed", "two")
    assert ENVIRONMENT.get("default", "mixed") == "two"


@pytest.mark.parametrize(
    ("subject", "level"), [("execution-completed", logging.INFO), ("attention", logging.WARNING)]
)
def test_a_notice_is_one_line_of_the_log(subject: str, level: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    LOG_NOTIFIER.notify(Notice(subject, "default", "e1", "look at this", "k1"))
    [record] = [found for found in caplog.records if found.name == "harmonia.notices"]
    assert (record.levelno, record.getMessage()) == (level, f"{subject} e1: look at this")


def test_an_endpoint_says_who_may_call_it_and_where() -> None:
    endpoint = Endpoint("POST", "/hooks/{name}", lambda engine, request: None, Access("hooks:write"))
    assert endpoint.limits.body == 1024 * 1024 and PUBLIC.public
    for scope, public in ((None, False), ("scope", True)):
        with pytest.raises(ValueError, match="either a scope or public"):
            Access(scope, public)
    for path in ("hooks", "/hooks/", "/a b", "/{Name}"):
        with pytest.raises(ValueError, match="no endpoint path"):
            Endpoint("GET", path, lambda engine, request: None, PUBLIC)


def test_every_name_of_the_first_door_exists_and_is_typed() -> None:
    assert [name for name in harmonia_core.__all__ if not hasattr(harmonia_core, name)] == []
    assert sorted(harmonia_core._HOME_OF) == sorted(
        set(harmonia_core.__all__) - {"PLUGIN_API", "__version__"}
    )
    assert set(harmonia_core.__all__) <= set(dir(harmonia_core))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = harmonia_core.no_such_name  # type: ignore[attr-defined]
    source = Path(str(harmonia_core.__file__)).read_text("utf-8").partition("__version__")[0]
    assert [name for name in harmonia_core._HOME_OF if name not in source] == []
