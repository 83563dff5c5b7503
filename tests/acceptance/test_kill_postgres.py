"""The kill test where the database goes away as well: between kills, and under running processes."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_place import PostgresPlace
from programs import Place, until
from test_kill import check, define, ends, kill_at

from harmonia_sql.testing.cluster import Cluster

KILLS, RESTARTS = 5, 5
MODES = ("fast", "immediate")


@pytest.fixture
def restarting(postgres_server: Cluster, tmp_path: Path) -> Iterator[Place]:
    """Return a place whose server the test may stop."""
    place = PostgresPlace(tmp_path, server=postgres_server.create_database())
    yield place
    place.end()


def kill_and_restart(place: Place, server: Cluster, seed: int, kills: int, restarts: int) -> None:
    """Kill processes and restart their server at drawn moments, each at least one task apart."""
    draws = random.Random(seed)
    file, paths = define(place)
    moments = sorted(draws.sample(range(1, len(paths) - 5), kills + restarts))
    kinds = ["kill"] * kills + ["restart"] * restarts
    draws.shuffle(kinds)
    logs, pids, program = [], [], place.start("run", file)
    for moment, kind in zip(moments, kinds, strict=True):
        if kind == "restart":
            before = len(ends(place))
            until(lambda before=before: len(ends(place)) > before, about="for a task to end")
            server.restart(draws.choice(MODES))
            assert program.process.poll() is None, program.stderr
            continue
        pids.append(program.process.pid)
        logs.append(kill_at(place, program, max(moment, len(place.marks()) + 1)))
        if draws.random() < 0.5:
            server.restart(draws.choice(MODES))
        program = place.start("recover")
    pids.append(program.process.pid)
    assert program.ended(40) == 0, program.stderr
    check(place, paths, logs, pids)


@pytest.mark.timeout(240)
def test_processes_and_database_go_down_in_turn(restarting: Place, postgres_server: Cluster) -> None:
    kill_and_restart(restarting, postgres_server, seed=3, kills=KILLS, restarts=RESTARTS)


@pytest.mark.timeout(120)
def test_a_run_outlives_its_database_and_says_so(restarting: Place, postgres_server: Cluster) -> None:
    file, paths = define(restarting)
    program = restarting.start("run", file)
    until(lambda: len(ends(restarting)) > 20, about="for some tasks")
    postgres_server.stop("immediate")
    until(lambda: "Trying again" in program.stderr, about="for the outage to be reported")
    postgres_server.start()
    assert program.ended(60) == 0, program.stderr
    assert "The store answers again after" in program.stderr and "Traceback" not in program.stderr
    check(restarting, paths, [], [program.process.pid])


@pytest.mark.timeout(120)
def test_a_database_that_stays_away_ends_the_run_and_loses_nothing(
    restarting: Place, postgres_server: Cluster
) -> None:
    restarting.environment["HARMONIA_STORE_PATIENCE"] = "1"
    file, paths = define(restarting)
    program = restarting.start("run", file)
    until(lambda: len(ends(restarting)) > 20, about="for some tasks")
    postgres_server.stop("immediate")
    assert program.ended(30) == 4, program.stderr
    assert "[store-unavailable]" in program.stderr and postgres_server.password not in program.stderr
    assert "Traceback" not in program.stderr and "harmonia recover" in program.stderr
    postgres_server.start()
    log, first = restarting.events(), program.process.pid
    again = restarting.start("recover")
    assert again.ended(60) == 0, again.stderr
    events = restarting.events()
    assert events[: len(log)] == log
    ended = [data["path"] for _, kind, data in events if kind == "TaskSucceeded"]
    assert sorted(ended) == sorted(paths)
    assert {mark.pid for mark in restarting.marks()} == {first, again.process.pid}


@pytest.mark.laboratory
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(5))
def test_other_moments_and_orders(restarting: Place, postgres_server: Cluster, seed: int) -> None:
    kill_and_restart(restarting, postgres_server, seed, kills=25, restarts=25)
