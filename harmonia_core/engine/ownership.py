"""Take over executions whose engine is gone, and bring requests to those that are not ours.

Adopting raises the epoch, so whoever still believes to own the execution is
fenced out at its next write. Correctness rests on that, never on a lock.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import anyio

from harmonia_core.contracts.rows import ExecutionRow, RequestRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.arrivals import Arrival, Fact, Requested
from harmonia_core.engine.child_starts import ChildStarts
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.live import Live, at_work, idle
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.questions import open_questions
from harmonia_core.engine.recovery import HELD_UP, OF_LOSS, Recovery, lost, retry_request
from harmonia_core.engine.succession import Succession
from harmonia_core.engine.walks import begun
from harmonia_core.errors import (
    DefinitionInvalid,
    ExecutionNotAdoptable,
    ExecutionNotFound,
    Fenced,
    StateBackendError,
    StateCorrupt,
)
from harmonia_core.model.events import (
    Beginning,
    Cause,
    ExecutionAdopted,
)
from harmonia_core.model.graph import Graph
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus, TaskStatus

LOG = logging.getLogger("harmonia.engine")
# Adoptions at once: enough to share commits, few enough that their states fit beside each other.
AT_ONCE = 16
_MOVING = frozenset({"running", "backoff", "blocked", "ready"})


class Owner:
    """Adopt and release executions for one engine.

    follow_on: called before an execution is driven here that was driven elsewhere, if somebody set it.
    begin_upgraded: begins what goes on in the place of executions that have ended, if somebody set it.
    """

    def __init__(
        self,
        backend: StateBackend,
        engine_id: str,
        driver: Driver,
        loader: Loader,
        patience: Patience,
        starts: ChildStarts,
    ) -> None:
        self._backend, self._engine_id = backend, engine_id
        self._driver, self._loader, self._patience = driver, loader, patience
        self.succession = Succession(backend, engine_id, driver, loader)
        self.follow_on: Callable[[str], Awaitable[None]] | None = None
        self.begin_upgraded: Callable[[Recovery], Awaitable[None]] | None = None
        self.starts = starts

    async def alive(self, row: ExecutionRow) -> bool:
        """Tell whether the owner of an execution holds its sign of life; a stopped process does."""
        return row.owner is not None and bool(await self._backend.alive([row.owner]))

    async def adopt(self, row: ExecutionRow, cause: Cause = "orphaned") -> Live:
        """Take an execution over whoever owns it, and drive it from here on; our own goes on as it is.

        cause: `forced` if its owner still shows its sign of life. Waiting requests are consumed first, then
        attempts in flight are recorded as lost.
        Raises ExecutionNotAdoptable, nothing is written then; Fenced if another was quicker.
        """
        if row.status == ExecutionStatus.CONTINUED:
            return await self._succeed(row)
        live = await self._patience.ask(self._ready, row)
        stored = await self._patience.ask(self.succession.requests, row)
        if self.follow_on is not None:
            await self.follow_on(row.execution_id)
        here = self._driver.lives.get(row.execution_id)
        if here is not None:  # it is ours already; taken from ourselves, its attempts would be dropped
            return here
        arrivals: list[Arrival] = [self._adopted(row, live, cause)]
        arrivals += [Requested(request, True, self._driver.draw()) for request in stored]
        arrivals += [Fact(event) for event in lost(live.state)]
        live.taken.update(request.request_id for request in stored)
        self._driver.adopt(live)
        self._driver.reopen(live, open_questions(live.state))
        self._driver.arrive(live, *arrivals)
        await live.settled()
        # What was stored while the execution was read, and not yet known to be ours, reached nobody.
        self._driver.hand_over(*await self._patience.ask(self.succession.requests, row))
        await self._begin_children(live)
        return live

    async def drive(self, execution_id: str) -> None:
        """Adopt an execution that has not ended if nobody drives it; raise ExecutionNotAdoptable."""
        row = await self._patience.ask(self._backend.head, execution_id)
        if row is None or row.status in FINAL_EXECUTION or execution_id in self._driver.lives:
            return
        if not await self.alive(row):
            with suppress(Fenced):  # another engine was quicker
                await self.adopt(row)

    async def _begin_children(self, live: Live) -> None:
        """Begin children that an earlier owner did not come to begin; note those that wait for a person."""
        waiting = [task.child for _, task in begun(live.state.graph, live.state) if task.child is not None]
        if not waiting:
            return
        for row in await self.starts.left(waiting):
            await self.starts.begin(row)
        for head in await self._backend.heads(waiting):
            child = self._driver.lives.get(head.execution_id)
            if head.status in HELD_UP if child is None else child.resting:
                live.stuck.add(head.execution_id)
        live.stir()
        self._driver.tell_parents(live)

    async def deliver(self, row: ExecutionRow, request: RequestRow) -> None:
        """Record a request of an execution that nobody drives, and leave it to be adopted.

        Nothing is dispatched, so its task types need not be here; a cancel is carried out to the
        end, for that needs no dispatch. What it leaves for children without an owner, and they for
        it, is delivered as well.
        """
        for left in await self._delivered(row, request):
            target = await self._backend.head(left.execution_id)
            ended = target is not None and target.status in FINAL_EXECUTION
            if target is None:
                for start in await self.starts.left([left.execution_id]):
                    await self.starts.begin(start)  # it takes what waits for it, and ends
            elif not ended and not await self.alive(target):
                await self.deliver(target, left)

    async def _delivered(self, row: ExecutionRow, request: RequestRow) -> list[RequestRow]:
        if row.status == ExecutionStatus.CONTINUED:
            graph = await self._loader.graph(row, strict=False)
            await self.succession.begin(row, graph, Requested(request, True, 0.0), driven=False)
            return []
        live = await self._load(row, await self._loader.graph(row, strict=False))
        arrivals: list[Arrival] = [
            self._adopted(row, live, "delivery"),
            # Its row may be there, left to an owner that has died since.
            Requested(request, True, self._driver.draw()),
        ]
        if request.kind == "cancel":
            arrivals += [Fact(event) for event in lost(live.state)]
        return await self._driver.deliver(live, arrivals)

    def _adopted(self, row: ExecutionRow, live: Live, cause: Cause) -> Fact:
        return Fact(ExecutionAdopted(self._engine_id, live.epoch, row.owner, cause))

    async def _runnable(self, row: ExecutionRow) -> Graph:
        """Return the graph if it can be run here as it was begun; raise ExecutionNotAdoptable."""
        try:
            graph = await self._loader.graph(row, strict=True)
        except DefinitionInvalid as error:
            reason = "; ".join(problem.message for problem in error.problems)
            raise ExecutionNotAdoptable(row.execution_id, reason) from error
        for recorded in await self._loader.events(row.execution_id, 0, 1):
            started = recorded.event
            if isinstance(started, Beginning) and started.graph_hash != graph.graph_hash:
                raise ExecutionNotAdoptable(row.execution_id, self._loader.changed(started))
        return graph

    async def _ready(self, row: ExecutionRow) -> Live:
        return await self._load(row, await self._runnable(row))

    async def _load(self, row: ExecutionRow, graph: Graph) -> Live:
        """Return an execution as its log has it now; raise Fenced if it has ended since its row was read."""
        state, snapshot = await self._loader.state(row, graph)
        if state.status in FINAL_EXECUTION:
            raise Fenced(row.execution_id, row.epoch)
        live = Live(state, row.namespace, row.epoch + 1, created=True)
        live.expected, live.snapshot = row.epoch, snapshot
        return live

    async def recover(self, retry_lost: bool) -> Recovery:
        """Adopt every execution that is not final and whose owner is gone.

        retry_lost: tasks that need a person because their attempt was lost are tried again.
        """
        report, orphans = Recovery(), []
        ask = self._patience.ask
        unfinished = await ask(self._backend.unfinished)
        rows = [row for row in unfinished if row.execution_id not in self._driver.lives]
        owners = sorted({row.owner for row in rows if row.owner is not None})
        alive = await ask(self._backend.alive, owners)
        for row in rows:
            if row.owner in alive:
                report.living[row.execution_id] = row.owner or ""
            else:
                orphans.append(row)
        await self.adopt_all(orphans, report, retry_lost)
        report.adopted += await self.starts.begin_left(report.refused)
        await self.begin_successors(report)
        return report

    async def begin_successors(self, report: Recovery | None = None) -> Recovery:
        """Begin what goes on where executions ended whose engine died right behind their end."""
        report = report or Recovery()
        for row in await self._patience.ask(self.succession.unbegun):
            await self._note(row, report, self._succeed)
        if self.begin_upgraded is not None:
            await self.begin_upgraded(report)
        return report

    async def _succeed(self, row: ExecutionRow) -> Live:
        graph = await self._patience.ask(self._runnable, row)
        return await self.succession.begin(row, graph)

    async def adopt_all(
        self, rows: Sequence[ExecutionRow], report: Recovery | None = None, retry_lost: bool = False
    ) -> Recovery:
        """Adopt executions, several at once, and report what became of each.

        Those that are paused or wait for a person alone are left as they are (these unless `retry_lost`).
        Raises StateBackendError if the store does not answer; what has been adopted by then is driven.
        """
        report = report or Recovery()
        limiter = anyio.CapacityLimiter(AT_ONCE)

        async def one(row: ExecutionRow) -> None:
            async with limiter:
                left = report.left(row.status)
                if left is not None and not (
                    (retry_lost and left is report.attention) or await self._patience.ask(self._stirred, row)
                ):
                    left.append(row.execution_id)
                    return
                await self._recover(row, report, retry_lost)

        async def carefully(row: ExecutionRow) -> None:
            try:
                await one(row)
            except StateBackendError as error:  # raised below: out of a group it would be something else
                failed.append(error)
                group.cancel_scope.cancel()

        failed: list[StateBackendError] = []
        async with anyio.create_task_group() as group:
            for row in rows:
                group.start_soon(carefully, row)
        if failed:
            raise failed[0]
        return report

    async def _recover(self, row: ExecutionRow, report: Recovery, retry_lost: bool) -> None:
        live = await self._note(row, report, self.adopt)
        if retry_lost and live is not None:
            for path, task in begun(live.state.graph, live.state):
                if task.status is TaskStatus.ATTENTION and task.reason in OF_LOSS:
                    self._driver.arrive(
                        live, Requested(retry_request(live, path), False, self._driver.draw())
                    )

    async def _note(
        self, row: ExecutionRow, report: Recovery, adopt: Callable[[ExecutionRow], Awaitable[Live]]
    ) -> Live | None:
        """Adopt one and note what became of it."""
        try:
            live = await adopt(row)
        except (ExecutionNotAdoptable, ExecutionNotFound, StateCorrupt) as error:
            LOG.warning("%s", error)
            report.refused[row.execution_id] = str(error)
            return None
        except Fenced as error:  # another engine was quicker
            report.living[row.execution_id] = str(error)
            return None
        report.adopted.append(live.execution_id)
        return live

    async def _stirred(self, row: ExecutionRow) -> bool:
        """Tell whether an execution that is paused or in attention has anything else to go on with."""
        if await self._backend.requests([row.execution_id]):
            return True
        tasks = await self._backend.tasks(row.execution_id)
        paused = row.status == ExecutionStatus.PAUSED
        if not paused and any(task.status in _MOVING for task in tasks):
            return True
        try:  # a person may have decided something that nobody has acted on
            state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        except (StateCorrupt, DefinitionInvalid):
            return True  # adopting it says what is wrong
        if not paused:
            return not idle(state)
        return at_work(state) or (state.deadline is not None and state.deadline <= self._driver.now())
