"""Say why an execution or a task does not go on: what its state, the store and the engines know of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from harmonia_core.clock import rfc3339
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.engine.dispatch import Crowd
from harmonia_core.engine.explain import explain_state
from harmonia_core.engine.explain_causes import (
    FEW,
    TROUBLES,
    Cause,
    Step,
    cause_view,
    gathered,
    ordered,
)
from harmonia_core.engine.explain_facts import Facts
from harmonia_core.engine.explain_limits import placeless, with_queue
from harmonia_core.engine.explain_owner import (
    abandoned,
    ended_elsewhere,
    orphaned,
    overdue,
    unanswered,
    unread,
)
from harmonia_core.engine.limiting import Limiting
from harmonia_core.engine.listening import Listening
from harmonia_core.engine.live import Live, at_work, idle
from harmonia_core.engine.patience import Patience
from harmonia_core.errors import ExecutionNotFound, HarmoniaError, StateCorrupt, StateUnavailable
from harmonia_core.model.paths import nearest
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

QUEUES = 5
"""Tasks that wait under limits whose queues are looked up."""
FOLLOWED = 20
"""Executions that are looked at for one answer."""
_OF_CHILDREN = frozenset({"cancelling", "compensating", "attempt-orphaned"})
_LIMITS = frozenset({"limit-reached", "execution-queued"})
_GONE = frozenset({"owner-dead", "no-owner", "adoption-due"})


class TaskNotFound(HarmoniaError):
    """Say that an execution has no task of that path."""

    code = "task-not-found"

    def __init__(self, execution_id: str, path: str, known: Sequence[str]) -> None:
        self.execution_id, self.path = execution_id, path
        near = nearest(path, known)
        hint = f"; did you mean {near!r}?" if near else ""
        super().__init__(f"Execution {execution_id} has no task {path!r}{hint}")

    def details(self) -> dict[str, Any]:
        """Return what was looked for."""
        return {"execution_id": self.execution_id, "path": self.path}


class Look(NamedTuple):
    """Hold one execution as it is found: its head, its state, and where it is driven here."""

    row: ExecutionRow
    state: ExecutionState
    live: Live | None


class Explaining(Listening):
    """Answer why something does not go on; the part of an engine that explains."""

    engine_id: str
    patience: Patience

    async def explain(self, execution_id: str, path: str | None = None) -> dict[str, Any]:
        """Return why an execution, or one task of it, does not go on: causes, the roots of them first.

        Of an execution that waits for another one, the causes of that are told, too. Raises ExecutionNotFound
        and TaskNotFound, and StateBackendError if the store does not answer and nothing is known here.
        """
        now = self._clock.now()
        try:
            found = await self._explained(execution_id, path, now)
        except StateUnavailable as error:
            live = self._driver.live(execution_id)
            if live is None:
                raise
            state = live.state
            causes = [self._outage(live, str(error), now), *_told(state, path)]
            return _view(live.execution_id, state.status.value, path, now, causes)
        return found

    async def _explained(self, execution_id: str, path: str | None, now: float) -> dict[str, Any]:
        row = await self._owner.succession.end(execution_id)
        asking = Asking(self, now)
        causes = await asking.execution(row, path)
        status = asking.statuses.get(row.execution_id, row.status)
        return _view(row.execution_id, status, path, now, causes)

    def _outage(self, live: Live, said: str, now: float) -> Cause:
        since = self.patience.since
        patience = self.settings.store_patience
        text = f"The store does not answer; the engine tries again for {patience:g} s. {said}"
        blocking = {"kind": "store", "error": said, "patience": patience}
        until = None if since is None else since + patience
        help = ("harmonia db status",)
        return Cause("store-unavailable", "", text, blocking, since or now, until, help, live.execution_id)


def _told(state: ExecutionState, path: str | None) -> list[Cause]:
    try:
        return explain_state(state, path)
    except (KeyError, ValueError):
        known = [node.id for node in state.graph.root.tasks]
        raise TaskNotFound(state.execution_id, path or "", known) from None


def _view(
    execution_id: str, status: str, path: str | None, now: float, causes: Sequence[Cause]
) -> dict[str, Any]:
    listed = ordered(gathered(causes))
    return {
        "execution": execution_id,
        "path": path,
        "status": status,
        "as_of": rfc3339(now),
        "progressing": progressing(causes),
        "causes": [cause_view(cause) for cause in listed],
    }


def progressing(causes: Sequence[Cause]) -> bool:
    """Tell whether something is at work, in an execution that somebody drives."""
    troubled = {cause.execution for cause in causes if cause.code in TROUBLES}
    return any(cause.needs == "nothing" and cause.execution not in troubled for cause in causes)


def _rests(state: ExecutionState) -> bool:
    """Tell whether only a person can go on with an execution."""
    return not at_work(state) if state.status is ExecutionStatus.PAUSED else idle(state)


class Asking:
    """Gather the causes for one answer, over as many executions as it takes. statuses: of those seen."""

    def __init__(self, engine: Explaining, now: float) -> None:
        self._engine, self._now = engine, now
        self._facts = Facts(engine.backend, engine._loader)
        self.statuses: dict[str, str] = {}

    async def execution(self, row: ExecutionRow, path: str | None = None) -> list[Cause]:
        """Return the causes of one execution, and of those that it waits for."""
        if row.status == ExecutionStatus.CONTINUED:
            successor = await self._engine._owner.succession.successor(row)
            return [ended_elsewhere(row, successor or "")]
        try:
            look = await self._look(row)
        except StateCorrupt as error:
            return [unread(row, str(error))]
        self.statuses[row.execution_id] = look.state.status.value
        causes = _told(look.state, path)
        if row.status in FINAL_EXECUTION:
            return causes
        causes, above = await self._known(look, causes), await self._above(look)
        if any(one.code in _GONE for one in above):
            causes = [kept for one in causes for kept in orphaned(one)]
        return [*above, *await self._children(causes), *causes]

    async def _look(self, row: ExecutionRow) -> Look:
        engine = self._engine
        live = engine._driver.lives.get(row.execution_id)
        if live is not None and live.created:
            return Look(row, live.state, live)
        state, _ = await engine._loader.state(row, await engine._loader.graph(row, strict=False))
        return Look(row, state, None)

    async def _known(self, look: Look, causes: list[Cause]) -> list[Cause]:
        """Return the causes of the state with what the store knows of each."""
        causes = await self._facts.dated(look.row, causes)
        causes = await self._facts.beaten(causes, self._now)
        causes = await self._facts.published(look.row, causes)
        if look.live is not None:
            causes = [self._given_grace(one) for one in causes]
        causes = self._placed(await self._queued(causes))
        crowd = self._engine._driver.dispatcher.crowd()
        return causes if crowd is None else _threaded(causes, crowd)

    async def _queued(self, causes: list[Cause]) -> list[Cause]:
        """Return causes, those of limits with who holds them; of many the first."""
        asked = [one for one in causes if one.code in _LIMITS][:QUEUES]
        ask = cast(Limiting, self._engine).waiting_for
        told = {one.path: with_queue(one, await ask(one.execution, one.path)) for one in asked}
        return [told.get(one.path, one) if one.code in _LIMITS else one for one in causes]

    def _placed(self, causes: list[Cause]) -> list[Cause]:
        """Return causes, running attempts among them as waiting for a place of this engine, if they do."""
        engine = self._engine
        back = [(one.execution_id, one.path) for one in engine._driver.dispatcher.held_back]
        places = {key: number for number, key in enumerate(back, 1)}
        most = engine.settings.max_running
        return [
            placeless(one, places[one.execution, one.path], len(back), most)
            if one.code == "attempt-running" and (one.execution, one.path) in places
            else one
            for one in causes
        ]

    def _given_grace(self, cause: Cause) -> Cause:
        """Return an attempt that was told to stop here, with the time at which it is let go."""
        if cause.code != "attempt-not-stopping" or cause.since is None:
            return cause
        return cause._replace(until=cause.since + self._engine.settings.cancel_grace)

    async def _above(self, look: Look) -> list[Cause]:
        """Return what hinders an execution whatever its state: its owner, its requests, its plugins."""
        engine, row, now = self._engine, look.row, self._now
        adopts = engine.settings.adopt_interval if engine.settings.adopt_orphans else None
        here = look.live is not None
        drive = await self._facts.drive(row, here, adopts, _rests(look.state))
        found = abandoned(drive, now)
        if found or (row.owner is None and not here):
            found += await self._facts.unrunnable(row)
        found += [] if drive.alive and row.owner != engine.engine_id else self._let_go(row)
        if look.live is not None and engine.patience.tried:
            found.append(engine._outage(look.live, "What was to be written is kept.", now))
        requests = await engine.backend.requests([row.execution_id])
        found += unanswered(drive, requests, now, engine.settings.request_timeout)
        found += overdue(drive, await engine.backend.timers(row.execution_id), now)
        return [one._replace(execution=row.execution_id) for one in found]

    def _let_go(self, row: ExecutionRow) -> list[Cause]:
        trouble = self._engine._driver.troubles.get(row.execution_id)
        if trouble is None:
            return []
        blocking = {"kind": "engine", "id": self._engine.engine_id, "error": str(trouble)}
        text = f"This engine has let go of it: {trouble}"
        return [Cause("owner-let-go", "", text, blocking, help=("harmonia recover",))]

    async def _children(self, causes: Sequence[Cause]) -> list[Cause]:
        """Return the causes of the executions that tasks wait for, each with the way to it."""
        found: list[Cause] = []
        for cause in causes:
            child = cause.blocking.get("id") if cause.code == "child-open" else None
            if child is not None and child not in self.statuses and len(self.statuses) < FOLLOWED:
                found += await self._child(cause, child)
        return found

    async def _child(self, cause: Cause, child: str) -> list[Cause]:
        way = cause.chain or (Step(cause.execution, cause.path, "blocked"),)
        try:
            row = await self._engine._owner.succession.end(child)
        except ExecutionNotFound:
            return await self._unbegun(cause, child, way)
        below = await self.execution(row)
        status = self.statuses.setdefault(row.execution_id, row.status)
        way = (*way, Step(row.execution_id, "", status))
        return [one._replace(chain=(*way, *(one.chain or _own(one)))) for one in below if self._matters(one)]

    def _matters(self, cause: Cause) -> bool:
        """Tell whether a cause of a child says more than its parent's own do."""
        if cause.code == "paused-by-parent":
            return cause.blocking["id"] not in self.statuses
        return cause.needs != "other" or cause.code in _OF_CHILDREN

    async def _unbegun(self, cause: Cause, child: str, way: tuple[Step, ...]) -> list[Cause]:
        start = await self._facts.start_of(child)
        since = None if start is None else start.created_at
        blocking = {"kind": "execution", "id": child, "requested": start is not None}
        text = f"Execution {child}, which {cause.path} has started, has not begun."
        help = ("harmonia recover",)
        found = Cause("child-not-begun", cause.path, text, blocking, since, None, help, cause.execution)
        return [found._replace(chain=way, paths=(cause.path,))]


def _own(cause: Cause) -> tuple[Step, ...]:
    return (Step(cause.execution, cause.path, ""),) if cause.path else ()


def _threaded(causes: Sequence[Cause], crowd: Crowd) -> list[Cause]:
    """Return causes, running attempts among them as waiting for a thread, if that is what they do here."""
    waiting = {(one.execution_id, one.path) for one in crowd.waiting}
    inside = [{"execution": one.execution_id, "path": one.path} for one in crowd.inside[:FEW]]
    text = f"It is a plain function, and all {crowd.threads} threads of its engine (`threads`) are taken."
    blocking = {"kind": "threads", "size": crowd.threads, "waiting": len(waiting), "by": inside}
    full: dict[str, Any] = {
        "code": "threads-full",
        "message": text,
        "blocking": blocking,
        "until": None,
        "help": (),
    }
    return [
        one._replace(**full)
        if one.code == "attempt-running" and (one.execution, one.path) in waiting
        else one
        for one in causes
    ]
