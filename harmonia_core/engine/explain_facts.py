"""Ask a store what it knows of why an execution does not go on. Nothing here changes anything."""

from collections.abc import Iterable, Sequence

from harmonia_core.contracts.rows import ExecutionRow, RequestRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.child_rows import START
from harmonia_core.engine.explain_causes import Cause
from harmonia_core.engine.explain_moments import Key, dated, moments, wanted
from harmonia_core.engine.explain_owner import Drive, silent, unrunnable
from harmonia_core.engine.loading import Loader, to_recorded
from harmonia_core.engine.subscriptions import Subscription, messages_for, post_in
from harmonia_core.errors import DefinitionInvalid
from harmonia_core.model.events import ExecutionContinued, ExecutionStarted

PAGE, PAGES = 500, 4
MOST = 20
"""Running attempts whose heartbeats, and waiting tasks whose messages are looked up."""
LAG = 3.0
"""Seconds by which a heartbeat may reach the store late."""


class Facts:
    """Read one store."""

    def __init__(self, backend: StateBackend, loader: Loader) -> None:
        self._backend, self._loader = backend, loader

    async def drive(self, row: ExecutionRow, here: bool, adopts: float | None, idle: bool) -> Drive:
        """Return who drives an execution."""
        engines = {one.engine_id: one for one in await self._backend.engines()}
        alive = await self._backend.alive(sorted({*engines, *([row.owner] if row.owner else [])}))
        last = await self._backend.events(row.execution_id, row.seq - 1, 1)
        heard = last[0].at if last else row.created_at
        others = len(alive - {row.owner})
        engine = engines.get(row.owner or "")
        return Drive(row, engine, row.owner in alive, here, heard, others, adopts, idle)

    async def dated(self, row: ExecutionRow, causes: Iterable[Cause]) -> list[Cause]:
        """Return causes with the moments that the last events of the log know."""
        known = list(causes)
        left = wanted(known)
        found: dict[Key, float] = {}
        end = row.seq
        for _ in range(PAGES):
            if end <= 0 or not left - found.keys():
                break
            start = max(0, end - PAGE)
            rows = await self._backend.events(row.execution_id, start, end - start)
            found = {**moments(map(to_recorded, rows), left), **found}
            end = start
        return dated(known, found)

    async def beaten(self, causes: Sequence[Cause], now: float) -> list[Cause]:
        """Return causes, running attempts among them with their last heartbeat."""
        running = [one for one in causes if one.code == "attempt-running"][:MOST]
        checked = {one.path: await self._beaten(one, now) for one in running}
        return [checked.get(one.path, one) if one.code == "attempt-running" else one for one in causes]

    async def _beaten(self, cause: Cause, now: float) -> Cause:
        row = await self._backend.heartbeat(cause.execution, cause.path)
        this = row is not None and row.attempt == cause.blocking["attempt"] and row.at >= (cause.since or 0.0)
        return silent(cause, row.at if row is not None and this else None, now, LAG)

    async def published(self, row: ExecutionRow, causes: Iterable[Cause]) -> list[Cause]:
        """Return causes, with published messages that would have been taken but for their correlation."""
        known = list(causes)
        waiting = [one for one in known if one.code == "event-awaited"][:MOST]
        near = {one.path: await self._near(row, one) for one in waiting}
        return [near.get(one.path, one) if one.code == "event-awaited" else one for one in known]

    async def _near(self, row: ExecutionRow, cause: Cause) -> Cause:
        wants = [one for one in cause.blocking["messages"] if one["correlation"] is not None]
        if cause.blocking["near"] or not wants:
            return cause
        wish = Subscription(row.namespace, row.execution_id, wants[0]["name"], None, 0.0, [])
        found, _ = await self._backend.find_documents(messages_for(wish))
        if not found:
            return cause
        _, post = post_in(found[0])
        near = [{"id": post.id, "name": post.name, "correlation": post.correlation, "at": None}]
        text = f"{cause.message} One was published with another correlation: {post.correlation!r}."
        return cause._replace(message=text, blocking={**cause.blocking, "near": near})

    async def start_of(self, child_id: str) -> RequestRow | None:
        """Return the request that is to begin a child, if it waits."""
        found = await self._backend.requests([child_id])
        return next((one for one in found if one.kind == START), None)

    async def unrunnable(self, row: ExecutionRow) -> list[Cause]:
        """Return why an execution cannot be adopted here, if it cannot.

        What the settings of a process forbid is left out: another process may allow it.
        """
        started = await self._started(row)
        differs = () if started is None else self._loader.differing(started)
        try:
            graph = await self._loader.graph(row, strict=True)
        except DefinitionInvalid as error:
            missing = [one for one in error.problems if one.code.startswith("task-type-")]
            said = "; ".join(f"{one.path}: {one.message}" for one in missing)
            return [unrunnable(row, "plugin-missing", said, differs)] if missing else []
        if started is not None and started.graph_hash != graph.graph_hash:
            return [unrunnable(row, "definition-changed", self._loader.changed(started), differs)]
        return []

    async def _started(self, row: ExecutionRow) -> ExecutionStarted | ExecutionContinued | None:
        for recorded in await self._loader.events(row.execution_id, 0, 1):
            if isinstance(recorded.event, (ExecutionStarted, ExecutionContinued)):
                return recorded.event
        return None
