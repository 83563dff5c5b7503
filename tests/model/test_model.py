"""Drawn workflows: the engine beside a naive reading of the semantics, and beside itself in other ways."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_room import EngineRoom, engine_room
from model_checks import (
    SEED,
    Check,
    as_read,
    at_a_store,
    chosen_seed,
    examine,
    however_declared,
    if_it_dies,
    run_once_more,
    with_a_noop,
)

SHORT = [(as_read, 150), (if_it_dies, 40), (however_declared, 40), (with_a_noop, 30), (run_once_more, 40)]
LONG = 40
"""How many times as many workflows the laboratory draws."""


@pytest.fixture(scope="module")
def room() -> Iterator[EngineRoom]:
    with engine_room() as room:
        yield room


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Leave out what engines say of each failure that was drawn."""
    caplog.set_level(logging.CRITICAL, "harmonia.executions")


@pytest.mark.parametrize(("check", "examples"), SHORT)
def test_a_drawn_workflow_ends_the_same(check: Check, examples: int, room: EngineRoom) -> None:
    counts = examine(check, room, examples)
    assert counts[True] > 0.9 * counts.total(), "too many workflows have no certain end"


def test_a_store_in_a_file_makes_no_difference(tmp_path: Path) -> None:
    with engine_room() as room:
        assert examine(at_a_store(f"sqlite:///{tmp_path}/model.db?synchronous=normal"), room, 30)[True]


def test_postgresql_makes_no_difference(postgres_url: str) -> None:
    with engine_room() as room:
        assert examine(at_a_store(postgres_url), room, 30)[True]


@pytest.mark.laboratory
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("check", "examples"), SHORT)
def test_a_workflow_drawn_by_chance_ends_the_same(check: Check, examples: int, room: EngineRoom) -> None:
    chance = chosen_seed()
    command = f"{SEED}={chance} pytest -m laboratory tests/model/test_model.py -k {check.__name__}"
    print(f"{check.__name__}: {examples * LONG} workflows of seed {chance}; repeat with {command}")
    try:
        examine(check, room, examples * LONG, chance)
    except BaseException as error:
        error.add_note(f"Repeat with: {command}")
        raise
