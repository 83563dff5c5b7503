"""The local dispatcher: attempts run in this process, each delivers exactly one outcome.

It starts and stops attempts and owns what they share; how one attempt goes is in
`attempt`, where it runs in `lanes`. It records nothing: the engine turns outcomes
into events.
"""

import math
from collections.abc import Callable, Collection
from contextvars import copy_context
from threading import get_ident
from typing import Any, NamedTuple

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import current_token

from harmonia_core.clock import Clock
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.contracts.task_type import TaskType
from harmonia_core.engine import capture
from harmonia_core.engine.activity import Activity
from harmonia_core.engine.attempt import Attempt
from harmonia_core.engine.context import Services
from harmonia_core.engine.heartbeats import Heartbeats
from harmonia_core.engine.lanes import Lanes
from harmonia_core.engine.watchdog import Watchdog
from harmonia_core.model.outcomes import AttemptKey, Job, Outcome
from harmonia_core.settings import KernelSettings


class Crowd(NamedTuple):
    """Name the attempts that have all the threads, and those that wait for one."""

    threads: int
    inside: tuple[AttemptKey, ...]
    waiting: tuple[AttemptKey, ...]


class LocalDispatcher:
    """Run attempts in the engine's task group.

    abandoned: how many attempts did not answer their cancellation so far. Plain functions
    among them keep a thread, and Python waits for its threads when the process ends.
    """

    def __init__(
        self,
        *,
        task_type: Callable[[str], TaskType],
        secret: Callable[[str, str], str | None],
        store: StateBackend,
        settings: KernelSettings,
        clock: Clock,
        deliver: Callable[[Outcome], None],
        activity: Activity,
    ) -> None:
        self.abandoned = 0
        self._type_of = task_type
        self._deliver = deliver
        self._group: TaskGroup | None = None
        # Lanes must not inherit the variables of whoever happens to start an attempt.
        self._variables = copy_context()
        self._lanes = Lanes(self._variables)
        self._closed = False
        # How many attempts there are, and those of them that wait for one of this engine's places.
        self._count, self._held_back = 0, dict[Attempt, None]()
        self._attempts: dict[str, dict[str, Attempt]] = {}
        self._services = Services(
            secret,
            store,
            settings,
            clock,
            activity,
            Heartbeats(store, self._launch),
            Watchdog(self._launch),
            anyio.CapacityLimiter(settings.threads),
            anyio.CapacityLimiter(math.inf),
        )

    @property
    def held_back(self) -> list[AttemptKey]:
        """Return the attempts that wait for one of this engine's places, in their order."""
        return [attempt.job.key for attempt in self._held_back]

    @property
    def quiet(self) -> bool:
        """Tell whether no attempt is in flight at all."""
        return not self._attempts

    def start(self, group: TaskGroup, job: Job) -> None:
        """Begin an attempt in the engine's task group; return at once.

        `deliver` is called on the loop exactly once for it, unless it is dropped first.
        """
        if self._closed:
            return
        if group is not self._group:
            self._enter(group)
        attempt = Attempt(job, self._services, self._type_of, self._ended)
        key = job.key
        most = self._services.settings.max_running
        waits = most > 0 and self._count - len(self._held_back) >= most
        self._count += 1
        beside = self._attempts.get(key.execution_id)
        if beside is None:
            self._attempts[key.execution_id] = {key.path: attempt}
        else:
            beside[key.path] = attempt
        if waits:
            self._held_back[attempt] = None
        else:
            self._lanes.put(group, attempt)

    def cancel(self, execution_id: str, path: str | None = None) -> None:
        """Ask all attempts of an execution, or the one at `path`, to stop; asking again is harmless.

        Each delivers `cancelled`, at the latest when its grace is over.
        """
        for attempt in self._found(execution_id, path):
            if attempt in self._held_back:
                self._never_begin(attempt)
            else:
                attempt.ask_to_stop("cancelled")

    def drop(self, execution_id: str) -> None:
        """Stop all attempts of an execution that was taken over elsewhere, and deliver nothing."""
        for attempt in self._found(execution_id, None):
            attempt.dropped = True
            if attempt in self._held_back:
                self._ended(attempt, None)
            else:
                attempt.ask_to_stop("cancelled")
        self._attempts.pop(execution_id, None)
        self.forget(execution_id)

    def forget(self, execution_id: str) -> None:
        """Let go of what the attempts of an execution said, for it has left memory."""
        self._services.activity.forget(execution_id)

    def in_flight(self, execution_id: str) -> Collection[AttemptKey]:
        """Return the attempts of an execution that have not delivered yet."""
        return [attempt.job.key for attempt in self._attempts.get(execution_id, {}).values()]

    async def aclose(self) -> None:
        """Stop everything and deliver nothing; call it before leaving the task group.

        Attempts get their grace, then they are let go. Safe while the group is being cancelled.
        """
        if self._group is None or self._closed:
            self._closed = True
            return
        self._closed = True
        begun = (attempt for beside in self._attempts.values() for attempt in beside.values())
        running = [attempt for attempt in begun if attempt not in self._held_back]
        for attempt in running:
            attempt.ask_to_stop("cancelled")
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(self._services.settings.cancel_grace):
                await self._lanes.aclose()
            for attempt in running:
                attempt.abandon()
            await self._lanes.aclose()
            await self._services.heartbeats.aclose()
        self._services.watchdog.close()
        capture.uninstall()

    def crowd(self) -> Crowd | None:
        """Return who has the threads and who waits for one; None while one is free."""
        threads = self._services.threads
        if threads.available_tokens > 0:
            return None
        running = [one for beside in self._attempts.values() for one in beside.values()]
        plain = [one for one in running if one.in_thread or not self._type_of(one.job.type).is_async]
        inside = tuple(one.job.key for one in plain if one.in_thread)
        waiting = tuple(one.job.key for one in plain if not one.in_thread)
        return Crowd(int(threads.total_tokens), inside, waiting)

    def _enter(self, group: TaskGroup) -> None:
        if self._group is None:
            capture.install()
        self._group = group
        self._services.loop = current_token()
        self._services.loop_thread = get_ident()

    def _found(self, execution_id: str, path: str | None) -> list[Attempt]:
        beside = self._attempts.get(execution_id, {})
        if path is None:
            return list(beside.values())
        return [beside[path]] if path in beside else []

    def _ended(self, attempt: Attempt, outcome: Outcome | None) -> None:
        key = attempt.job.key
        self._count -= 1
        self._held_back.pop(attempt, None)
        if self._held_back and not self._closed and self._group is not None:
            self._begin_held_back(self._group)
        beside = self._attempts.get(key.execution_id)
        # A retry may already stand in its place.
        if beside is not None and beside.get(key.path) is attempt:
            del beside[key.path]
            if not beside:
                del self._attempts[key.execution_id]
        if attempt.let_go:
            self.abandoned += 1
        if outcome is not None and not attempt.dropped and not self._closed:
            self._deliver(outcome)

    def _never_begin(self, attempt: Attempt) -> None:
        """End an attempt that waits for a place; who cancels it hears of that later, as of any other."""
        del self._held_back[attempt]
        attempt.stop = "cancelled"

        async def tell() -> None:
            self._ended(attempt, Outcome(attempt.job.key, "cancelled"))

        self._launch(tell)

    def _begin_held_back(self, group: TaskGroup) -> None:
        """Begin what waits for one of this engine's places, as far as there are any, in order."""
        while self._held_back and self._count - len(self._held_back) < self._services.settings.max_running:
            attempt = next(iter(self._held_back))
            del self._held_back[attempt]
            self._lanes.put(group, attempt)

    def _launch(self, function: Callable[[], Any]) -> None:
        """Start one of the dispatcher's own tasks, from the loop or from a thread."""
        group = self._group
        if group is None:
            raise RuntimeError("The dispatcher has no task group before its first attempt.")
        if get_ident() == self._services.loop_thread:
            self._variables.run(group.start_soon, function)
        else:
            anyio.from_thread.run_sync(group.start_soon, function, token=self._services.loop)
