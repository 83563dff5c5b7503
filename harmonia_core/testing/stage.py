"""Play one execution of a test: time passes by itself, moments come, and every event is kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from harmonia_core.host import create_backend
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.events import ChildRequested, Recorded, TaskScheduled
from harmonia_core.model.state import ExecutionState
from harmonia_core.testing.blueprint import before
from harmonia_core.testing.clock import FakeClock
from harmonia_core.testing.harness import Harness, only_waits
from harmonia_core.testing.moments import Moment, Spot
from harmonia_core.testing.refusals import MomentRefused, TooLong
from harmonia_core.testing.staging import Cast, StagedEngine, installed
from harmonia_core.testing.targets import Target

Rest = Literal["ended", "standstill", "until"]
"""Why an execution was left: it has ended, it waits for what nobody sends, its time was over."""
TURNS = 5
"""Turns of the loop in which nothing must happen before time passes: nothing here waits for anything else."""
PATIENCE = 0.02
"""Seconds of real time after which real work is looked at again."""


class Stage(Harness):
    """Hold the engine of one execution.

    root: its id. recorded: every event, of its children as well. states: the last of each execution.
    fault: what is wrong with the test itself.
    """

    engine: StagedEngine

    def __init__(self, cast: Cast, moments: Sequence[Moment], start: float) -> None:
        settings = cast.engine_settings()
        plugins = installed(settings)
        clock = FakeClock(start, on_sleep=self._stir)
        backend = create_backend("memory://", plugins, settings)
        self._hold(clock, StagedEngine(backend, plugins, clock, cast, self._stir, self._blame))
        self._moments, self.prefixes, self._resources = moments, cast.prefixes, cast.resources
        self._on = [one for one in moments if one.target is not None]
        self.root = ""
        self.recorded: list[Recorded] = []
        self.states: dict[str, ExecutionState] = {}
        self.fault: Exception | None = None
        self._busy = 0
        self._group: TaskGroup

    async def play(
        self,
        definition: WorkflowDefinition,
        input: Any,
        workflows: Sequence[WorkflowDefinition],
        until: float,
        limit: float,
    ) -> Rest:
        """Start a workflow and let time pass until nothing more happens.

        workflows: to be published before. until: epoch seconds. limit: seconds of real time.
        """
        for one in workflows:
            await self.engine.definitions.publish(one)
        for name, most in self._resources.items():
            await self.engine.set_limit("resource", name, most=most)
        self.engine.view(self._seen)
        rest: Rest | None = None
        with anyio.move_on_after(limit):
            try:
                async with anyio.create_task_group() as self._group:
                    rest = await self._perform(definition, input, until)
            except BaseExceptionGroup as group:
                raise _sole(group) from None
        if rest is None:
            self.fault = self.fault or self._too_long(limit)
        return rest or "standstill"

    async def _perform(self, definition: WorkflowDefinition, input: Any, until: float) -> Rest:
        self.root = await self.engine.start(definition, input)
        for moment in self._moments:
            if moment.target is None:
                self._group.start_soon(self._happen, moment, None, moment.due(0.0))
        rest = await self._go_on(until)
        self._group.cancel_scope.cancel()
        return rest

    async def _go_on(self, until: float) -> Rest:
        while self.fault is None and self.engine._driver.lives:
            changed, due = self._changed, self.clock.next_due
            if due is not None and due <= self.clock.now():
                await checkpoint()
                self.clock.advance_to(due)
            elif await self._nothing_happens():
                due = self.clock.next_due
                if due is None:
                    return "standstill"
                if due > until:
                    self.clock.advance_to(until)
                    return "until"
                self.clock.advance_to(due)
                await checkpoint()
            else:
                await self._change(changed)
        return "ended"

    async def _nothing_happens(self) -> bool:
        """Tell whether nothing goes on by itself, several turns of the loop in a row."""
        for _ in range(TURNS):
            if not self._quiet:
                return False
            await checkpoint()
        return self._quiet

    @property
    def _quiet(self) -> bool:
        return not self._busy and only_waits(self.engine, self.engine.work.waits)

    async def _change(self, changed: anyio.Event) -> None:
        """Return when something has changed; not all that does so says it."""
        for _ in range(4 * TURNS):
            if changed.is_set() or self._quiet:
                return
            await checkpoint()
        with anyio.move_on_after(PATIENCE):
            await changed.wait()

    def _too_long(self, limit: float) -> TooLong:
        now = datetime.fromtimestamp(self.clock.now(), UTC).strftime("%Y-%m-%d %H:%M:%S")
        return TooLong(
            f"The execution did not come to rest within {limit:g} s of real time; in workflow time it is"
            f" {now}, after {len(self.recorded):,} events. If it goes on for ever, end it with"
            " run(until=...); if a task does real work that takes so long, give it more with run(limit=...)."
        )

    def _blame(self, fault: Exception) -> None:
        self.fault = self.fault or fault
        self._stir()

    def _seen(self, recorded: Sequence[Recorded]) -> None:
        try:
            self._see(recorded)
        except Exception as error:  # a viewer that fails is dropped, and much would be missing
            self._blame(error)

    def _see(self, recorded: Sequence[Recorded]) -> None:
        self.recorded += recorded
        for one in recorded:
            event, live = one.event, self.engine._driver.lives.get(one.execution_id)
            if live is not None:
                self.states[one.execution_id] = live.state
            if isinstance(event, ChildRequested):
                paths = self.engine.paths_of(one.execution_id, event.path)
                full = self.engine.full_path(one.execution_id, event.path)
                self.prefixes[event.child_id] = before(dict.fromkeys((full, *paths)))
            elif isinstance(event, TaskScheduled):
                self._begins(Spot(one.execution_id, event.path))

    def _begins(self, spot: Spot) -> None:
        """Arrange the moments that come because a task begins: those that name it most exactly."""
        if not self._on:
            return
        paths = self.engine.paths_of(*spot)
        ranks = [one.target.rank(paths) for one in self._on if one.target is not None]
        best = max(ranks)
        for one, rank in zip(self._on, ranks, strict=True):
            if rank == best > 0:
                self._group.start_soon(self._happen, one, spot, one.due(self.clock.now()))

    async def _happen(self, moment: Moment, spot: Spot | None, due: float) -> None:
        await self.clock.sleep_until(due)
        self._busy += 1
        try:
            await moment.happen(self, spot, self.clock.now())
        except MomentRefused as fault:
            self._blame(fault)
        finally:
            self._busy -= 1
            self._stir()

    def open_approvals(self, target: Target) -> list[tuple[str, str]]:
        """Return execution and path of the approvals that a target names; raise MomentRefused if none."""
        lives = self.engine._driver.lives
        found = [(key, path) for key, live in lives.items() for path in live.state.inbox.approvals]
        ranked = [(target.rank(self.engine.paths_of(*one)), one) for one in found]
        best = max((rank for rank, _ in ranked), default=0)
        if not best:
            there = ", ".join(repr(self.engine.full_path(*one)) for one in found)
            raise MomentRefused(f"No approval {target.text!r} is open at that time; open: {there or 'none'}.")
        return [one for rank, one in ranked if rank == best]


def _sole(error: BaseException) -> BaseException:
    """Return the first error of a group, however deep it lies."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
