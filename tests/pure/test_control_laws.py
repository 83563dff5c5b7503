"""The laws of steering, on drawn lives that are paused, resumed, skipped in and terminated.

Whatever happens: while it is paused nothing begins, held timers have what they had left, a pause
changes nothing about what a life comes to, and what has ended stays as it ended.
"""

from random import Random

from building import EXECUTION
from checking import agree
from hypothesis import given, settings
from hypothesis import strategies as st
from test_laws import FREE, Life
from test_undo_laws import UndoLife

from harmonia_core.engine.actions import allowed_actions, refused
from harmonia_core.engine.arrivals import Arrival, Due
from harmonia_core.engine.control_folds import is_held
from harmonia_core.engine.decide import decide
from harmonia_core.engine.evolve import fold
from harmonia_core.engine.walks import begun
from harmonia_core.model import events as e
from harmonia_core.model.commands import Ask, RecordUndo
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

NEW = (e.TaskScheduled, e.TimerSet, e.ChildRequested, e.MessageTaken, e.MessageAwaited, e.MessageEmitted,
       e.ApprovalRequested, e.StepEntered, e.CompensationBegun)  # fmt: skip


class SteeredLife(UndoLife):
    """A life that people steer."""

    def happening(self) -> list[Arrival]:
        if self.random.random() < 0.75:
            return super().happening()
        return [self._steering(self.random)]

    def _steering(self, random: Random) -> Arrival:
        kind = random.choice(["pause", "pause", "resume", "resume", "skip", "skip", "priority", "terminate"])
        if kind == "terminate" and random.random() < 0.9:
            kind = "resume"
        by = {"by": "parent"} if random.random() < 0.2 else {}
        if kind == "pause":
            return self.requested(kind, timers=random.choice(["run", "hold"]), reason="maintenance", **by)
        if kind == "skip":
            paths = [path for path, _ in self.begun()] + ["t2", "t5"]
            output = {"output": {"given": 1}} if random.random() < 0.5 else {}
            return self.requested(kind, path=random.choice(paths), **output)
        return self.requested(kind, priority=random.randint(-120, 120), **by)

    def arrive(self, *arrivals: Arrival, only_record: bool = False) -> list[e.Event]:
        was, self.now = self.state, self.now + 1.0
        found = super().arrive(*arrivals, only_record=only_record)
        if was.status is ExecutionStatus.PAUSED and not any(isinstance(one, _LIFTS) for one in found):
            assert not any(isinstance(event, NEW) for event in found), "nothing begins in a pause"
        return found

    def check(self) -> None:
        super().check()
        if self.state.status is ExecutionStatus.PAUSED:
            said = decide(self.graph, self.state)
            assert all(isinstance(command, Ask | RecordUndo) for command in said), said
            assert not said or self.state.undo.owed

    def interrupt(self) -> None:
        super().interrupt()
        if self.final:
            self.flying.clear()

    def remaining(self) -> list[Arrival]:
        if self.state.status is ExecutionStatus.PAUSED:
            return [self.requested("resume")]
        return super().remaining()


_LIFTS = (e.ExecutionResumed, e.CancelRequested, e.TimerFired)


def left(state: ExecutionState, now: float) -> dict[tuple[str, str], float]:
    """Return how much time is left of what can be held, by path."""
    found = {}
    for path, task in begun(state.graph, state):
        if task.due is not None and is_held(task):
            found[path, "due"] = round(task.due - now, 6)
        if task.total_deadline is not None:
            found[path, "total"] = round(task.total_deadline - now, 6)
    return found


@settings(max_examples=60, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 40))
def test_every_steered_life_obeys_the_laws_and_ends(random: Random, steps: int) -> None:
    life = SteeredLife(random)
    life.check()
    life.live(steps)
    life.finish()
    assert fold(life.graph, EXECUTION, life.log) == life.state
    rest = life.state
    for kind in ("pause", "resume", "terminate", "skip", "set", "priority", "cancel", "undo"):
        assert life.request(kind, path="t0", values={}, priority=1) == []
    assert life.state == rest, "what is final never changes"


@settings(max_examples=30, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 20), st.floats(0.5, 1000))
def test_held_timers_have_what_they_had_left(random: Random, steps: int, seconds: float) -> None:
    life = Life(random)
    life.live(steps)
    if refused(life.state, "pause") is not None:
        return
    before, then = left(life.state, life.now), life.now
    timers = [key for key in life.timers if key[1] not in ("attempt", "deadline")]
    life.request("pause", timers="hold")
    assert {kind for _, kind in life.timers} <= {"attempt", "deadline"}
    life.now = then + seconds
    for path, kind in timers:
        assert life.arrive(Due(path, kind, 0.0)) == []
    still = left(life.state, then)
    life.arrive(life.requested("resume"), only_record=True)
    assert left(life.state, life.now) == still == before
    agree(life.state)


@settings(max_examples=20, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 20))
def test_every_life_ends_at_once_when_it_is_terminated(random: Random, steps: int) -> None:
    life = SteeredLife(random)
    life.live(steps)
    if life.final:
        return
    found = life.request("terminate", reason="it hangs")
    assert isinstance(found[-1], e.ExecutionTerminated) and life.state.reason == "it hangs"
    assert life.state.status is ExecutionStatus.TERMINATED and life.state.ended_at == life.now
    assert not life.begun() and not life.timers and decide(life.graph, life.state) == []


@settings(max_examples=30, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 25))
def test_what_is_refused_does_nothing_and_what_is_allowed_does_something(random: Random, steps: int) -> None:
    """One source of truth: the actions that are shown are those that requests are judged by."""
    life = SteeredLife(random)
    life.live(steps)
    paths = [path for path, _ in begun(life.graph, life.state)] + ["t0", "t0[0]", "none", "t1~undo"]
    allowed = allowed_actions(life.state, paths)
    for action in ("pause", "resume", "cancel", "undo", "terminate"):
        works(life, allowed["execution"][action], action)
    for path in paths:
        for action in ("retry", "skip", "fail", "done"):
            works(life, allowed["tasks"][path][action], action, path=path)


def works(life: Life, rule: dict[str, object], kind: str, **body: str) -> None:
    """Try a request on the state as it is, and compare what comes of it with what was said."""
    from harmonia_core.engine.request_kinds import Wish, from_request

    events = list(from_request(life.state, kind, Wish(body, life.now)))
    assert bool(events) is rule["allowed"], (kind, body, rule, life.state.status)
    assert (rule["code"] is None) is rule["allowed"] and (rule["reason"] is None) is rule["allowed"]
    assert not events or life.state.status not in FINAL_EXECUTION
