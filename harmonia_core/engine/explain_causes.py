"""Causes for which an execution or a task does not go on: their codes, their shape, their order. Pure."""

import re
import shlex
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from harmonia_core.clock import rfc3339

FEW = 5
"""How many tasks a cause names of those that share it."""
APART = 3
"""So many tasks in the same situation are told apart; more are one cause."""

_NUMBER = re.compile(r"\[\d+\]")

Needs = Literal["engine", "person", "outside", "time", "room", "nothing", "other"]
"""What has to happen: to an engine or its store, by a person, from outside, time, room, or nothing at all."""


class Kind(NamedTuple):
    """Say what a code means, and what it needs. `other`: what stands before it in the list has to end."""

    needs: Needs
    meaning: str


CODES: Mapping[str, Kind] = MappingProxyType(
    {
        "store-unavailable": Kind("engine", "The store does not answer; the engine waits for it."),
        "history-damaged": Kind("engine", "The log cannot be read to its end."),
        "owner-dead": Kind("engine", "The engine that drove the execution is gone."),
        "owner-not-answering": Kind("engine", "The engine is alive and has not taken a request in time."),
        "owner-let-go": Kind("engine", "The engine that was asked has let go of the execution."),
        "no-owner": Kind("engine", "Nobody drives the execution; whoever adopts orphans may take it."),
        "adoption-due": Kind("engine", "Nobody drives the execution; this engine takes it at its next look."),
        "plugin-missing": Kind("engine", "A task type that it needs is not installed here."),
        "definition-changed": Kind("engine", "Its definition compiles to another graph here."),
        "successor-not-begun": Kind("engine", "It goes on in another log, which nobody has begun."),
        "child-not-begun": Kind("engine", "The execution that a task started has not begun."),
        "timer-overdue": Kind("engine", "A timer was due, and its engine has not acted on it."),
        "heartbeat-overdue": Kind("engine", "A running attempt is silent for longer than it may be."),
        "paused": Kind("person", "The execution is paused."),
        "paused-by-parent": Kind("person", "The execution whose task it carries out is paused."),
        "attention-lost": Kind("person", "A task that may not run twice lost its process."),
        "attention-lost-repeatedly": Kind("person", "A task lost its process again and again."),
        "attention-failed": Kind("person", "A task has failed, and its policy is to hold."),
        "undo-failed": Kind("person", "What undoes a task has failed."),
        "secret-missing": Kind("person", "A secret that a task needs is not there."),
        "approval-open": Kind("person", "A person has to decide."),
        "event-awaited": Kind("outside", "A message has to come."),
        "attempt-deferred": Kind("outside", "Somebody has to complete a deferred attempt."),
        "timer-running": Kind("time", "A `wait` is not over."),
        "retry-backoff": Kind("time", "An attempt has failed, and the next one waits for its time."),
        "circuit-open": Kind("time", "A host has failed repeatedly and is left alone for a while."),
        "limit-reached": Kind(
            "room", "A limit has no room for it; who holds it, and its place in the queue."
        ),
        "execution-queued": Kind("room", "As many executions of its kind as may run at once are running."),
        "engine-full": Kind("room", "Its engine runs as many attempts as it may at once (`max_running`)."),
        "threads-full": Kind("room", "A plain function waits for a thread of the engine."),
        "attempt-running": Kind("nothing", "An attempt is at work."),
        "attempt-not-stopping": Kind("nothing", "An attempt has been told to stop and has not answered yet."),
        "question-open": Kind("nothing", "An expression over large values is being evaluated."),
        "about-to-go-on": Kind("nothing", "Its next step is being taken."),
        "request-waiting": Kind("nothing", "A request is recorded and is about to be taken."),
        "attempt-orphaned": Kind("other", "An attempt was at work when its process ended."),
        "ended": Kind("other", "Nothing is wrong: it has ended."),
        "cancelling": Kind("other", "The execution is ending early, and something of it is still at work."),
        "compensating": Kind("other", "What was done is being undone."),
        "child-open": Kind("other", "The execution that a task has started has not ended."),
        "window-full": Kind("other", "As many tasks or items as may be at work at once are at work."),
        "dependency-open": Kind("other", "A task that it depends on has not ended."),
        "step-not-reached": Kind("other", "Its sequence stands at another step."),
        "not-begun": Kind("other", "What it lies in has not begun."),
        "deadline-running": Kind("other", "The execution has a deadline."),
    }
)
TROUBLES = frozenset(
    code for code, kind in CODES.items() if kind.needs == "engine" and code not in ("heartbeat-overdue",)
)
_ORDER = {code: number for number, code in enumerate(CODES)}
_RANKS = {need: rank for rank, need in enumerate(Needs.__args__)}  # type: ignore[attr-defined]


