"""Two engines on one store: each drives its own, and whoever is left takes over what the other had."""

import signal
from collections import Counter

from programs import Place, Program, until

STORES = ("sqlite", "postgresql")

COUNT = 25
SOON = 5.0


def started(place: Place, count: int) -> Program:
    """Start an engine that starts so many executions."""
    return place.script("sharing.py", count)


def let_go_on(place: Place) -> None:
    """Let the executions get beyond their second task; until then each of them is in flight."""
    (place.folder / "gate").touch()


def said(program: Program, word: str) -> list[str]:
    return [line.split()[1] for line in program.stdout.splitlines() if line.startswith(f"{word} ")]


def ready(program: Program) -> None:
    def told() -> bool:
        assert program.process.poll() is None, program.stderr
        return "ready" in program.stdout

    until(told, 30, "for an engine to be ready")


def owners(place: Place) -> Counter[str]:
    return Counter(owner for (owner,) in place.rows("SELECT owner FROM execution WHERE ended_at IS NULL"))


def check(place: Place, ids: set[str]) -> None:
    """Nothing is lost, nothing ended twice, no log has a gap."""
    rows = place.rows("SELECT execution_id, status, seq FROM execution")
    assert {key for key, _, _ in rows} == ids
    assert {status for _, status, _ in rows} == {"completed"}
    ends = Counter(place.rows("SELECT execution_id, data FROM event WHERE type = 'TaskSucceeded'"))
    assert set(ends.values()) == {1} and len(ends) == 8 * len(ids)
    log = place.rows("SELECT execution_id, count(*), min(seq), max(seq) FROM event GROUP BY execution_id")
    seqs = {key: seq for key, _, seq in rows}
    assert all((count, first, last) == (seqs[key], 1, seqs[key]) for key, count, first, last in log)


def test_the_engine_that_is_left_adopts_everything_within_seconds(place: Place) -> None:
    first, second = started(place, COUNT), started(place, COUNT)
    for program in (first, second):
        ready(program)
    ids = {*said(first, "started"), *said(second, "started")}
    [gone], [left] = said(first, "engine"), said(second, "engine")
    shared = owners(place)
    assert len(ids) == 2 * COUNT and shared[gone] > 0 and shared[left] > 0, (shared, first.stderr)
    first.send(signal.SIGKILL)
    first.ended()
    until(lambda: not owners(place)[gone], SOON, "for the orphans to be adopted")
    let_go_on(place)
    until(lambda: not owners(place), 30, "for all executions to end")
    check(place, ids)
    adopted = place.rows("SELECT execution_id FROM event WHERE type = 'ExecutionAdopted'")
    assert {key for (key,) in adopted} <= set(said(first, "started")) and adopted
    second.send(signal.SIGTERM)
    assert second.ended() == 0, second.stderr
    assert "Traceback" not in second.stderr


def test_three_engines_do_not_fight_over_the_orphans(place: Place) -> None:
    programs = [started(place, count) for count in (COUNT, 0, 0)]
    for program in programs:
        ready(program)
    programs[0].send(signal.SIGKILL)
    programs[0].ended()
    let_go_on(place)
    until(lambda: not owners(place), 40, "for all executions to end")
    check(place, set(said(programs[0], "started")))
    adopted = Counter(place.rows("SELECT execution_id FROM event WHERE type = 'ExecutionAdopted'"))
    assert set(adopted.values()) == {1}
