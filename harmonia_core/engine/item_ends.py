"""Read what the items of a map ended with, as it stood at a seq."""

from collections.abc import Sequence

from pydantic_core import from_json

from harmonia_core.contracts.rows import EventRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.diff import MARKS, Ends
from harmonia_core.engine.state_shapes import Shape
from harmonia_core.model.addresses import split_item
from harmonia_core.model.codec import read_ref
from harmonia_core.model.refs import public
from harmonia_core.model.state import PAGE_BITS, PAGE_MASK, ExecutionState

_STATUS = {"TaskSucceeded": "succeeded", "TaskFailed": "failed", "TaskCancelled": "cancelled",
           "TaskSkipped": "cancelled"}  # fmt: skip


class ItemEnds:
    """Read ends of items of one log up to a seq."""

    def __init__(self, backend: StateBackend, execution_id: str, seq: int) -> None:
        self._backend, self._execution_id, self._seq = backend, execution_id, seq

    async def of(self, path: str, start: int, stop: int) -> Ends:
        """Return what the items of a map from `start` on, before `stop`, ended with, by index."""
        return ends_in(await self.rows(path, start, stop))

    async def rows(self, path: str, start: int, stop: int) -> list[EventRow]:
        """Return what was recorded of these ends, in order, as it is stored."""
        rows = await self._backend.item_ends(self._execution_id, path, start, stop)
        # An item ends once under its path: one that ended later had not ended here.
        return [row for row in rows if row.seq <= self._seq]

    async def one(self, state: ExecutionState, path: str) -> Shape | None:
        """Return what one item ended with in a state, references not read; None if it has not ended there."""
        outer, index = split_item(path)
        owner = state.task(outer) if index is not None else None
        if owner is None or owner.items is None or index is None or index >= owner.items.cursor:
            return None
        if owner.items.marks[index >> PAGE_BITS][index & PAGE_MASK] not in MARKS:
            return None
        return next((_shape(row)[1] for row in await self.rows(outer, index, index + 1)), {})


def ends_in(rows: Sequence[EventRow]) -> Ends:
    """Return what rows say that items ended with, by index, references in their public shape."""
    found = dict(map(_shape, rows))
    return {index: {**end, "output": public(end["output"])} for index, end in found.items()}


def _shape(row: EventRow) -> tuple[int, Shape]:
    data = from_json(row.data)
    shape = {
        "status": _STATUS.get(row.type, "cancelled"),
        "reason": data.get("reason"),
        "attempt": data.get("attempt", 0),
        "output": read_ref(data["output@"]) if "output@" in data else data.get("output"),
        "error": data.get("error"),
    }
    return split_item(data["path"])[1] or 0, shape
