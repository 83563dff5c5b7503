"""Explain from another process: an owner that is killed, and one that is stopped."""

import json
import signal
from typing import Any

import pytest
from programs import Place, Program, task, until

from harmonia_core.host import parse_rfc3339

STORES = ("sqlite", "postgresql")


def running(place: Place) -> tuple[str, Program]:
    """Start a workflow whose second task is at work, and return its id."""
    program = place.start("run", place.define({"first": task("mark"), "held": task("hold", ["first"])}))
    place.begun("held", program)
    return place.execution(), program


def explained(place: Place, execution_id: str, *more: str) -> dict[str, Any]:
    answer = place.ask("executions", "explain", execution_id, *more, "--json")
    assert answer.code == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def codes(found: dict[str, Any]) -> list[str]:
    return [one["code"] for one in found["causes"]]


def test_an_owner_that_is_killed_is_named_with_its_process(place: Place) -> None:
    execution_id, program = running(place)
    assert codes(explained(place, execution_id)) == ["attempt-running"]
    program.send(signal.SIGKILL)
    program.ended()
    found = explained(place, execution_id, "held")
    assert codes(found) == ["owner-dead", "attempt-orphaned"] and not found["progressing"]
    cause = found["causes"][0]
    assert cause["blocking"]["pid"] == program.process.pid and cause["help"] == ["harmonia recover"]
    [(at,)] = place.rows("SELECT max(at) FROM event")
    assert parse_rfc3339(cause["since"]) == pytest.approx(at, abs=1e-5)
    page = place.ask("executions", "explain", execution_id)
    assert "owner-dead" in page.stdout and f"pid {program.process.pid}" in page.stdout


def test_an_owner_that_is_stopped_is_named_once_a_request_is_not_taken(place: Place) -> None:
    place.environment["HARMONIA_REQUEST_TIMEOUT"] = "0.2"
    execution_id, program = running(place)
    place.freeze(program)
    assert codes(explained(place, execution_id)) == ["attempt-running"]
    accepted = place.ask("executions", "cancel", execution_id, "--no-wait")
    assert accepted.code == 0, accepted.stderr
    found = until(
        lambda: (
            (told := explained(place, execution_id))["causes"][0]["code"] == "owner-not-answering" and told
        ),
        about="for a request to be overdue",
    )
    cause = found["causes"][0]
    assert (cause["blocking"]["pid"], cause["blocking"]["kinds"]) == (program.process.pid, ["cancel"])
    assert cause["help"] == [f"harmonia recover --take-over {execution_id}"]
    program.send(signal.SIGCONT)
    assert program.ended() == 1
    assert codes(explained(place, execution_id)) == ["ended"]
