"""Rules about the logs that a store holds in the end. Each yields what breaks it in a history. Pure."""

import json
from collections import Counter
from collections.abc import Iterator

from anomalies import Anomaly
from recorded_history import END_OF_EXECUTION, END_OF_TASK, Execution, History

_LIFTS = frozenset({"ExecutionResumed", "CancelRequested", "ExecutionTerminated"})


def logs_are_whole(history: History) -> Iterator[Anomaly]:
    """A log has no gap and no event twice; what else the store holds is what the log says."""
    for execution in history.executions.values():
        seqs = [event.seq for event in execution.events]
        if seqs != list(range(1, len(seqs) + 1)):
            wrong = next((n for n, seq in enumerate(seqs, 1) if seq != n), len(seqs))
            what = (
                f"the log of {execution.id} counts {seqs[max(0, wrong - 2) : wrong + 2]} around its {wrong}."
            )
            yield Anomaly("logs are whole", what, (), execution.id, (wrong,))
    for problem in history.problems:
        yield Anomaly("the store holds what its logs say", problem)


def ends_are_ends(history: History) -> Iterator[Anomaly]:
    """Nothing follows the end of an execution; a task ends once."""
    for execution in history.executions.values():
        ends = execution.of(*END_OF_EXECUTION)
        last = execution.events[-1].seq if execution.events else 0
        if ends and (len(ends) > 1 or ends[0].seq != last):
            what = f"{execution.id} goes on behind its end, up to {last}"
            yield Anomaly("final states are final", what, (), execution.id, (ends[0].seq, last))
        if ends and END_OF_EXECUTION[ends[-1].type] != execution.status:
            what = f"{execution.id} is {execution.status}, and its log ends with {ends[-1].type}"
            yield Anomaly("final states are final", what, (), execution.id, (ends[-1].seq,))
        over: dict[str, int] = {}
        for event in execution.of(*END_OF_TASK):
            if event.path in over:
                what = f"{event.path} of {execution.id} has ended, and ends again"
                yield Anomaly("final states are final", what, (), execution.id, (over[event.path], event.seq))
            over[event.path] = event.seq


def cancelled_does_not_complete(history: History) -> Iterator[Anomaly]:
    """Behind a request to cancel that was taken there is no success of the whole."""
    for execution in history.executions.values():
        asked = execution.of("CancelRequested")
        done = execution.of("ExecutionCompleted")
        if asked and done and done[-1].seq > asked[0].seq:
            what = f"{execution.id} was being cancelled, and has completed"
            yield Anomaly("cancelled is not completed", what, (), execution.id, (asked[0].seq, done[-1].seq))


def pause_takes_effect(history: History) -> Iterator[Anomaly]:
    """Between a pause and its end no attempt is scheduled."""
    for execution in history.executions.values():
        since: int | None = None
        for event in execution.events:
            if event.type == "ExecutionPaused":
                since = event.seq if since is None else since
            elif event.type in _LIFTS or (event.type == "TimerFired" and not event.path):
                since = None
            elif event.type == "TaskScheduled" and since is not None:
                what = f"{event.path} of {execution.id} was begun in a pause"
                yield Anomaly("a pause takes effect", what, (), execution.id, (since, event.seq))


def limits_hold_in_logs(history: History) -> Iterator[Anomaly]:
    """What is granted of a resource at once is never more than there is; judged by the times in the logs."""
    for name, most in history.limits.items():
        moves: list[tuple[float, int, str, int]] = []
        for execution in history.executions.values():
            moves += [(at, units, execution.id, seq) for at, units, seq in _held(execution, name)]
        held = 0
        for _, units, execution_id, seq in sorted(moves):
            held += units
            if held > most:
                what = f"{held} of {most} {name} are granted at once"
                yield Anomaly("running is within the limit", what, (), execution_id, (seq,))
                break


