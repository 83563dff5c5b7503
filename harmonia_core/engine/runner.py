"""The engine: start, watch and steer executions on one state backend, in one process.

It opens the one long-lived task group, in which attempts, timers and observers
run, and wires the parts together; each part says what it does.
"""

import gc
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import anyio

from harmonia_core.clock import Clock, SystemClock
from harmonia_core.contracts.rows import EngineRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.definitions.named import Definitions
from harmonia_core.engine.activity import Activity
from harmonia_core.engine.activity_store import activity_store
from harmonia_core.engine.adoption import Adopter
from harmonia_core.engine.catalog import Catalog, Compiled
from harmonia_core.engine.child_starts import ChildStarts
from harmonia_core.engine.comparing import Comparing
from harmonia_core.engine.dispatch import LocalDispatcher
from harmonia_core.engine.documents import Documents
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.evaluate import Evaluator
from harmonia_core.engine.explaining import Explaining
from harmonia_core.engine.failures import sole
from harmonia_core.engine.forks import Forks
from harmonia_core.engine.id_maker import IdMaker
from harmonia_core.engine.limiting import Limiting
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.memos import Memos
from harmonia_core.engine.messaging import Messaging
from harmonia_core.engine.named_children import resolver
from harmonia_core.engine.operating import Operating
from harmonia_core.engine.ownership import Owner
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.post import PostOffice
from harmonia_core.engine.pruner import Pruner
from harmonia_core.engine.publish import Publisher, Viewer
from harmonia_core.engine.reading import Ref
from harmonia_core.engine.recovery import Recovery
from harmonia_core.engine.replacing import Replacing
from harmonia_core.engine.requests import Requests
from harmonia_core.engine.slot_keeper import SlotKeeper
from harmonia_core.engine.start_keys import StartKeys
from harmonia_core.engine.starting import Start, Starter
from harmonia_core.errors import Fenced
from harmonia_core.model.commands import Answer
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.memo import Recall
from harmonia_core.model.state import ExecutionState
from harmonia_core.plugins.load import Plugins
from harmonia_core.settings import KernelSettings

Definition = WorkflowDefinition | Mapping[str, Any]
REQUEST_KINDS = (
    "cancel", "undo", "retry", "skip", "fail", "done", "pause", "resume", "terminate", "set", "priority",
)  # fmt: skip


