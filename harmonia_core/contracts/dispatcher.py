"""Contract of a dispatcher: carry out single attempts elsewhere, chosen by `runs_on`. Provisional.

The engine stays the only one that appends events: a dispatcher hands attempts to
workers and their ends back to a sink. It never decides about retries.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

from harmonia_core.model.outcomes import AttemptKey, Job, Outcome

KIND_STABILITY = "provisional"

Ability: TypeAlias = Literal["transactional", "survives-restart", "cancel", "placement"]


class CompletionSink(Protocol):
    """Take what became of attempts; safe to call from any thread, repeats do no harm."""

    def ended(self, outcome: Outcome) -> None:
        """Report the end of an attempt."""
        ...

    def lost(self, key: AttemptKey, reason: str) -> None:
        """Report an attempt whose worker is gone: dispatched again, no retry burned."""
        ...


class Dispatcher(Protocol):
    """Carry attempts to where they run."""

    @property
    def name(self) -> str:
        """Return the name that `runs_on` gives."""
        ...

    @property
    def capabilities(self) -> frozenset[Ability]:
        """Return what the dispatcher can do beyond enqueueing."""
        ...

    def enqueue(self, jobs: Sequence[Job], transaction: Any | None) -> None:
        """Hand over attempts; the same key twice is one attempt.

        jobs: secrets are still holes, which the worker fills from its own provider.
        transaction: the state backend's open one for `transactional` dispatchers, else None and
            the call comes after the intent is committed.
        """
        ...

    async def cancel(self, key: AttemptKey) -> None:
        """Ask an attempt to stop; it may still succeed. Unknown keys are ignored."""
        ...

    async def attach(self, sink: CompletionSink) -> None:
        """Serve until cancelled: report ends to `sink`, after a start first those missed, and losses."""
        ...
