"""Steer executions in place, whoever drives them: pause, resume, terminate, skip, variables, priority."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from harmonia_core.engine.actions import allowed_actions, refused
from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.controlling import check_priority, unsettable
from harmonia_core.engine.deciding import Actor, Deciding, NothingToResolve
from harmonia_core.engine.families import waited_for
from harmonia_core.engine.live import at_work
from harmonia_core.engine.output import taken_in
from harmonia_core.engine.resolving import open_decisions, refusal
from harmonia_core.engine.walks import begun, node_of
from harmonia_core.errors import HarmoniaError, InputInvalid, Problem
from harmonia_core.model.control import TimersInPause
from harmonia_core.model.refusal import Refusal
from harmonia_core.model.state import ExecutionState

Judge = Callable[[ExecutionState], Refusal | None]
_NOTHING: Any = object()


class Steered(NamedTuple):
    """Say how an execution stands after a request. changed: False if it had been so before."""

    execution_id: str
    status: str
    changed: bool = True


class ActionRefused(HarmoniaError):
    """Say why an execution does not take an action now; `code` is that of the rule."""

    code = "action-refused"

    def __init__(self, execution_id: str, action: str, refusal: Refusal) -> None:
        self.execution_id, self.action, self.refusal = execution_id, action, refusal
        self.code = refusal.code  # type: ignore[misc]
        super().__init__(f"{action} of execution {execution_id} is refused: {refusal.reason}.")

    def details(self) -> dict[str, Any]:
        """Return what was wanted, and why it is not possible."""
        return {"execution_id": self.execution_id, "action": self.action, "reason": self.refusal.reason}


class Operating(Deciding):
    """Bring what operators want to whoever drives an execution, and say what came of it.

    Every method returns once that is recorded, and raises ExecutionNotFound; ExecutionFinished;
    ActionRefused; RequestNotConsumed if the living owner does not answer; ExecutionNotAdoptable.
    """

    _catalog: Catalog

    async def pause(
        self,
        execution_id: str,
        reason: str | None = None,
        *,
        timers: TimersInPause = "run",
        actor: Actor | None = None,
    ) -> Steered:
        """Let an execution, and those that carry out its tasks, begin nothing new until it is resumed.

        timers: `run`, what is due meanwhile acts at resume; `hold`, the time that is left stands still.
        """
        if timers not in ("run", "hold"):
            raise ValueError(f"timers is 'run' or 'hold', not {timers!r}")
        body = {"reason": reason, "timers": timers}
        return await self._steer(execution_id, "pause", body, actor, settled="already-paused")

    async def resume(self, execution_id: str, *, actor: Actor | None = None) -> Steered:
        """Let a paused execution go on; one that is not paused stays as it is.

        If nobody drives it, that is recorded, and `drive` or whoever adopts it goes on with it.
        """
        return await self._steer(execution_id, "resume", {}, actor, settled="not-paused")

    async def drive(self, execution_id: str) -> None:
        """Adopt an execution, and those that carry out its tasks, as far as nobody drives them."""
        await self._owner.drive(execution_id)
        live = self._driver.live(execution_id)
        for _, _, task in waited_for(live.state) if live is not None else ():
            await self.drive(task.child or "")

    async def terminate(
        self, execution_id: str, reason: str | None = None, *, actor: Actor | None = None
    ) -> Steered:
        """End an execution at once: without `finally`, without undoing, without waiting for attempts."""
        row = await self._owner.succession.end(execution_id)
        if row.status == "terminated":
            return Steered(row.execution_id, row.status, changed=False)
        return await self._steer(row.execution_id, "terminate", {"reason": reason}, actor)

    async def skip(
        self,
        execution_id: str,
        path: str,
        output: Any = _NOTHING,
        comment: str | None = None,
        *,
        actor: Actor | None = None,
    ) -> Steered:
        """End a task that is not final as skipped or, with an output, as succeeded with that.

        Raises NothingToResolve; InputInvalid for an output that its task type would not give.
        """
        row = await self._requests.open_head(execution_id)
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        found = refusal(state, path, "skip")
        if found is not None:
            raise NothingToResolve(row.execution_id, path, found, open_decisions(state))
        body = {"path": path, "comment": comment}
        if output is not _NOTHING:
            body["output"] = self._fitting(node_of(state.graph, path).type, output)
        return await self._steer(
            row.execution_id, "skip", body, actor, judge=lambda state: refusal(state, path, "skip")
        )

    def _fitting(self, type_name: str, output: Any) -> Any:
        """Return an output as its task type would give it."""
        output = taken_in(output, self.settings.output_limit)
        model = self._catalog.task_type(type_name).output_model
        if model is None:
            return output
        try:
            return model.model_validate(output).model_dump(mode="json")
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            places = [".".join(("output", *(str(step) for step in fault["loc"]))) for fault in faults]
            problems = [
                Problem("output-invalid", place, fault["msg"])
                for place, fault in zip(places, faults, strict=True)
            ]
            raise InputInvalid(problems) from None

    async def set_variables(
        self, execution_id: str, values: Mapping[str, Any], path: str = "", *, actor: Actor | None = None
    ) -> Steered:
        """Set variables of a paused execution: the workflow's, or those of an open composite at a path.

        Raises InputInvalid for values that are not JSON or together too large.
        """
        values = taken_in(dict(values), self.settings.inline_limit)
        body = {"path": path, "values": values}
        return await self._steer(
            execution_id, "set", body, actor, judge=lambda state: unsettable(state, path, values)
        )

    async def prioritise(self, execution_id: str, priority: int, *, actor: Actor | None = None) -> Steered:
        """Give an execution another priority, from -100 to 100; where executions queue, higher goes first."""
        check_priority(priority)

        def judge(state: ExecutionState) -> Refusal | None:
            same = state.control.priority == priority
            found = Refusal("already-so", f"its priority is {priority}") if same else None
            return refused(state, "priority") or found

        body = {"priority": priority}
        return await self._steer(execution_id, "priority", body, actor, judge=judge, settled="already-so")

    async def allowed_actions(self, execution_id: str) -> dict[str, Any]:
        """Return what people may do with an execution and its tasks at this moment, and why not the rest.

        Under `execution` and, by path, under `tasks`: `{action: {allowed, code, reason}}`.
        """
        row = await self._owner.succession.end(execution_id)
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        paths = dict.fromkeys(node.id for node in state.graph.root.tasks)
        paths |= dict.fromkeys(path for path, _ in begun(state.graph, state))
        return {"id": row.execution_id, "status": row.status, **allowed_actions(state, paths)}

    async def in_flight(self, execution_id: str) -> bool:
        """Tell whether attempts of an execution are recorded as running; of a paused one, they still end."""
        row = await self._owner.succession.end(execution_id)
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        return at_work(state)

    async def _steer(
        self,
        execution_id: str,
        action: str,
        body: Mapping[str, Any],
        actor: Actor | None,
        *,
        judge: Judge | None = None,
        settled: str = "",
    ) -> Steered:
        """Bring a request to an execution and say what came of it.

        settled: the code of a refusal that says that nothing is left to be done.
        """
        judge = judge or (lambda state: refused(state, action))
        row = await self._requests.open_head(execution_id)
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        found = judge(state)
        if found is None:
            request = self._requests.row(row.execution_id, action, body, actor, self._new_id())
            await self._requests.put(request)
            await self._requests.consumed(request)
            if await self._became(row.execution_id, row.seq, request.request_id):
                end = await self._owner.succession.end(row.execution_id)
                return Steered(end.execution_id, end.status)
            row = await self._requests.open_head(row.execution_id)
            state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
            found = judge(state) or Refusal("overtaken", "something else happened to it first; try again")
        if found.code == settled:
            return Steered(row.execution_id, row.status, changed=False)
        raise ActionRefused(row.execution_id, action, found)

    async def _became(self, execution_id: str, after: int, request_id: str) -> bool:
        """Tell whether a request that was consumed became an event, in this log or in one that follows it."""
        for row in await self._owner.succession.chain(execution_id):
            events = await self._loader.events(row.execution_id, after)
            if any(recorded.causation == request_id for recorded in events):
                return True
            after = 0
        return False
