"""The client outside: it does what the script of a case says, and does it again if it was not answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sweep_case import Case, Step
from sweep_world import World

from harmonia_core.clock import Clock
from harmonia_core.errors import AlreadyCompleted, ExecutionFinished, ExecutionNotFound
from harmonia_core.host import (
    ActionRefused,
    AlreadyDecided,
    ApprovalNotOpen,
    CheckpointExists,
    Engine,
    NothingToResolve,
    Pruner,
    RetentionRule,
)

DONE = (
    ActionRefused, AlreadyCompleted, AlreadyDecided, ApprovalNotOpen, CheckpointExists, ExecutionFinished,
    ExecutionNotFound, NothingToResolve,
)  # fmt: skip
"""What a client is told who asks again for something that was done, without having heard of it."""


class Client:
    """Carry out the steps of a case on the engine of one life. elsewhere: that of another process."""

    def __init__(self, case: Case, world: World, engine: Engine, elsewhere: Engine, clock: Clock) -> None:
        self._case, self._world, self._clock = case, world, clock
        self._here, self._elsewhere, self._engine = engine, elsewhere, engine

    @property
    def ids(self) -> dict[str, str]:
        """Return the executions that this client has begun, by label."""
        return {line["as"]: line["id"] for line in self._world.of("begun")}

    def waiting(self) -> list[Step]:
        """Return the steps that are not done, in order."""
        done = {line["step"] for line in self._world.of("done")}
        return [step for step in self._case.steps if step.number not in done]

    async def do(self, step: Step) -> None:
        """Carry a step out, and remember that it was."""
        again = any(line["step"] == step.number for line in self._world.of("tried"))
        self._world.note("tried", step=step.number)
        self._engine = self._elsewhere if step.elsewhere else self._here
        try:
            await self._act(step)
        except DONE:
            if not again:
                raise
        self._world.note("done", step=step.number)

    async def _act(self, step: Step) -> None:
        action: Callable[[Step], Awaitable[Any]] | None = getattr(self, f"_{step.action}", None)
        if action is not None:
            await action(step)
            return
        method = getattr(self._engine, METHODS[step.action])
        await method(self.ids[step.of], **self._arguments(step))

    def _arguments(self, step: Step) -> dict[str, Any]:
        given = dict(step.arguments)
        if "as" in given:
            given["actor"] = {"kind": "person", "id": given.pop("as")}
        return given

    def _begun(self, label: str, execution_id: str) -> None:
        self._world.note("begun", **{"as": label, "id": execution_id})

    async def _start(self, step: Step) -> None:
        given = step.arguments
        definition: Mapping[str, Any] = given.get("definition") or self._case.definition
        found = await self._engine.start_once(
            definition,
            given.get("input"),
            key=f"start-{given['as']}",
            labels=given.get("labels"),
            priority=given.get("priority"),
        )
        self._begun(given["as"], found.execution_id)

    async def _fork(self, step: Step) -> None:
        await self._forked(step, self._engine.fork)

    async def _rerun(self, step: Step) -> None:
        await self._forked(step, self._engine.rerun)

    async def _restore(self, step: Step) -> None:
        await self._forked(step, self._engine.restore)

    async def _forked(self, step: Step, how: Callable[..., Awaitable[Any]]) -> None:
        given = dict(step.arguments)
        label = given.pop("as")
        found = await how(self.ids[step.of], key=f"fork-{label}", **given)
        self._begun(label, found.execution_id)

    async def _upgrade(self, step: Step) -> None:
        head = await self._engine.backend.head(self.ids[step.of])
        if head is None or head.status != "terminated":  # or else whoever adopts begins what is in its place
            await self._engine.upgrade(self.ids[step.of], **step.arguments)

    async def _complete(self, step: Step) -> None:
        given = dict(step.arguments)
        place = given.pop("path"), self.ids[step.of]
        used = [line["token"] for line in self._world.of("used") if line["step"] == step.number]
        if not used:
            tokens = [one for one in self._world.of("token") if (one["path"], one["execution"]) == place]
            used = [tokens[-1]["token"]]
            self._world.note("used", step=step.number, token=used[0])
        await self._engine.complete(used[0], **given)

    async def _cancel(self, step: Step) -> None:
        await self._engine.cancel(self.ids[step.of], **step.arguments, wait=False)

    async def _undo(self, step: Step) -> None:
        await self._engine.request(self.ids[step.of], "undo", step.arguments)

    async def _resume(self, step: Step) -> None:
        await self._engine.resume(self.ids[step.of])
        if not step.elsewhere:
            await self._engine.drive(self.ids[step.of])

    async def _publish(self, step: Step) -> None:
        await self._engine.publish(**step.arguments)

    async def _limit(self, step: Step) -> None:
        await self._engine.set_limit(**step.arguments)

    async def _prune(self, step: Step) -> None:
        pruner = Pruner(self._engine.backend, [RetentionRule(**step.arguments)], self._clock)
        async for doomed in pruner.due():
            await pruner.prune(doomed)
        await pruner.sweep()


METHODS = {
    "signal": "signal",
    "decide": "decide",
    "delegate": "delegate",
    "pause": "pause",
    "terminate": "terminate",
    "resolve": "resolve",
    "skip": "skip",
    "set": "set_variables",
    "priority": "prioritise",
    "checkpoint": "checkpoint",
}
"""Actions that are one method of an engine, with an execution first."""
