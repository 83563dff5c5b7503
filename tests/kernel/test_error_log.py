"""What goes wrong in executions, as lines of the log."""

import logging
from typing import Any

import pytest

from harmonia_core import PermanentError, RetryableError, task_type
from harmonia_core.testing.harness import Harness

LOGGER = "harmonia.executions"


@task_type("shaky")
async def shaky(ctx: Any, input: Any) -> None:
    """Fail, for good at the second attempt."""
    if ctx.attempt == 1:
        raise RetryableError("not yet", "busy")
    raise PermanentError("no\nuse\x1b[2J " + "x" * 600, "useless")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOGGER)
    return caplog


async def test_each_failure_is_one_line_with_its_parts(lines: pytest.LogCaptureFixture) -> None:
    async with Harness(shaky) as h:
        done = await h.run({"name": "w", "tasks": {"t": {"type": "shaky", "retry_policy": {}}}})
    records = [record for record in lines.records if record.name == LOGGER]
    assert [record.levelname for record in records] == ["INFO", "WARNING", "ERROR"]
    again, failed, ended = (vars(record) for record in records)
    assert (again["event"], again["path"], again["attempt"], again["code"]) == (
        "RetryScheduled", "t", 1, "busy",
    )  # fmt: skip
    assert again["due"] > 0 and again["retryable"] is True
    assert (failed["event"], failed["category"], failed["execution"]) == ("TaskFailed", "task", done["id"])
    assert (ended["event"], ended["code"], ended["seq"]) == ("ExecutionFailed", "useless", done["seq"])
    assert "path" not in ended


async def test_what_a_task_says_is_one_printable_line(lines: pytest.LogCaptureFixture) -> None:
    async with Harness(shaky) as h:
        await h.run({"name": "w", "tasks": {"t": {"type": "shaky", "retry_policy": {}}}})
    text = next(record.getMessage() for record in lines.records if record.levelname == "WARNING")
    assert text.isprintable() and "no\\nuse\\x1b[2J xxx" in text and text.endswith("x…")
    assert text.count("x" * 400) == 1 and len(text) < 700


async def test_a_run_without_failures_says_nothing(lines: pytest.LogCaptureFixture) -> None:
    async with Harness() as h:
        await h.run({"name": "w", "tasks": {"t": {"type": "noop"}}})
    assert not [record for record in lines.records if record.name == LOGGER]
