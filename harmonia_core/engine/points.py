"""Find what people mean by a point of an execution: a seq, a checkpoint, a moment, its start or its end."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.checkpoints import checkpoint_seq
from harmonia_core.model.checkpoints import PointUnknown
from harmonia_core.model.policies import read_moment

Point = int | str | None
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]", re.ASCII)


class Found(NamedTuple):
    """Hold a seq of one log of a chain. name: of the checkpoint that was asked for."""

    row: ExecutionRow
    seq: int
    name: str | None = None


async def find_point(backend: StateBackend, rows: Sequence[ExecutionRow], point: Point) -> Found:
    """Return where a point of a chain lies; a seq is one of its first log, without a point it is the end.

    point: a seq, `start`, `end`, a checkpoint's name or a time in RFC 3339, which means the last event that
    had happened by then. Raises PointUnknown.
    """
    first, last = rows[0], rows[-1]
    if point is None or point == "end":
        return Found(last, last.seq)
    if point == "start":
        return Found(first, 1)
    if isinstance(point, int) or (point.isascii() and point.isdecimal()):
        return Found(first, _checked(first, int(point)))
    if _MOMENT.match(point):
        return await _at(backend, rows, point)
    for row in rows:
        seq = await checkpoint_seq(backend, row.execution_id, point)
        if seq is not None:
            return Found(row, seq, point)
    reason = "it has no checkpoint of that name; `harmonia executions checkpoints` lists them"
    raise PointUnknown(first.execution_id, point, reason)


def _checked(row: ExecutionRow, seq: int) -> int:
    if not 1 <= seq <= row.seq:
        raise PointUnknown(row.execution_id, str(seq), f"its log has the seqs 1 to {row.seq}")
    return seq


async def _at(backend: StateBackend, rows: Sequence[ExecutionRow], point: str) -> Found:
    """Return the last event that had happened by a moment, found by halving."""
    try:
        moment = read_moment(point)
    except ValueError as error:
        raise PointUnknown(rows[0].execution_id, point, str(error)) from None
    begun = [row for row in rows if row.created_at <= moment]
    if not begun:
        raise PointUnknown(rows[0].execution_id, point, "it had not begun by then")
    row, low, high = begun[-1], 1, begun[-1].seq
    while low < high:
        middle = (low + high + 1) // 2
        found = await backend.events(row.execution_id, middle - 1, 1)
        low, high = (middle, high) if found and found[0].at <= moment else (low, middle - 1)
    return Found(row, low)
