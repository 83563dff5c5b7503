"""A process that was stopped, taken over elsewhere, and wakes up: fenced out, whatever it does first."""

import signal

import pytest
from programs import Place, Program, task

STORES = ("sqlite", "postgresql")


def taken_over(place: Place) -> tuple[str, Program]:
    """Run `first` and `held`, stop the process in `held`, complete the execution from another one."""
    file = place.define(
        {"first": task("mark"), "held": task("hold", ["first"]), "last": task("mark", ["held"])}
    )
    zombie = place.start("run", file)
    place.begun("held", zombie)
    place.freeze(zombie)
    execution_id = place.execution()
    rescuer = place.start("recover", "--take-over", execution_id)
    place.begun("held", rescuer)
    place.let_through(rescuer)
    assert rescuer.ended() == 0, rescuer.stderr
    return execution_id, zombie


def check(place: Place, execution_id: str, zombie: Program) -> None:
    """The zombie says what has happened and has written nothing since it was stopped."""
    before = place.events()
    assert before[-1][1] == "ExecutionCompleted"
    zombie.send(signal.SIGCONT)
    assert zombie.ended(8) == 5, zombie.stderr
    assert f"Execution {execution_id} was taken over by another engine" in zombie.stderr
    assert "Traceback" not in zombie.stderr
    assert place.events() == before
    view = place.show(execution_id)
    assert (view["status"], view["owner"]) == ("completed", None)
    assert [path for _, kind, data in before if kind == "TaskSucceeded" for path in [data["path"]]] == [
        "first", "held", "last",
    ]  # fmt: skip


def test_an_idle_zombie_is_fenced_out_soon_and_stops_its_attempts(place: Place) -> None:
    execution_id, zombie = taken_over(place)
    check(place, execution_id, zombie)
    assert place.stopped() == [["held", str(zombie.process.pid)]]


def test_a_zombie_with_a_result_is_fenced_out(place: Place) -> None:
    execution_id, zombie = taken_over(place)
    place.let_through(zombie)
    check(place, execution_id, zombie)


@pytest.mark.parametrize("ends", ["alone", "killed"])
def test_a_taken_over_execution_is_the_takers(place: Place, ends: str) -> None:
    """While the taker is at work, the zombie wakes and ends; the taker goes on, or another after it."""
    file = place.define({"held": task("hold")})
    zombie = place.start("run", file)
    place.begun("held", zombie)
    place.freeze(zombie)
    taker = place.start("recover", "--take-over", place.execution())
    place.begun("held", taker)
    zombie.send(signal.SIGCONT)
    assert zombie.ended(8) == 5, zombie.stderr
    if ends == "killed":
        taker.send(signal.SIGKILL)
        taker.ended()
        taker = place.start("recover")
        place.begun("held", taker)
    place.let_through(taker)
    assert taker.ended() == 0, taker.stderr
    assert [kind for _, kind, _ in place.events()].count("TaskSucceeded") == 1
