"""What must hold of a store once everything has come to its end: logs, projections, messages, secrets."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json
from sim_fold import Fold
from sim_tasks import SECRET

from harmonia_core.builtin.memory_store import FINAL
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.engine import subscriptions
from harmonia_core.engine.evolve import evolve
from harmonia_core.engine.inspection import Inspector
from harmonia_core.engine.loading import Loader
from harmonia_core.host import KernelSettings
from harmonia_core.model.state import ExecutionState

if TYPE_CHECKING:
    from sim_world import World

INSPECTED = 2
"""Of so many seeds, one is compared in everything: it costs as much as a quarter of the run."""


async def judge(world: "World", causes: dict[str, list[str]]) -> None:
    """Note every invariant that does not hold."""
    for key, codes in causes.items():
        row = world.store.executions[key]
        world.ledger.wrong("no-end", f"{world.ledger.alias(key)} is {row.status}: {', '.join(codes)}")
    for key in world.people.accepted - world.store.executions.keys():
        world.ledger.wrong("lost-start", f"an accepted execution is not there: {world.ledger.alias(key)}")
    if not causes:
        for key, path, limit in world.store.slots:
            world.ledger.wrong(
                "slot-left", f"{world.ledger.alias(key)} {path} still has its place of {limit}"
            )
    await _inspected(world)
    _messages(world)
    _no_secret(world)


async def _inspected(world: "World") -> None:
    """Fold every log, event by event; of every second seed, compare all that follows with what is stored."""
    inspector = Inspector(world.judge_door(), world.plugins, KernelSettings())
    loader = inspector._loader
    loader._catalog._compiled = world.compiled
    for row in world.store.executions.values():  # compiled already; to do so again costs more than to judge
        graph = loader._catalog.known(row.definition_hash)
        if graph is not None:
            inspector._definitions._found[row.namespace, row.definition_hash] = graph
    if world.plan.seed % INSPECTED == 0:
        async for checked in inspector.check(deep=True):
            for problem in checked.problems:
                name = world.ledger.alias(checked.execution_id)
                world.ledger.wrong(problem.code, f"{name}: {problem.message}")
    for row in list(world.store.executions.values()):
        await _folded(world, loader, row)


async def _folded(world: "World", loader: Loader, row: ExecutionRow) -> None:
    fold = Fold(world, row)
    graph = await loader.graph(row, strict=False)
    state: ExecutionState = await loader.beginning(row.namespace, graph, row.execution_id)
    for recorded in await loader.events(row.execution_id):
        after = evolve(state, recorded)
        fold.step(state, recorded, after)
        state = after
    if (str(state.status), state.seq) != (row.status, row.seq):
        stands = f"{row.status} at {row.seq}"
        world.ledger.wrong("projection-differs", f"{world.ledger.alias(row.execution_id)} stands as {stands}")


def _received(world: "World") -> set[tuple[str, str]]:
    return {
        (key, from_json(event.data)["message_id"])
        for key, events in world.store.events.items()
        for event in events
        if event.type in ("MessageReceived", "MessageRefused")
    }


def _messages(world: "World") -> None:
    """Look for messages that were given to an execution and never came there."""
    received = _received(world)
    kept = world.store.documents[subscriptions.PLACE, subscriptions.MESSAGES]
    for key, stored in kept.items():
        taken, message = from_json(stored.value)["taken_by"], key.partition("/")[2]
        if taken is None or world.store.executions[taken].status in FINAL - {"continued"}:
            continue
        if (taken, message) not in received and not _under_way(world, taken):
            world.ledger.wrong("message-lost", f"{message} was given to {world.ledger.alias(taken)}")
    for key, message in world.people.signalled:
        row = world.store.executions[key]
        if row.status not in FINAL and (key, message) not in received and not _under_way(world, key):
            world.ledger.wrong("message-lost", f"{message} was accepted for {world.ledger.alias(key)}")


def _under_way(world: "World", key: str) -> bool:
    return any(row.execution_id == key for row in world.store.requests.values())


def _texts(world: "World") -> Iterator[Any]:
    store = world.store
    yield store.heartbeats
    yield store.activity
    yield store.requests
    yield store.documents
    yield store.snapshots
    yield store.executions


def _no_secret(world: "World") -> None:
    if any(SECRET[1] in repr(part) for part in _texts(world)):
        world.ledger.wrong("secret", "a secret's value is in the store")
