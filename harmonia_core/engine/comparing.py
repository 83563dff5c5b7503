"""Compare executions at points of their histories; the part of an engine that says what differs."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from harmonia_core.contracts.rows import EventRow
from harmonia_core.definitions.changes import definition_changes
from harmonia_core.engine.diff import Difference, ItemPage, TaskChange, patch
from harmonia_core.engine.histories import Histories, Moment
from harmonia_core.engine.item_ends import ItemEnds, ends_in
from harmonia_core.engine.points import Point
from harmonia_core.engine.state_shapes import when
from harmonia_core.engine.timeline import timeline
from harmonia_core.engine.timeline_views import timeline_view
from harmonia_core.engine.value_diff import value_changes
from harmonia_core.errors import InputInvalid, Problem
from harmonia_core.model.refs import REFS, ItemsRef, public
from harmonia_core.model.state import ExecutionState

MOST_HYDRATED = 1_000
"""Items of a map up to which its output is compared item by item when its values are asked for."""
_VALUES = ("input", "output", "error")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Hold where a page of a diff goes on: both points as they were, and the path of the last task."""

    before: tuple[str, int]
    after: tuple[str, int]
    path: str

    def __str__(self) -> str:
        return f"{self.before[0]}@{self.before[1]},{self.after[0]}@{self.after[1]},{self.path}"


def read_cursor(text: str) -> Cursor:
    """Return the cursor that a page gave; raise InputInvalid for anything else."""
    try:
        before, after, path = text.split(",", 2)
        points = [(one.rpartition("@")[0], int(one.rpartition("@")[2])) for one in (before, after)]
    except ValueError:
        problem = Problem("cursor-invalid", "cursor", f"{text!r:.80} is no cursor of a diff")
        raise InputInvalid([problem]) from None
    return Cursor(points[0], points[1], path)


