"""Why something waits under a limit: which one, who holds it, and the place in its queue. Pure."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harmonia_core.engine.explain_causes import FEW, Cause, command
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.slots import Claim
from harmonia_core.model.state import ExecutionState, TaskState

Row = Mapping[str, Any]


def limited(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    """Return that a task waits for room under its limits."""
    return _cause("limit-reached", path, state.slots.claims.get(path))


def queued(state: ExecutionState, causes: Iterable[Cause]) -> list[Cause]:
    """Return the causes of an execution that waits for its turn: nothing of it has begun."""
    claim = state.slots.claims.get("")
    known = list(causes)
    if claim is None or claim.granted:
        return known
    held = tuple(path for one in known if one.code == "about-to-go-on" for path in one.paths)
    rest = (one for one in known if one.code != "about-to-go-on")
    return [_cause("execution-queued", "", claim)._replace(paths=held), *rest]


def _cause(code: str, path: str, claim: Claim | None) -> Cause:
    keys = [] if claim is None else [want.key for want in claim.wants]
    blocking = {"kind": "limit", "key": keys[0] if keys else None, "keys": keys}
    text = f"There is no room under {' and '.join(keys) or 'its limits'}."
    since = None if claim is None else claim.since
    return Cause(code, path, text, blocking, since, None, tuple(map(_show, keys)), paths=(path,))


def _show(key: str) -> str:
    kind, _, name = key.partition(":")
    return shlex.join(["harmonia", "limits", "show", kind, *([name] if name else [])])


def with_queue(cause: Cause, rows: Sequence[Row]) -> Cause:
    """Return a cause with what the store knows of its limits: how much is held, by whom, and its place."""
    waiting = [row for row in rows if row["place"] is not None]
    if not waiting:
        return cause
    first = max(waiting, key=_fullness)
    holders = [
        {"execution": one["execution_id"], "path": one["path"] or None, "since": one["since"]}
        for one in first["holders"]
    ]
    blocking = {
        **cause.blocking,
        "key": first["key"],
        "max": first["max"],
        "rate": first["rate"],
        "held": first["held"],
        "waiting": first["waiting"],
        "place": first["place"],
        "holders": holders[:FEW],
    }
    others = dict.fromkeys(one["execution"] for one in holders if one["execution"] != cause.execution)
    help = (*cause.help, *(command("explain", one) for one in [*others][:2]))
    text = f"{_room(first)}; it is number {first['place']} of {first['waiting']} that wait."
    return cause._replace(message=text, blocking=blocking, help=help)


def _fullness(row: Row) -> tuple[bool, int]:
    """Return how sure it is that a limit is what is in the way."""
    full = row["max"] is not None and row["held"] + row["units"] > row["max"]
    return full or row["rate"] is not None, row["place"]


def _room(row: Row) -> str:
    if row["max"] is not None:
        return f"{row['key']} has room for {row['max']} at once, and {row['held']} is taken"
    if row["rate"] is not None:
        return f"{row['key']} lets no more begin within its time"
    return f"{row['key']} has no room"


def placeless(cause: Cause, place: int, waiting: int, most: int) -> Cause:
    """Return a running attempt as one that waits for a place of its engine."""
    text = f"Its engine runs {most} at once (`max_running`); it is number {place} of {waiting} that wait."
    blocking = {"kind": "engine", "size": most, "waiting": waiting, "place": place}
    return cause._replace(code="engine-full", message=text, blocking=blocking, until=None, help=())