def _held(execution: Execution, name: str) -> Iterator[tuple[float, int, int]]:
    """Yield when units of a resource are taken and given back: more, then less than nothing."""
    wants: dict[str, int] = {}
    holds: dict[str, int] = {}
    for event in execution.events:
        path, released = event.path, 0
        if event.type == "SlotsRequested":
            key = f"resource:{name}"
            wants[path] = sum(one["units"] for one in event.data["wants"] if one["key"] == key)
            released = holds.pop(path, 0)
        elif event.type == "SlotsGranted":
            holds[path] = wants.get(path, 0)
            if holds[path]:
                yield event.at, holds[path], event.seq
        elif event.type in END_OF_TASK or event.type in ("RetryScheduled", "TaskAttention"):
            released = holds.pop(path, 0)
        elif event.type in END_OF_EXECUTION:
            released = sum(holds.values())
            holds.clear()
        if released:
            yield event.at, -released, event.seq


def children_are_started_once(history: History) -> Iterator[Anomaly]:
    """An attempt of a task has one execution that carries it out."""
    by_attempt: dict[tuple[str, str, int], list[str]] = {}
    for execution in history.executions.values():
        first = execution.first
        if first.get("parent_id"):
            key = first["parent_id"], first["parent_path"], first["parent_attempt"]
            by_attempt.setdefault(key, []).append(execution.id)
    for (parent, path, attempt), ids in by_attempt.items():
        asked = history.executions.get(parent)
        if len(ids) > 1:
            what = (
                f"attempt {attempt} of {path} of {parent} has {len(ids)} children: {', '.join(sorted(ids))}"
            )
            yield Anomaly("children are started once", what, (), parent)
        elif asked and not any(one.data["child_id"] == ids[0] for one in asked.of("ChildRequested")):
            what = f"{ids[0]} was started, and its parent has not asked for it"
            yield Anomaly("children are started once", what, (), parent)


def questions_are_answered_once(history: History) -> Iterator[Anomaly]:
    """An answer that is recorded belongs to one question."""
    for execution in history.executions.values():
        open_: Counter[str] = Counter()
        for event in execution.of("Asked", "Answered"):
            open_[event.data["id"]] += 1 if event.type == "Asked" else -1
            if open_[event.data["id"]] < 0:
                what = f"a question of {execution.id} was answered twice"
                yield Anomaly("questions are answered once", what, (), execution.id, (event.seq,))


def undone_in_reverse(history: History) -> Iterator[Anomaly]:
    """What was done last is undone first."""
    for execution in history.executions.values():
        numbers = {event.path: event.data["number"] for event in execution.of("UndoRecorded")}
        undos = [event for event in execution.of("TaskScheduled") if event.path.endswith("~undo")]
        begun = [event for event in undos if event.data.get("first", True)]
        order = [numbers.get(event.path.removesuffix("~undo"), 0) for event in begun]
        if order != sorted(order, reverse=True):
            what = f"{execution.id} undid {', '.join(event.path for event in begun)} in this order"
            yield Anomaly("undone in reverse order", what, (), execution.id, tuple(one.seq for one in begun))


def secrets_are_not_recorded(history: History) -> Iterator[Anomaly]:
    """No log holds a secret."""
    for execution in history.executions.values():
        for event in execution.events if history.secrets else ():
            text = json.dumps(event.data)
            if any(secret in text for secret in history.secrets):
                what = f"a secret stands in a {event.type} of {execution.id}"
                yield Anomaly("secrets are not recorded", what, (), execution.id, (event.seq,))


def engines_go_on(history: History) -> Iterator[Anomaly]:
    """No engine ends by itself, whatever it meets."""
    for fault in history.faults:
        if fault["fault"] == "crash":
            yield Anomaly("engines go on", f"{fault['engine']} ended at {fault['at']}: {fault['error']}")


RULES = (
    engines_go_on,
    logs_are_whole,
    ends_are_ends,
    cancelled_does_not_complete,
    pause_takes_effect,
    limits_hold_in_logs,
    children_are_started_once,
    questions_are_answered_once,
    undone_in_reverse,
    secrets_are_not_recorded,
)
