"""A local dispatcher on a memory backend, and tasks run through it one by one."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from harmonia_core.builtin.memory import MemoryBackend
from harmonia_core.clock import SystemClock
from harmonia_core.contracts.task_type import TaskType, task_type
from harmonia_core.engine.activity import Activity, ActivityEntry
from harmonia_core.engine.dispatch import LocalDispatcher
from harmonia_core.model.outcomes import AttemptKey, ErrorInfo, Job, Outcome
from harmonia_core.settings import KernelSettings


class Bench:
    """Run tasks and keep what they delivered."""

    def __init__(self, secrets: dict[str, str], **settings: Any) -> None:
        self.types: dict[str, TaskType] = {}
        self.delivered: list[Outcome] = []
        self.secrets = secrets
        self.store = MemoryBackend("memory://")
        self.activity = Activity(settings.get("log_ring", 1000))
        self.group: TaskGroup
        self._waiting: dict[AttemptKey, anyio.Event] = {}
        self.dispatcher = LocalDispatcher(
            task_type=self.types.__getitem__,
            secret=self.secret,
            store=self.store,
            settings=KernelSettings(**settings),
            clock=SystemClock(),
            deliver=self._deliver,
            activity=self.activity,
        )

    def secret(self, namespace: str, name: str) -> str | None:
        return self.secrets.get(name)

    def _deliver(self, outcome: Outcome) -> None:
        self.delivered.append(outcome)
        self._waiting.setdefault(outcome.key, anyio.Event()).set()

    def start(
        self,
        task: Callable[..., Any],
        input: Any = None,
        *,
        path: str = "t",
        attempt: int = 1,
        execution: str = "e",
        **job: Any,
    ) -> AttemptKey:
        made = task if isinstance(task, TaskType) else task_type(task.__name__)(task)
        self.types[made.name] = made
        key = AttemptKey(execution, path, attempt)
        holes = job.pop("holes", ())
        self.dispatcher.start(
            self.group, Job(key, "default", made.name, input or {}, holes, f"root:{path}", **job)
        )
        return key

    async def outcome(self, key: AttemptKey) -> Outcome:
        with anyio.fail_after(5):
            await self._waiting.setdefault(key, anyio.Event()).wait()
        (only,) = (one for one in self.delivered if one.key == key)
        return only

    async def run(self, task: Callable[..., Any], input: Any = None, **job: Any) -> Outcome:
        return await self.outcome(self.start(task, input, **job))

    async def fails(self, task: Callable[..., Any], input: Any = None, **job: Any) -> ErrorInfo:
        outcome = await self.run(task, input, **job)
        assert outcome.kind == "failed" and outcome.error is not None, outcome
        return outcome.error

    def logged(self) -> list[ActivityEntry]:
        return list(self.activity.entries("e"))


BenchMaker = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
def bench() -> BenchMaker:
    """Return a function that opens a dispatcher: `async with bench(cancel_grace=0.05) as b`."""

    @asynccontextmanager
    async def opened(secrets: dict[str, str] | None = None, **settings: Any) -> AsyncIterator[Bench]:
        made = Bench(secrets or {}, **settings)
        await made.store.open(None)
        async with anyio.create_task_group() as made.group:
            try:
                yield made
            finally:
                await made.dispatcher.aclose()
        await made.store.close()

    return opened
