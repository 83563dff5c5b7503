"""Begin executions from states of others: read the origin, wind it back, record the first event.

Everything that the new execution refers to is written, or referred to, in the unit of that event, so that
nothing is left of an attempt that was refused, and the origin may be pruned the moment after.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from pydantic_core import from_json, to_json

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import DocumentWrite, ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.arrivals import Arrival, Fact
from harmonia_core.engine.artifact_refs import artifacts_in, artifacts_of
from harmonia_core.engine.catalog import Compiled
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.fork_plan import MOST_NAMED, ForkPlan, ForkWish, changed
from harmonia_core.engine.live import Live
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.rewind import AtSeq, Origin, placed, rewind
from harmonia_core.engine.rewind_times import timed
from harmonia_core.engine.rolling import restored, values_in
from harmonia_core.engine.undone_elsewhere import NONE, Elsewhere
from harmonia_core.model.events import ExecutionForked
from harmonia_core.model.refs import REFS, BlobRef
from harmonia_core.model.snapshot import dump
from harmonia_core.model.state import ExecutionState

Blobs = dict[str, bytes]


class Forks:
    """Plan and begin forks for one engine."""

    def __init__(
        self, backend: StateBackend, loader: Loader, driver: Driver, patience: Patience, clock: Clock
    ) -> None:
        self._backend, self._loader, self._driver = backend, loader, driver
        self._patience, self._clock = patience, clock
        self._elsewhere = Elsewhere(backend, loader)

    async def plan(self, row: ExecutionRow, wish: ForkWish, target: Compiled | None) -> ForkPlan:
        """Return what a fork is going to be; nothing is written. target: None for the origin's definition.

        Raises RewindRefused with everything that stands against it, InputInvalid, DefinitionInvalid.
        """
        ask = self._patience.ask
        origin = await ask(self._loader.graph, row, target is None)
        graph = origin if target is None else target.graph
        last = wish.point.seq if isinstance(wish.point, AtSeq) else row.seq
        before = await ask(self._loader.beginning, row.namespace, origin, row.execution_id)
        log = await ask(self._loader.events, row.execution_id)
        # Nobody else can have gone on with the entries of what is paused, or has ended for this upgrade.
        after = NONE if wish.kind == "upgrade" else await ask(self._elsewhere.after, row)
        past = Origin(origin, before, log, await ask(self._elsewhere.before, row), after)
        found = rewind(past, wish.point, wish.changes, None if target is None else graph)
        return ForkPlan(wish, row, last, origin, graph, None if target is None else target.text, found)

    async def begin(
        self,
        plan: ForkPlan,
        execution_id: str,
        documents: tuple[DocumentWrite, ...] = (),
        more: Sequence[Arrival] = (),
        driven: bool = True,
    ) -> Live:
        """Begin a fork and let it run; return it once that is durable.

        documents: what is written with it, on conditions that refuse it whole. more: what reaches it at once.
        driven: go on with it here; otherwise nobody owns it. Raises StateBackendError.
        """
        wish, graph = plan.wish, plan.graph
        state, blobs = await self._whole(plan)
        refers = await self._artifacts(plan.row, state, blobs)
        now = self._clock.now()
        base = from_json(dump(timed(state, now)))
        again = plan.rewound.again
        live = Live(
            restored(graph, execution_id, base), plan.row.namespace, 1, created=False, definition=plan.text
        )
        live.documents, live.blobs, live.refers = documents, blobs, refers
        forked = ExecutionForked(
            plan.row.execution_id,
            plan.seq,
            wish.kind,
            graph.name,
            graph.version,
            graph.definition_hash,
            graph.graph_hash,
            base,
            _labels(state.labels, wish.labels),
            None if graph.timeout is None else now + graph.timeout,
            self._loader.versions(graph),
            None if graph.definition_hash == plan.origin.definition_hash else plan.origin.definition_hash,
            wish.comment,
            list(changed(wish.changes)),
            list(again[:MOST_NAMED]),
            len(again),
            wish.checkpoint,
            graph.priority,
            len(plan.rewound.adopted),
        )
        arrivals = [Fact(forked, wish.actor), *more]
        if not driven:
            await self._driver.deliver(live, arrivals)
            return live
        self._driver.adopt(live)
        self._driver.arrive(live, *arrivals)
        await live.settled()
        live.blobs = {}
        return live

    async def _whole(self, plan: ForkPlan) -> tuple[ExecutionState, Blobs]:
        """Return the state to begin with, in which nothing is left that only the origin's rows know."""
        blobs: Blobs = {}
        addresses: dict[str, BlobRef] = {}
        state, ask = plan.rewound.state, self._patience.ask
        for need in plan.rewound.needs:
            text = to_json(await ask(self._loader.kept, state, plan.row.namespace, need))
            addresses[need.path] = stored = BlobRef(f"sha256:{sha256(text).hexdigest()}", len(text))
            blobs[stored.address] = text
        return placed(plan.rewound, addresses).state, blobs

    async def _artifacts(
        self, row: ExecutionRow, state: ExecutionState, blobs: Mapping[str, bytes]
    ) -> tuple[BlobRef, ...]:
        """Return the artifacts that the values of a state speak of, and that are there."""
        found: dict[str, BlobRef] = {}
        for value in values_in(state):
            if isinstance(value, BlobRef):
                text = blobs.get(value.address) or await self._patience.ask(
                    self._backend.blob, row.namespace, value.address
                )
                found |= {ref.address: ref for ref in artifacts_of(text or b"")}
            elif type(value) not in REFS:
                found |= {ref.address: ref for ref in artifacts_in(value)}
        if not found:
            return ()
        ask = self._patience.ask
        held = await ask(self._backend.holdings, row.execution_id, row.namespace, sorted(found))
        return tuple(BlobRef(address, holding.size) for address, holding in held.items())


def _labels(before: Mapping[str, str], more: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**before, **more}.items() if value is not None}