class Step(NamedTuple):
    """Name one task on the way from what was asked about to what blocks it."""

    execution: str
    path: str
    status: str


class Cause(NamedTuple):
    """Say why something does not go on.

    path: of the task that is in this situation, empty for the execution. blocking: what it waits for,
    with its kind. since, until: epoch seconds, as far as they are known. help: commands that do
    something about it. chain: from the task that was asked about to this one. paths: the first of
    those in the same situation, of `many`.
    """

    code: str
    path: str
    message: str
    blocking: Mapping[str, Any]
    since: float | None = None
    until: float | None = None
    help: tuple[str, ...] = ()
    execution: str = ""
    chain: tuple[Step, ...] = ()
    paths: tuple[str, ...] = ()
    many: int = 1

    @property
    def needs(self) -> Needs:
        """Return what has to happen."""
        return CODES[self.code].needs


def command(*words: str) -> str:
    """Return a command of `harmonia executions` as a person types it."""
    return shlex.join(("harmonia", "executions", *words))


def ordered(causes: Iterable[Cause]) -> list[Cause]:
    """Return the causes: those that somebody has to do something about first, the oldest of them first."""
    return sorted(causes, key=_rank)


def _rank(cause: Cause) -> tuple[int, int, float]:
    """Return where a cause stands; in a pause a person decides about that first."""
    needs, paused = cause.needs, cause.code in ("paused", "paused-by-parent")
    since = float("inf") if cause.since is None else cause.since
    return _RANKS[needs], _ORDER[cause.code] if needs == "other" else not paused, since


def gathered(causes: Iterable[Cause]) -> list[Cause]:
    """Return the causes with those as one that many tasks of a scope or items of a map share."""
    groups: dict[tuple[str, str, str], list[Cause]] = {}
    for cause in causes:
        groups.setdefault((cause.execution, cause.code, _place(cause.path)), []).append(cause)
    found: list[Cause] = []
    for group in groups.values():
        found += group if len(group) <= APART else [_one(group)]
    return [one._replace(paths=one.paths[:FEW]) for one in found]


def _place(path: str) -> str:
    """Return what tasks have in common that lie side by side: their scope, or their map."""
    general = _NUMBER.sub("[]", path)
    return general if general.endswith("[]") else general.rpartition("/")[0] + "/"


def _one(group: list[Cause]) -> Cause:
    first = min(group, key=lambda one: float("inf") if one.until is None else one.until)
    since = min((one.since for one in group if one.since is not None), default=None)
    rest = [one.path for one in group if one is not first]
    paths = (first.path, *rest[: FEW - 1])
    return first._replace(since=since, paths=paths, many=sum(one.many for one in group))


def cause_view(cause: Cause) -> dict[str, Any]:
    """Return a cause in its public JSON shape."""
    view: dict[str, Any] = {
        "code": cause.code,
        "needs": cause.needs,
        "execution": cause.execution,
        "path": cause.path or None,
        "since": None if cause.since is None else rfc3339(cause.since),
        "until": None if cause.until is None else rfc3339(cause.until),
        "blocking": dict(cause.blocking),
        "message": cause.message,
        "help": list(cause.help),
        "chain": [step._asdict() for step in cause.chain],
    }
    if cause.many > 1:
        view |= {"count": cause.many, "paths": list(cause.paths)}
    return view
