"""Rules about what tasks did, as they noted it themselves. Each yields what breaks it in a history. Pure."""

from collections import Counter
from collections.abc import Iterator
from math import inf

from anomalies import Anomaly
from recorded_history import Effect, History


def effects_are_visible(history: History) -> Iterator[Anomaly]:
    """What a task did belongs to an attempt in the log; what was done again has lost its engine before."""
    rule = "effects are visible in the history"
    times = Counter((one.execution, one.path, one.attempt) for one in history.effects)
    for (execution_id, path, attempt), count in times.items():
        execution = history.executions.get(execution_id)
        events = () if execution is None else execution.events
        mine = [one for one in events if one.path == path and one.data.get("attempt") == attempt]
        scheduled = [one for one in mine if one.type == "TaskScheduled"]
        if not scheduled:
            what = f"attempt {attempt} of {path} of {execution_id} was carried out, and is not in the log"
            yield Anomaly(rule, what, (), execution_id)
        elif count > len(scheduled):
            what = (
                f"attempt {attempt} of {path} of {execution_id} ran {count} times, {len(scheduled)} are known"
            )
            yield Anomaly(rule, what, (), execution_id, tuple(one.seq for one in scheduled))
        lost = sum(one.type == "AttemptLost" for one in mine)
        if len(scheduled) > lost + 1:
            what = (
                f"attempt {attempt} of {path} of {execution_id} was scheduled again, and was not lost before"
            )
            yield Anomaly(rule, what, (), execution_id, tuple(one.seq for one in scheduled))


def limits_hold(history: History) -> Iterator[Anomaly]:
    """Of a resource no more is in use at any moment than there is; judged by what tasks noted."""
    for name, most in history.limits.items():
        moves = []
        for one in history.effects:
            units = one.units.get(name, 0)
            if units:
                moves += [(one.begun, units, one), (min(one.ended, _stopped(history, one)), -units, one)]
        used = 0
        # Who ends at the moment at which another begins has ended first.
        for at, units, one in sorted(moves, key=lambda move: move[:2]):
            used += units
            if used > most:
                what = f"{used} of {most} {name} are in use at {at}, with {one.path} of {one.execution}"
                yield Anomaly("running is within the limit", what, (), one.execution)
                break


def _stopped(history: History, effect: Effect) -> float:
    """Return when an execution was terminated, which does not wait for attempts: from then on none counts."""
    ends = [one.invoked for one in history.about(effect.execution) if one.kind == "terminate"]
    return min((max(at, effect.begun) for at in ends), default=inf)


def pause_stops_effects(history: History) -> Iterator[Anomaly]:
    """What was not scheduled when a pause was acknowledged does not begin until somebody wants that."""
    going_on = ("resume", "cancel", "terminate")
    for pause in history.heard("pause"):
        execution = history.executions.get(str(pause.execution))
        mine = (
            [] if execution is None else [e for e in execution.of("ExecutionPaused") if e.actor == pause.id]
        )
        if execution is None or not mine:
            continue
        lifts = [one for one in history.about(execution.id) if one.kind in going_on and one.outcome != "fail"]
        # One that was invoked before may still come behind the pause.
        until = min((one.invoked for one in lifts if one.ended > pause.invoked), default=inf)
        known = {
            (event.path, event.data.get("attempt"))
            for event in execution.of("TaskScheduled") if event.seq < mine[0].seq
        }  # fmt: skip
        for effect in history.effects:
            late = effect.execution == execution.id and pause.ended < effect.begun < until
            if late and (effect.path, effect.attempt) not in known:
                what = f"{effect.path} of {execution.id} began after its pause was acknowledged"
                yield Anomaly("a pause takes effect", what, (pause.id,), execution.id, (mine[0].seq,))


RULES = (effects_are_visible, limits_hold, pause_stops_effects)
