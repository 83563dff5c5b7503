"""An execution that this engine drives: its state, what has arrived for it, who waits for it.

Shell data, owned by the event loop's thread. At most one batch is in the writer;
what arrives meanwhile waits for the next.
"""

from collections.abc import Container

import anyio

from harmonia_core.contracts.rows import DocumentWrite
from harmonia_core.engine.arrivals import Arrival
from harmonia_core.engine.settle import Batch
from harmonia_core.engine.walks import begun
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus, TaskStatus


class Live:
    """Hold one driven execution.

    epoch: under which we append; expected: what the head row says before our next unit.
    batch: in the writer, if any. created: False until the first batch is committed.
    owned: False if our units leave the execution without an owner.
    definition: its canonical text until the first batch, which stores it; None if it is stored.
    documents: what is written with the first batch, on conditions that refuse it whole.
    snapshot: seq of the last one; weight: of the state when one was last due.
    taken: ids of stored requests that have arrived here. stuck: children that only a person can help on.
    trouble: why the engine has let go of it, if it has. landed: set at every commit
    for those who wait for one, landings counts them; rest: set while nothing more happens here.
    successor: what goes on here from where this one ended; formerly: ids of those before it in its chain.
    """

    __slots__ = (
        "arrivals", "batch", "created", "definition", "documents", "epoch", "execution_id", "expected",
        "formerly", "landed", "landings", "namespace", "owned", "queued", "rest", "snapshot", "state",
        "stuck", "successor", "taken", "trouble", "weight",
    )  # fmt: skip

    def __init__(
        self,
        state: ExecutionState,
        namespace: str,
        epoch: int,
        created: bool,
        definition: bytes | None = None,
    ) -> None:
        self.state, self.namespace, self.created = state, namespace, created
        self.definition = definition
        self.documents: tuple[DocumentWrite, ...] = ()
        self.epoch = self.expected = epoch
        self.execution_id = state.execution_id
        self.arrivals: list[Arrival] = []
        self.batch: Batch | None = None
        self.queued = False
        self.owned = True
        self.snapshot = self.weight = 0
        self.taken: set[str] = set()
        self.stuck: set[str] = set()
        self.trouble: Exception | None = None
        self.rest = anyio.Event()
        self.landed: anyio.Event | None = None
        self.landings = 0
        self.successor: Live | None = None
        self.formerly: tuple[str, ...] = ()

    @property
    def resting(self) -> bool:
        """Tell whether nothing more happens here: final, let go, paused, or only a person can go on."""
        state = self.state
        if self.trouble is not None or state.status in FINAL_EXECUTION:
            return True
        if state.status is ExecutionStatus.PAUSED:
            return not self.arrivals and not at_work(state)
        # A `finally` may be in attention while its execution is being cancelled.
        held = state.status is ExecutionStatus.ATTENTION or (state.cancelling and state.scope.held > 0)
        return (held or bool(self.stuck)) and idle(state, self.stuck) and not self.arrivals

    @property
    def over(self) -> bool:
        """Tell whether its last batch is committed; what arrived behind that leads to nothing here."""
        return self.batch is None and self.state.status in FINAL_EXECUTION

    async def settled(self) -> None:
        """Wait until what has arrived so far is committed; raise what made the engine let go."""
        goal = self.landings + (self.batch is not None) + bool(self.arrivals)
        while self.landings < goal and self.trouble is None and not self.over:
            if self.landed is None:
                self.landed = anyio.Event()
            await self.landed.wait()
        if self.trouble is not None:
            raise self.trouble

    def land(self) -> None:
        """Note that a batch has been committed, or had nothing to commit."""
        self.batch = None
        self.landings += 1
        self.stir()

    def stir(self) -> None:
        """Wake those who wait for a commit or for rest; let them wait again if there is none yet."""
        if self.landed is not None:
            self.landed.set()
            self.landed = None
        if self.resting:
            self.rest.set()
        elif self.rest.is_set():
            self.rest = anyio.Event()


def at_work(state: ExecutionState) -> bool:
    """Tell whether an attempt is in flight here, deferred ones aside."""
    return any(
        task.status is TaskStatus.RUNNING and task.items is None and task.inside is None
        for _, task in begun(state.graph, state)
    )


def idle(state: ExecutionState, stuck: Container[str] = ()) -> bool:
    """Tell whether nothing but attention is open: nothing runs, waits for a timer or can begin.

    stuck: children of which the same is true.
    """
    if state.scope.ready or state.scope.doomed or state.asks or state.undo.owed:
        return False
    if state.scope.stirred and not state.undo.open:  # what waits to be undone first is stirred meanwhile
        return False
    return all(
        task.status is TaskStatus.ATTENTION
        or (task.status is TaskStatus.RUNNING and (task.items is not None or task.inside is not None))
        or (task.status is TaskStatus.BLOCKED and task.child is not None and task.child in stuck)
        for _, task in begun(state.graph, state)
    )