class Engine(Operating, Messaging, Replacing, Comparing, Limiting, Explaining):
    """Run workflows on one state backend; use as an async context manager.

    Leaving releases what is still running: attempts are interrupted, nothing is
    recorded for them, and another engine may adopt the executions.

    patience: what runs outlives an outage of the store; ask questions through it that are to do so, too.
    definitions: those that are published under a name. entropy: gives random bytes, for ids and jitter.
    """

    def __init__(
        self,
        backend: StateBackend,
        plugins: Plugins,
        settings: KernelSettings | None = None,
        clock: Clock | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.settings = settings or KernelSettings()
        self.plugins, self.backend = plugins, backend
        self._clock = clock or SystemClock()
        self._new_id = IdMaker(self._clock.now, entropy)
        self.engine_id = self._new_id()
        self.activity = Activity(self.settings.log_ring)
        self._kept = activity_store(backend, self.activity, self.settings, self._clock)
        self.documents = Documents(backend)
        self._catalog = self._new_catalog()
        self._loader = Loader(backend, self._catalog)
        self._publisher = Publisher(plugins.manager)
        self.patience = Patience(self._clock, self.settings.store_patience)
        evaluator = Evaluator(self.settings, self._fetch, self._clock.now)
        self.memos = Memos(backend, self.patience, self._clock, self._catalog.version_of)
        evaluator.recall = self._recall
        self._driver = Driver(
            backend, self.engine_id, self.settings, self._clock, evaluator, self._publisher, self.patience,
            self._dispatcher, entropy,
        )  # fmt: skip
        self._starts = ChildStarts(
            backend, self.engine_id, self._driver, self._catalog, self._clock, self.patience
        )
        self._owner = Owner(backend, self.engine_id, self._driver, self._loader, self.patience, self._starts)
        self._requests = Requests(
            backend, self._driver, self._owner, self._clock, self.settings.request_timeout
        )
        super().__init__(backend, self._loader, self._owner, self._driver, self._publisher, self._requests)
        self._office = PostOffice(backend, self._driver, self._clock, self.patience)
        self._driver.after.append(self._office.recorded)
        self._slots = SlotKeeper(backend, self._driver, self._clock, self.patience)
        self._driver.after.append(self._slots.recorded)
        self.definitions = Definitions(backend, self._catalog, self._clock)
        self._keys = StartKeys(backend, self._clock)
        self._forks = Forks(backend, self._loader, self._driver, self.patience, self._clock)
        self._owner.begin_upgraded = self.begin_upgraded
        evaluator.resolve = resolver(self.definitions, self.patience, self._namespace)
        self._starter = Starter(
            self._catalog, self.definitions, self._driver, self._keys, self.patience, self._clock,
            self._new_id, self.settings.output_limit,
        )  # fmt: skip
        self._pruner = Pruner(backend, self.settings.retention, self._clock)
        self._stack = AsyncExitStack()

    def _new_catalog(self) -> Catalog:
        return Catalog(self.plugins, self.settings)

    def _dispatcher(self, deliver: Callable[..., None]) -> LocalDispatcher:
        return LocalDispatcher(
            task_type=self._catalog.task_type,
            secret=self._secret,
            store=self.backend,
            settings=self.settings,
            clock=self._clock,
            deliver=deliver,
            activity=self.activity,
        )

    def _secret(self, namespace: str, name: str) -> str | None:
        for _, provider in self.plugins.registry.items("secret_providers"):
            value = provider.get(namespace, name)
            if value is not None:
                return str(value)
        return None

    def _namespace(self, state: ExecutionState) -> str:
        live = self._driver.lives.get(state.execution_id)
        return live.namespace if live else "default"

    async def _fetch(self, state: ExecutionState, ref: Ref) -> Any:
        return await self.patience.ask(self._loader.value, state, self._namespace(state), ref)

    async def _recall(self, state: ExecutionState, recall: Recall, value: Any) -> Answer:
        return await self.memos.recall(self._namespace(state), recall, value)

    async def __aenter__(self) -> Self:
        """Open the store and begin to serve; raise StateBackendError if the store cannot be used."""
        row = EngineRow(self.engine_id, os.getpid(), socket.gethostname(), self._clock.now())
        await self.backend.open(row)
        try:
            await self._serve()
        except BaseExceptionGroup as group:  # that of the tasks, in which one failure stands alone
            raise sole(group) from None
        if self.settings.freeze_at_start:
            gc.freeze()
        return self

    async def _serve(self) -> None:
        """Start everything that runs beside the executions."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.backend.close)
            if self._kept is not None:
                stack.push_async_callback(self._kept.aclose)
                self._owner.follow_on = self._kept.follow_on
            group = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(group.cancel_scope.cancel)
            stack.push_async_callback(self._driver.dispatcher.aclose)
            self._driver.enter(group)
            self._starts.enter(group)
            group.start_soon(self._driver.run)
            group.start_soon(self._driver.timers.run)
            group.start_soon(self._publisher.run)
            group.start_soon(self._requests.run)
            group.start_soon(self._office.run)
            await self._slots.read()
            group.start_soon(self._slots.run)
            group.start_soon(self._slots.follow, self._requests.next_change)
            if self._kept is not None:
                group.start_soon(self._kept.run)
            if self.settings.retention:
                self._driver.ended = self._pruner.ended
                group.start_soon(self._pruner.run, self.settings.prune_interval)
            self.backend.watch(self._requests.changed)
            await self.plugins.manager.engine_started(self)
            if self.settings.adopt_orphans:
                await self._owner.recover(retry_lost=False)
                adopter = Adopter(
                    self.backend, self.engine_id, self._driver, self._owner, self.settings.adopt_interval
                )
                group.start_soon(adopter.run)
            self._stack = stack.pop_all()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._office.drain()
        await self._publisher.drain()
        await self._stack.aclose()

    def compile(self, definition: Definition) -> Compiled:
        """Return the compiled definition; raise DefinitionInvalid with everything that is wrong."""
        return self._catalog.compile(definition)

    async def start(
        self,
        definition: Definition | str,
        input: Any = None,
        *,
        namespace: str = "default",
        labels: Mapping[str, str] | None = None,
        actor: Mapping[str, str] | None = None,
        key: str | None = None,
        priority: int | None = None,
    ) -> str:
        """Record a new execution, let it run, and return its id once the start is durable.

        definition: itself, or the name under which it is published, such as `order@^1.4`. key: as for
            `start_once`. priority: from -100 to 100, the definition's without.
        Raises DefinitionInvalid, InputInvalid, NotPublished, ReferenceInvalid, KeyReused,
            then nothing has been recorded; StateBackendError.
        """
        start = await self._starter.start(definition, input, namespace, labels, actor, key, priority)
        return start.execution_id

    async def start_once(
        self,
        definition: Definition | str,
        input: Any = None,
        *,
        key: str,
        namespace: str = "default",
        labels: Mapping[str, str] | None = None,
        actor: Mapping[str, str] | None = None,
        priority: int | None = None,
    ) -> Start:
        """Start an execution unless a start with this key did; return its id, and whether it existed.

        key: 1 to 255 characters, of the workflow's name in its namespace, kept for 30 days. Raises KeyReused
            if it stands for another definition, input or labels; otherwise as `start`.
        """
        return await self._starter.start(definition, input, namespace, labels, actor, key, priority)

    async def request(
        self, execution_id: str, kind: str, body: Any = None, *, actor: Mapping[str, str] | None = None
    ) -> None:
        """Put a request (one of REQUEST_KINDS) before the owner of an execution; return once it is durable.

        Raises ExecutionNotFound, ExecutionFinished, ExecutionNotAdoptable; ValueError for a kind
        that is none.
        """
        if kind not in REQUEST_KINDS:
            raise ValueError(f"{kind!r} is no kind of request; known: {', '.join(REQUEST_KINDS)}")
        await self._requests.put(self._requests.row(execution_id, kind, body or {}, actor, self._new_id()))

    async def complete(
        self, token: str, output: Any = None, error: Mapping[str, Any] | None = None,
        *, actor: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """End a deferred attempt, once; repeats and unknown tokens raise AlreadyCompleted."""
        await self._requests.complete(token, output, error, actor)

    async def adopt(self, execution_id: str, *, force: bool = False) -> None:
        """Take over an execution and drive it here; without `force` only if its owner is gone.

        Raises ExecutionNotFound, ExecutionFinished, ExecutionNotAdoptable; Fenced if another was quicker.
        """
        row = await self._requests.open_head(execution_id)
        alive = await self._owner.alive(row)
        if force or not alive:
            try:
                await self._owner.adopt(row, "forced" if alive else "orphaned")
            except Fenced:
                await self._requests.open_head(execution_id)  # says so if it has ended meanwhile
                raise

    async def recover(self, *, retry_lost: bool = False) -> Recovery:
        """Adopt every unfinished execution whose owner is gone; see `Recovery`."""
        return await self._owner.recover(retry_lost)

    def view(self, viewer: Viewer) -> Callable[[], None]:
        """Show a plain function every recorded batch, on the loop's thread; return what ends it."""
        return self._publisher.view(viewer)
