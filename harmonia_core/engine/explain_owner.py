"""Why an execution does not go on although its state would: who drives it, and whether they do. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from harmonia_core.clock import rfc3339
from harmonia_core.contracts.rows import EngineRow, ExecutionRow, RequestRow, TimerRow
from harmonia_core.engine.explain_causes import FEW, Cause

OVERDUE = 30.0
"""Seconds behind a timer's time after which its engine counts as one that does not act."""


class Drive(NamedTuple):
    """Hold what is known of who drives an execution.

    engine: the owner's own row, if there is one. alive: it shows its sign of life. here: this very engine
    drives it. heard: when the owner last did something that is recorded. others: engines alive beside it.
    adopts: seconds between two looks of this engine for orphans, if it looks. idle: only a person can go on.
    """

    row: ExecutionRow
    engine: EngineRow | None
    alive: bool
    here: bool
    heard: float | None
    others: int
    adopts: float | None
    idle: bool

    @property
    def owner(self) -> dict[str, Any]:
        """Return who drives it, as it is shown."""
        engine = self.engine
        return {
            "kind": "engine",
            "id": self.row.owner,
            "pid": None if engine is None else engine.pid,
            "host": None if engine is None else engine.host,
        }

    @property
    def place(self) -> str:
        """Return who drives it, in words."""
        engine = self.engine
        return f"engine {self.row.owner}" + (f" (pid {engine.pid} on {engine.host})" if engine else "")


def abandoned(drive: Drive, now: float) -> list[Cause]:
    """Return that nobody drives an execution, if nobody does and somebody should."""
    row = drive.row
    if drive.here or drive.alive or drive.idle:
        return []
    facts = {**drive.owner, "others_alive": drive.others}
    recover = ("harmonia recover",)
    if drive.adopts is not None:
        text = f"Nobody drives it; this engine looks for such executions every {drive.adopts:g} s."
        return [_cause("adoption-due", row, text, facts, drive.heard, now + 2 * drive.adopts)]
    taker = _takers(drive.others)
    if row.owner is None:
        text = f"Nobody drives it: it was left to be adopted.{taker}"
        return [_cause("no-owner", row, text, facts, drive.heard, None, recover)]
    text = f"The process of {drive.place} is gone; it was last heard of then.{taker}"
    return [_cause("owner-dead", row, text, facts, drive.heard, None, recover)]


def _takers(others: int) -> str:
    if not others:
        return " No other engine is alive at this store."
    are = "engine is" if others == 1 else "engines are"
    return f" {others} other {are} alive at this store; one that adopts takes it."


def _cause(
    code: str,
    row: ExecutionRow,
    text: str,
    blocking: dict[str, Any],
    since: float | None,
    until: float | None = None,
    help: tuple[str, ...] = (),
) -> Cause:
    return Cause(code, "", text, blocking, since, until, help, row.execution_id)


def unanswered(drive: Drive, requests: Sequence[RequestRow], now: float, patience: float) -> list[Cause]:
    """Return that requests wait: for a moment, or for an owner that does not answer. patience: seconds."""
    if not requests or not (drive.alive or drive.here):
        return []
    row, first = drive.row, min(requests, key=lambda one: one.created_at)
    kinds = sorted({one.kind for one in requests})
    facts = {**drive.owner, "requests": len(requests), "kinds": kinds[:FEW], "first": first.request_id}
    what = (
        f"request ({first.kind})"
        if len(requests) == 1
        else f"{len(requests)} requests (the first: {first.kind})"
    )
    if drive.here or now - first.created_at <= patience:
        text = f"A {what} is recorded, and its engine is about to take it."
        text = text if len(requests) == 1 else f"{what} are recorded, and its engine is about to take them."
        return [_cause("request-waiting", row, text, facts, first.created_at)]
    text = f"The {what} has not been taken by {drive.place}, which is alive: it may be stopped, or hang."
    return [_cause("owner-not-answering", row, text, facts, first.created_at, None, _take_over(row))]


def _take_over(row: ExecutionRow) -> tuple[str, ...]:
    return (f"harmonia recover --take-over {row.execution_id}",)


def overdue(drive: Drive, timers: Sequence[TimerRow], now: float) -> list[Cause]:
    """Return that the owner lets a timer pass, if it is alive elsewhere and does."""
    late = [one for one in timers if now - one.due > OVERDUE]
    if not late or drive.here or not drive.alive or drive.row.status == "paused":
        return []
    first = min(late, key=lambda one: one.due)
    facts = {
        **drive.owner,
        "timer": {"kind": first.kind, "path": first.path or None, "due": rfc3339(first.due)},
    }
    of = f" of {first.path}" if first.path else ""
    text = f"A timer{of} ({first.kind}) was due then, and {drive.place} has not acted on it."
    cause = _cause("timer-overdue", drive.row, text, facts, first.due, None, _take_over(drive.row))
    return [cause._replace(path=first.path)]


def unread(row: ExecutionRow, said: str) -> Cause:
    """Return that the log of an execution cannot be read."""
    help = (f"harmonia db check {row.execution_id}",)
    return _cause("history-damaged", row, said, {"kind": "log", "id": row.execution_id}, None, None, help)


def unrunnable(row: ExecutionRow, code: str, said: str, differs: Sequence[str]) -> Cause:
    """Return that nobody with these plugins can adopt an execution."""
    facts = {"kind": "plugins", "reason": said, "distributions": list(differs)}
    text = f"It cannot be adopted with the plugins that are installed here: {said}"
    help = ("harmonia plugins", "harmonia recover")
    return _cause(code, row, text if text.endswith(".") else f"{text}.", facts, None, None, help)


def ended_elsewhere(row: ExecutionRow, successor: str) -> Cause:
    """Return that the log in which an execution goes on has not been begun."""
    text = f"It goes on as execution {successor}, which nobody has begun: its engine has died in between."
    facts = {"kind": "execution", "id": successor}
    return _cause("successor-not-begun", row, text, facts, row.ended_at, None, ("harmonia recover",))


def silent(cause: Cause, beaten: float | None, now: float, lag: float) -> Cause:
    """Return a running attempt with its last sign of life; overdue if that is too long ago."""
    limit = cause.blocking.get("heartbeat_timeout")
    facts = {**cause.blocking, "last_heartbeat": None if beaten is None else rfc3339(beaten)}
    last = beaten if beaten is not None else cause.since
    if limit is None or last is None or now - last <= limit + lag:
        return cause._replace(blocking=facts)
    text = f"It has shown no sign of life since then, and is to show one every {limit:g} s."
    return cause._replace(code="heartbeat-overdue", message=text, blocking=facts, since=last)


def orphaned(cause: Cause) -> list[Cause]:
    """Return what a cause becomes in an execution that nobody drives: nothing of it is at work."""
    if cause.needs != "nothing" and cause.code != "heartbeat-overdue":
        return [cause]
    if not cause.code.startswith(("attempt-", "heartbeat-")):
        return []
    text = "It was at work when its process ended; who adopts the execution judges what becomes of it."
    return [cause._replace(code="attempt-orphaned", message=text, until=None, help=())]
