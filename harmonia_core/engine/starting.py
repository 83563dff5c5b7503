"""Begin an execution: a definition or a reference to one, its input, perhaps a key, and the first event."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import DocumentWrite
from harmonia_core.definitions.errors import KeyReused
from harmonia_core.definitions.named import Definitions
from harmonia_core.engine.arrivals import Fact
from harmonia_core.engine.catalog import Catalog, Compiled
from harmonia_core.engine.controlling import check_priority
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.live import Live
from harmonia_core.engine.output import taken_in
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.start_keys import StartKeys, check_key, fingerprint
from harmonia_core.errors import InputInvalid, VersionConflict
from harmonia_core.expressions.schema import check_value
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.events import ExecutionStarted
from harmonia_core.model.state import begin

Definition = WorkflowDefinition | Mapping[str, Any] | str


class Start(NamedTuple):
    """Say what a start came to. existing: its key had been used for the same request; nothing was begun."""

    execution_id: str
    existing: bool = False


class Wanted(NamedTuple):
    """Hold what is to be begun, checked."""

    compiled: Compiled
    input: Any
    namespace: str
    labels: Mapping[str, str]
    actor: str | None
    priority: int = 0


class Starter:
    """Begin executions for one engine."""

    def __init__(
        self,
        catalog: Catalog,
        definitions: Definitions,
        driver: Driver,
        keys: StartKeys,
        patience: Patience,
        clock: Clock,
        new_id: Callable[[], str],
        output_limit: int,
    ) -> None:
        self._catalog, self._definitions, self._driver = catalog, definitions, driver
        self._keys, self._patience, self._clock = keys, patience, clock
        self._new_id, self._limit = new_id, output_limit

    async def start(
        self,
        definition: Definition,
        input: Any,
        namespace: str,
        labels: Mapping[str, str] | None,
        actor: Mapping[str, str] | None,
        key: str | None,
        priority: int | None = None,
    ) -> Start:
        """Begin an execution unless its key says that it was; return once that is durable."""
        if isinstance(definition, str):
            found = await self._patience.ask(self._definitions.resolve, definition, namespace)
            definition = found.definition
        compiled = self._catalog.compile(definition)
        graph = compiled.graph
        input = taken_in({} if input is None else input, self._limit)
        problems = check_value(graph.input_schema, input, "input") if graph.input_schema else []
        if problems:
            raise InputInvalid(problems)
        who = None if actor is None else to_json(dict(actor)).decode()
        priority = graph.priority if priority is None else priority
        check_priority(priority)
        wanted = Wanted(compiled, input, namespace, dict(labels or {}), who, priority)
        if key is None:
            return Start(await self._begin(wanted, self._new_id()))
        check_key(key)
        start = await self._once(wanted, key)
        await self._keys.sweep(namespace)
        return start

    async def _once(self, wanted: Wanted, key: str) -> Start:
        graph = wanted.compiled.graph
        print_ = fingerprint(graph.definition_hash, wanted.input, wanted.labels)
        while True:
            held = await self._patience.ask(self._keys.held, wanted.namespace, graph.name, key)
            if held is not None and not self._keys.is_over(held):
                if held.fingerprint != print_:
                    raise KeyReused(key, graph.name, held.execution_id)
                return Start(held.execution_id, existing=True)
            execution_id = self._new_id()
            taking = self._keys.taking(wanted.namespace, graph.name, key, execution_id, print_, held)
            try:
                return Start(await self._begin(wanted, execution_id, taking))
            except VersionConflict:  # somebody else took it meanwhile: nothing of ours was written
                continue

    async def _begin(self, wanted: Wanted, execution_id: str, *documents: DocumentWrite) -> str:
        graph, now = wanted.compiled.graph, self._clock.now()
        started = ExecutionStarted(
            graph.name, graph.version, graph.definition_hash, graph.graph_hash, wanted.input,
            dict(graph.vars), {**graph.labels, **wanted.labels}, execution_id,
            None if graph.timeout is None else now + graph.timeout, self._catalog.versions(graph),
            priority=wanted.priority,
        )  # fmt: skip
        live = Live(
            begin(graph, execution_id), wanted.namespace, 1, created=False, definition=wanted.compiled.text
        )
        live.documents = documents
        self._driver.adopt(live)
        self._driver.arrive(live, Fact(started, wanted.actor))
        await live.settled()
        return execution_id
