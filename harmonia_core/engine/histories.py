"""Look at what executions were: states at any point, and the points that have names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine import checkpoints
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.ownership import Owner
from harmonia_core.engine.points import Found, Point, find_point
from harmonia_core.engine.state_views import checkpoint_view, state_view
from harmonia_core.errors import ExecutionNotFound
from harmonia_core.model.checkpoints import Checkpoint
from harmonia_core.model.state import ExecutionState


class Moment(NamedTuple):
    """Hold a state with the head of its execution as it is now. point: what was asked for."""

    row: ExecutionRow
    state: ExecutionState
    point: Found


class Histories:
    """Answer questions about the past; the part of an engine that folds logs up to where one wants."""

    backend: StateBackend
    _loader: Loader
    _owner: Owner
    _clock: Clock

    async def state_at(self, execution_id: str, point: Point = None) -> dict[str, Any]:
        """Return an execution as it stood at a point, in its public shape, with all that it was.

        point: a seq of that log, a checkpoint's name, `start`, `end`, or an RFC 3339 time; by default its
        live end, in whatever log that is. Raises ExecutionNotFound, PointUnknown.
        """
        moment = await self._moment(execution_id, point)
        row, state = moment.row, moment.state
        last = await self.backend.events(row.execution_id, state.seq - 1, 1)
        at = last[0].at if last else row.created_at
        alive = await self._owner.alive(row) if state.seq == row.seq else None
        view = state_view(row, state, at, alive, moment.point.name)
        if state.seq < row.seq:
            return view
        successor = await self._owner.succession.successor(row)
        return view if successor is None else {**view, "owner": None, "successor": successor}

    async def _moment(self, execution_id: str, point: Point) -> Moment:
        rows = await self._owner.succession.chain(execution_id)
        found = await find_point(self.backend, rows, point)
        graph = await self._loader.graph(found.row, strict=False)
        state, _ = await self._loader.state(found.row, graph, found.seq)
        return Moment(found.row, state, found)

    async def checkpoint(
        self,
        execution_id: str,
        name: str,
        point: Point = None,
        description: str | None = None,
        *,
        actor: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Give a point of an execution a name, whether or not it has ended; return the checkpoint.

        point: as for `state_at`. It is deleted with its execution. Raises CheckpointExists, InputInvalid for
        a name that cannot be one, ExecutionNotFound, PointUnknown.
        """
        checkpoints.check_words(name, description)
        found = await self._point(execution_id, point)
        event = await self.backend.events(found.row.execution_id, found.seq - 1, 1)
        if not event:
            raise ExecutionNotFound(execution_id)
        now = self._clock.now()
        place = found.row.execution_id, name, found.seq, event[0].at
        made = Checkpoint(*place, "named", description, now, actor)
        await checkpoints.put(self.backend, made)
        return dict(checkpoint_view(made))

    async def checkpoints(self, execution_id: str) -> list[dict[str, Any]]:
        """Return the checkpoints of an execution and of the logs in which it goes on, in order.

        Raises ExecutionNotFound.
        """
        rows = await self._owner.succession.chain(execution_id)
        pages = [await checkpoints.checkpoints_of(self.backend, row.execution_id) for row in rows]
        return [dict(checkpoint_view(one)) for page in pages for one in page]

    async def checkpoint_seq(self, execution_id: str, name: str) -> tuple[str, int]:
        """Return which log a checkpoint of an execution names, and its seq; raise PointUnknown."""
        found = await self._point(execution_id, name)
        return found.row.execution_id, found.seq

    async def delete_checkpoint(self, execution_id: str, name: str) -> None:
        """Delete a checkpoint of an execution, an automatic one too; raise PointUnknown."""
        found = await self._point(execution_id, name)
        await checkpoints.delete(self.backend, found.row.execution_id, name)

    async def _point(self, execution_id: str, point: Point) -> Found:
        return await find_point(self.backend, await self._owner.succession.chain(execution_id), point)
