"""Contract of a trigger: something outside starts executions. Provisional.

A trigger watches (a schedule, a folder, a queue) and starts through the engine,
with an idempotency key that names the occasion: seen twice is started once.
What arrives as a request is an `Endpoint` among the faces instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harmonia_core.contracts.engine import Engine

KIND_STABILITY = "provisional"


class Trigger(Protocol):
    """Watch for occasions until cancelled."""

    async def watch(self, engine: Engine) -> None:
        """Start executions through `engine`; returns when there is nothing left to watch.

        Run in a task of its own and cancelled at the engine's end. An exception is
        reported and the trigger is started again, later each time (1 s to 60 s).
        """
        ...


class OpenTrigger(Protocol):
    """Make a trigger from its settings in a definition; bad settings raise ValueError."""

    def __call__(self, settings: Mapping[str, Any]) -> Trigger:
        """Return a trigger that does not watch yet."""
        ...


@dataclass(frozen=True, slots=True)
class TriggerType:
    """Register a kind of trigger by name."""

    name: str
    open: OpenTrigger
    description: str = ""
