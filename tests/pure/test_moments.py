"""Moments: what is one, and what a `wait` makes of it."""

from typing import Any

import pytest
from building import ASKED, Play, graph, task

from harmonia_core.model.policies import read_moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01t00:00:10.5z", 10.5),
        ("1970-01-01T01:00:10+01:00", 10.0),
        ("2027-01-31T08:00:00-05:30", 1801402200.0),
    ],
)
def test_moments_with_a_zone_are_read(text: str, seconds: float) -> None:
    assert read_moment(text) == seconds


@pytest.mark.parametrize(
    "value",
    ["2027-01-31", "2027-01-31T08:00:00", "08:00", "tomorrow", "", 5, None, True, "2027-02-31T08:00:00Z"],
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is no moment; write RFC 3339"):
        read_moment(value)


def test_a_wait_lasts_until_its_moment() -> None:
    wait = task("t", type="wait", kernel=True, input=ASKED)
    play = Play(graph(wait), {("t", "input"): {"until": "1970-01-01T00:01:00Z"}})
    assert play.timers["t", "wait"].due == 60.0
    play.due("t", "wait")
    assert play.final and play.statuses() == {"t": "succeeded"}


def test_a_moment_that_is_none_fails_the_wait() -> None:
    wait = task("t", type="wait", kernel=True, input=ASKED)
    play = Play(graph(wait), {("t", "input"): {"until": "soon"}})
    error = play.task("t").error
    assert error is not None and (error.code, error.category) == ("input-invalid", "validation")
