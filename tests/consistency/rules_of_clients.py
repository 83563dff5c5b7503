"""Rules about what clients were told. Each takes a history and yields what breaks it. Pure."""

from collections.abc import Iterator, Sequence

from anomalies import Anomaly
from recorded_history import FINAL, Execution, History, Operation

# What the log of an execution keeps of a request that it refused is no effect of that request.
REFUSALS = frozenset({"DecisionRefused", "MessageRefused", "LateResultRefused"})
EVENT_OF = {
    "pause": "ExecutionPaused",
    "resume": "ExecutionResumed",
    "terminate": "ExecutionTerminated",
    "approve": "ApprovalDecided",
    "rerun": "ExecutionForked",
    "start": "ExecutionStarted",
}


def one_execution_per_key(history: History) -> Iterator[Anomaly]:
    """A key stands for one request: the same again finds its execution, another is refused."""
    by_key: dict[tuple[str, str], list[Operation]] = {}
    for start in history.operations:
        if start.kind == "start" and start.args.get("key"):
            by_key.setdefault((start.args["workflow"], start.args["key"]), []).append(start)
    for (workflow, key), starts in by_key.items():
        heard = [one for one in starts if one.outcome == "ok"]
        ids = sorted({str(one.execution) for one in heard})
        inputs = {repr(one.args["input"]) for one in heard}
        named = tuple(one.id for one in heard)
        if len(ids) > 1 or len(inputs) > 1:
            what = f"key {key!r} of {workflow} was accepted for {len(inputs)} requests as {', '.join(ids)}"
            yield Anomaly("one execution per key", what, named)
        marked = [
            one.id for one in history.executions.values()
            if one.labels.get("key") == f"{workflow} {key}" and one.of("ExecutionStarted")
        ]  # fmt: skip
        if len(marked) > 1:
            what = f"key {key!r} of {workflow} has {len(marked)} executions: {', '.join(sorted(marked))}"
            yield Anomaly("one execution per key", what, tuple(one.id for one in starts), marked[0])


def final_is_final(history: History) -> Iterator[Anomaly]:
    """Who has read a final state, or has been told of one, is never followed by who reads another."""
    for execution_id, reads in _reads(history).items():
        seen: Operation | None = None
        for read in reads:
            before = seen is not None and seen.ended < read.invoked
            if seen is not None and before and _end(read) != _end(seen):
                what = f"{execution_id} was {_status(seen)}, later {_status(read)}, or its output changed"
                yield Anomaly("final states are final", what, (seen.id, read.id), execution_id)
            if seen is None and _status(read) in FINAL:
                seen = read
        last = history.executions.get(execution_id)
        if seen is not None and last is not None and last.status not in (_status(seen), "continued"):
            what = f"{execution_id} was {_status(seen)}, and the store holds {last.status} in the end"
            yield Anomaly("final states are final", what, (seen.id,), execution_id)


def reads_are_monotonic(history: History) -> Iterator[Anomaly]:
    """Whoever reads after another has read sees at least as much of the log."""
    for execution_id, reads in _reads(history).items():
        for number, read in enumerate(reads):
            older = [one for one in reads[:number] if one.ended < read.invoked]
            most = max(older, key=lambda one: int(one.value["seq"]), default=None)
            if most is not None and most.value["seq"] > read.value["seq"]:
                whose = "the same client" if most.client == read.client else "another client"
                what = (
                    f"{execution_id} stood at {most.value['seq']} for {whose}, later at {read.value['seq']}"
                )
                yield Anomaly("reads are monotonic", what, (most.id, read.id), execution_id)


def failed_has_no_effect(history: History) -> Iterator[Anomaly]:
    """What was refused has left nothing behind."""
    by_actor = _caused(history)
    for one in history.operations:
        for execution, seqs in by_actor.get(one.id, ()) if one.outcome == "fail" else ():
            what = f"{one.kind} {one.id} failed ({one.value}), but left events in {execution.id}"
            yield Anomaly("a failed operation has no effect", what, (one.id,), execution.id, tuple(seqs))