class Comparing(Histories):
    """Say what differs between two points."""

    async def diff(
        self,
        before: str,
        before_point: Point = "start",
        after: str | None = None,
        after_point: Point = None,
        *,
        times: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """Return what differs between two points of one execution (without `after`), or of two.

        By task in the order of the definition, at most `limit` of them; `cursor` goes on where a page ended,
        at the points as they were then. Points are those of `state_at`. times: moments differ, too. Outputs
        by reference are compared by their addresses. Raises ExecutionNotFound, PointUnknown, InputInvalid.
        """
        since = None if cursor is None else read_cursor(cursor)
        if since is not None:
            sides = await self._moment(*since.before), await self._moment(*since.after)
        else:
            sides = await self._sides(before, before_point, after, after_point)
        difference = Difference(sides[0].state, sides[1].state, times)
        found: list[TaskChange] = []
        following = None
        async for change in self._walk(difference, sides, None if since is None else since.path):
            if len(found) == limit:
                points = [(side.row.execution_id, side.state.seq) for side in sides]
                following = str(Cursor(points[0], points[1], found[-1].path))
                break
            found.append(change)
        shape: dict[str, Any] = {"before": await self._end(sides[0]), "after": await self._end(sides[1])}
        shape["definition"] = await self._definition(*sides)
        shape |= difference.rest() if since is None else {}
        return {**shape, "tasks": [one.as_json() for one in found], "cursor": following}

    async def diff_patch(
        self, before: str, before_point: Point = "start", after: str | None = None, after_point: Point = None
    ) -> list[dict[str, Any]]:
        """Return a JSON Patch (RFC 6902) from one state's canonical shape to the other's; as `diff`."""
        sides = await self._sides(before, before_point, after, after_point)
        return patch(sides[0].state, sides[1].state)

    async def diff_values(
        self,
        path: str,
        before: str,
        before_point: Point = "start",
        after: str | None = None,
        after_point: Point = None,
    ) -> dict[str, Any]:
        """Return what differs inside input, output and error of one task or item, large values read whole.

        Raises InputInvalid if neither side has that task; otherwise as `diff`.
        """
        sides = await self._sides(before, before_point, after, after_point)
        values = [await self._values(side, path) for side in sides]
        if values[0] is None and values[1] is None:
            message = f"neither side has a task {path!r}"
            raise InputInvalid([Problem("task-unknown", "path", message)])
        old, new = ({} if one is None else one for one in values)
        changes, more = [], False
        for name in _VALUES:
            found, cut = value_changes(old.get(name), new.get(name), name)
            changes += [one.as_json() for one in found]
            more = more or cut
        ends = {"before": await self._end(sides[0]), "after": await self._end(sides[1])}
        there = {"before": values[0] is not None, "after": values[1] is not None}
        return {**ends, "path": path, "there": there, "changes": changes, "more": more}

    async def timeline(self, execution_id: str) -> dict[str, Any]:
        """Return where the time of an execution went, up to now if it has not ended, through all its logs.

        Raises ExecutionNotFound.
        """
        rows = await self._owner.succession.chain(execution_id)
        graph = await self._loader.graph(rows[-1], strict=False)
        recorded = [one for row in rows for one in await self._loader.events(row.execution_id)]
        found = timeline_view(timeline(graph, recorded, self._clock.now()))
        return {"execution": rows[-1].execution_id, **found, "status": rows[-1].status}

    async def _sides(
        self, before: str, before_point: Point, after: str | None, after_point: Point
    ) -> tuple[Moment, Moment]:
        return await self._moment(before, before_point), await self._moment(after or before, after_point)

    async def _walk(
        self, difference: Difference, sides: tuple[Moment, Moment], since: str | None
    ) -> AsyncIterator[TaskChange]:
        """Yield the changes behind a path, the ends of items read where they are needed."""
        ends = [ItemEnds(self.backend, side.row.execution_id, side.state.seq) for side in sides]
        waiting: list[Iterator[TaskChange | ItemPage]] = [difference.changes()]
        while waiting:
            one = next(waiting[-1], None)
            if one is None:
                waiting.pop()
            elif isinstance(one, TaskChange):
                if since is None:
                    yield one
                elif since == one.path:
                    since = None
            elif since is None or not _is_over(one, since):
                old, new = [await end.rows(one.path, one.start, one.stop) for end in ends]
                if not _alike(one, old, new):
                    waiting.append(difference.items(one, ends_in(old), ends_in(new)))

    async def _end(self, side: Moment) -> dict[str, Any]:
        row, state = side.row, side.state
        event = await self.backend.events(row.execution_id, state.seq - 1, 1)
        return {
            "execution": row.execution_id,
            "seq": state.seq,
            "checkpoint": side.point.name,
            "at": when(event[0].at if event else row.created_at),
            "workflow": {"name": row.workflow, "version": row.version, "hash": row.definition_hash},
            "status": state.status.value,
        }

    async def _definition(self, before: Moment, after: Moment) -> list[dict[str, Any]]:
        """Return what differs between the definitions of two executions."""
        if before.row.definition_hash == after.row.definition_hash:
            return []
        texts = [
            await self.backend.blob(side.row.namespace, side.row.definition_hash) for side in (before, after)
        ]
        old, new = (from_json(text or b"{}") for text in texts)
        return [change.as_json() for change in definition_changes(old, new)]

    async def _values(self, side: Moment, path: str) -> Mapping[str, Any] | None:
        try:
            task = side.state.task(path)
        except ValueError:  # brackets without a number
            return None
        if task is None:
            end = await ItemEnds(self.backend, side.row.execution_id, side.state.seq).one(side.state, path)
            return end and {name: await self._whole(side, value) for name, value in end.items()}
        error = task.error.as_json() if task.error else None
        return {
            "input": await self._whole(side, task.input),
            "output": await self._whole(side, task.output),
            "error": error,
        }

    async def _whole(self, side: Moment, value: Any) -> Any:
        """Return a value that may be a reference; of very many items the reference stays."""
        if not isinstance(value, REFS) or (isinstance(value, ItemsRef) and value.count > MOST_HYDRATED):
            return public(value)
        state: ExecutionState = side.state
        return await self._loader.value(state, side.row.namespace, value)


def _is_over(page: ItemPage, since: str) -> bool:
    """Tell whether everything of a page lies before a path."""
    if not since.startswith(f"{page.path}["):
        return False
    number = since[len(page.path) + 1 :].partition("]")[0]
    return number.isdecimal() and int(number) >= page.stop


def _alike(page: ItemPage, old: Sequence[EventRow], new: Sequence[EventRow]) -> bool:
    """Tell whether nothing can differ: the same marks, nothing in flight, the same ends word for word."""
    if page.before != page.after or page.flying:
        return False
    return [row.data for row in old] == [row.data for row in new]
