"""Bugs that are put into the engine are found by drawn workflows, or what is drawn is worth nothing."""

import logging

import pytest
import real_engine
from bugs import BUGS
from engine_room import engine_room
from model_checks import Check, as_read, examine, if_it_dies

CAUGHT: dict[str, Check] = {
    "frontier_not_updated": as_read,
    "undo_order_broken": as_read,
    "secret_recorded": as_read,
    "child_started_twice": if_it_dies,
    "lost_timer": if_it_dies,
}


@pytest.mark.parametrize("bug", CAUGHT)
def test_a_seeded_bug_is_found(
    bug: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "harmonia")
    monkeypatch.setattr(real_engine, "LIMIT", 2.0)
    with engine_room() as room, BUGS[bug](), pytest.raises((AssertionError, TimeoutError)):
        examine(CAUGHT[bug], room, 200, chance=1, shrink=False)