def accepted_is_recorded(history: History) -> Iterator[Anomaly]:
    """What was acknowledged is in a log; what is unknown is there whole or not at all; nothing twice."""
    by_actor = _caused(history)
    for one in history.operations:
        wanted, found = EVENT_OF.get(one.kind), by_actor.get(one.id, [])
        if wanted is None:
            continue
        # What it asks of children bears the same name, in their logs.
        mine = one.execution if one.kind in ("pause", "resume", "terminate", "approve") else None
        own = [
            (each, _seqs(each, one.id, wanted)) for each, _ in found
            if (each.parent is None if mine is None else each.id == mine)
        ]  # fmt: skip
        times = [seqs for _, seqs in own if seqs]
        changed = not isinstance(one.value, dict) or one.value.get("changed", True)
        if one.outcome == "ok" and changed and not times:
            what = f"{one.kind} {one.id} was acknowledged, but no {wanted} says so"
            yield Anomaly("what is acknowledged is recorded", what, (one.id,), one.execution)
        elif found and not times:
            what = f"{one.kind} {one.id} has happened in part: no {wanted}"
            yield Anomaly("an operation happens whole or not at all", what, (one.id,), found[0][0].id)
        elif sum(map(len, times)) > 1:
            what = f"{one.kind} {one.id} has happened {sum(map(len, times))} times"
            yield Anomaly("an operation happens once", what, (one.id,), own[0][0].id, times[0])


def _seqs(execution: Execution, actor: str, wanted: str) -> tuple[int, ...]:
    return tuple(event.seq for event in execution.of(wanted) if event.actor == actor)


def no_message_is_lost(history: History) -> Iterator[Anomaly]:
    """A message that was acknowledged was received once; it was taken, is pending, or says why not."""
    rule = "no accepted message is lost"
    received: dict[tuple[str, str], list[int]] = {}
    taken: dict[tuple[str, str], list[int]] = {}
    for execution in history.executions.values():
        for event in execution.of("MessageReceived", "MessageRefused"):
            received.setdefault((execution.id, event.data["message_id"]), []).append(event.seq)
        for event in execution.of("MessageTaken"):
            for message_id in event.data["message_ids"]:
                taken.setdefault((execution.id, message_id), []).append(event.seq)
    for one in history.heard("signal"):
        place = str(one.execution), str(one.args["message_id"])
        execution = history.executions.get(place[0])
        # Of one that was stopped from outside, what came in its last moment may be gone with it.
        stopped = execution is not None and execution.status in FINAL - {"completed"}
        if place not in received and place not in history.pending and not stopped:
            yield Anomaly(
                rule, f"message {place[1]} was acknowledged, but never received", (one.id,), place[0]
            )
    for place, seqs in {**received, **taken}.items():
        inherited = bool(history.executions[place[0]].of("ExecutionForked"))
        unknown = place in taken and place not in received and not inherited
        if len(taken.get(place, ())) > 1 or unknown:
            what = f"message {place[1]} was received at {received.get(place)}, taken at {taken.get(place)}"
            yield Anomaly(rule, what, (), place[0], tuple(seqs))


def accepted_executions_end(history: History) -> Iterator[Anomaly]:
    """Every execution that was accepted, and every one that there is, has ended when all is over."""
    rule = "every accepted execution ends"
    known = {*history.executions}
    for one in (*history.heard("start"), *history.heard("rerun")):
        if one.execution not in known:
            yield Anomaly(rule, f"{one.execution} was accepted, and is not in the store", (one.id,))
    for execution in history.executions.values():
        if execution.status not in FINAL | {"continued"}:
            starts = tuple(
                one.id for one in history.operations if one.value and one.execution == execution.id
            )
            what = f"{execution.id} ({execution.workflow}) is {execution.status} in the end"
            yield Anomaly(rule, what, starts[:1], execution.id)


def _reads(history: History) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = {}
    for read in sorted(history.heard("read"), key=lambda one: one.invoked):
        found.setdefault(str(read.value["id"]), []).append(read)
    return found


def _status(read: Operation) -> str:
    return str(read.value["status"])


def _end(read: Operation) -> tuple[str, str]:
    return _status(read), repr(read.value.get("output"))


def _caused(history: History) -> dict[str, list[tuple[Execution, Sequence[int]]]]:
    """Return, by operation, the logs in which it has left events, and which."""
    found: dict[str, dict[str, list[int]]] = {}
    for execution in history.executions.values():
        for event in execution.events:
            if event.actor is not None and event.type not in REFUSALS:
                found.setdefault(event.actor, {}).setdefault(execution.id, []).append(event.seq)
    return {
        actor: [(history.executions[key], seqs) for key, seqs in places.items()]
        for actor, places in found.items()
    }


RULES = (
    one_execution_per_key,
    final_is_final,
    reads_are_monotonic,
    failed_has_no_effect,
    accepted_is_recorded,
    no_message_is_lost,
    accepted_executions_end,
)
