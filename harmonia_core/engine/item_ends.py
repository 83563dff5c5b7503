"""Read what the items of a map ended with, as it stood at a seq."""

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
_READ = 1_000


class ItemEnds:
    """Read ends of items of one log up to a seq."""

    def __init__(self, backend: StateBackend, execution_id: str, seq: int) -> None:
        self._backend, self._execution_id, self._seq = backend, execution_id, seq

    async def of(self, path: str, start: int, stop: int) -> Ends:
        """Return what the items of a map from `start` on, before `stop`, ended with, by index."""
        found = await self._ends(path, start, stop)
        return {index: {**end, "output": public(end["output"])} for index, end in found.items()}

    async def _ends(self, path: str, start: int, stop: int) -> dict[int, Shape]:
        rows = await self._backend.item_ends(self._execution_id, path, start, stop)
        found: dict[int, Shape] = {}
        late: set[str] = set()
        for row in rows:
            data = from_json(row.data)
            index = split_item(data["path"])[1] or 0
            if row.seq <= self._seq:
                found[index] = _shape(row, data)
            else:
                late.add(data["path"])
        return found | await self._earlier(late) if late else found

    async def _earlier(self, paths: set[str]) -> dict[int, Shape]:
        """Return how items had ended before they did again: a map whose composite was tried once more."""
        found: dict[int, Shape] = {}
        after = 0
        while after < self._seq:
            rows = await self._backend.events(self._execution_id, after, min(_READ, self._seq - after))
            if not rows:
                break
            after = rows[-1].seq
            for row in rows:
                data = from_json(row.data) if row.type in _STATUS else {}
                if data.get("path") in paths:
                    found[split_item(data["path"])[1] or 0] = _shape(row, data)
        return found

    async def one(self, state: ExecutionState, path: str) -> Shape | None:
        """Return what one item ended with in a state, references not read; None if it has not ended there."""
        outer, index = split_item(path)
        owner = state.task(outer) if index is not None else None
        if owner is None or owner.items is None or index is None or index >= owner.items.cursor:
            return None
        if owner.items.marks[index >> PAGE_BITS][index & PAGE_MASK] not in MARKS:
            return None
        return (await self._ends(outer, index, index + 1)).get(index, {})


def _shape(row: EventRow, data: Shape) -> Shape:
    return {
        "status": _STATUS.get(row.type, "cancelled"),
        "reason": data.get("reason"),
        "attempt": data.get("attempt", 0),
        "output": read_ref(data["output@"]) if "output@" in data else data.get("output"),
        "error": data.get("error"),
    }
