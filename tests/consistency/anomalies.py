"""What is wrong with a history, told so that a person can follow it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from recorded_history import History, Logged, Operation

AROUND = 2
"""Events shown before and behind one that is part of an anomaly."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Say which rule a history breaks, and where.

    operations: ids of those that took part. execution, events: of which log, the seqs that matter.
    """

    rule: str
    what: str
    operations: tuple[str, ...] = ()
    execution: str | None = None
    events: tuple[int, ...] = ()


def report(history: History, anomalies: Iterable[Anomaly]) -> str:
    """Return a text for people: each anomaly with its operations and its part of the log."""
    return "\n\n".join("\n".join(_told(number, history, one)) for number, one in enumerate(anomalies, 1))


def _told(number: int, history: History, anomaly: Anomaly) -> Iterator[str]:
    yield f"{number}. {anomaly.rule}: {anomaly.what}"
    named = [one for one in history.operations if one.id in anomaly.operations]
    for operation in sorted(named, key=lambda one: one.invoked):
        yield f"   {_line(operation)}"
    execution = history.executions.get(anomaly.execution or "")
    if execution is None:
        return
    yield f"   log of {execution.id} ({execution.workflow}, {execution.status}):"
    wanted = {seq + step for seq in anomaly.events for step in range(-AROUND, AROUND + 1)}
    shown = [event for event in execution.events if event.seq in wanted] or execution.events[-2 * AROUND :]
    for event in shown:
        yield f"   {'>' if event.seq in anomaly.events else ' '} {_event(event)}"


def _line(one: Operation) -> str:
    ended = f"{one.ended:.6f}".rstrip("0").rstrip(".")
    begun = f"{one.invoked:.6f}".rstrip("0").rstrip(".")
    value = "" if one.value is None else f" -> {_short(one.value)}"
    return (
        f"{begun} .. {ended} {one.client} {one.id} {one.kind} {_short(dict(one.args))} {one.outcome}{value}"
    )


def _event(event: Logged) -> str:
    who = f" by {event.actor}" if event.actor else ""
    return f"{event.seq:>5} {event.type} {event.path}{who}".rstrip()


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 160 else f"{text[:157]}..."
