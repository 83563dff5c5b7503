"""Contract of a notifier: tell people or systems what an execution came to. Provisional."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Protocol

KIND_STABILITY = "provisional"


@dataclass(frozen=True, slots=True)
class Notice:
    """Say one thing worth telling.

    subject: `execution-completed`, `execution-failed`, `execution-cancelled` or `attention`.
    key: the same for every delivery of this notice, so that a receiver can drop repeats.
    data: JSON, masked like outputs.
    """

    subject: str
    namespace: str
    execution: str
    text: str
    key: str
    data: dict[str, Any] = field(default_factory=dict)


class Notifier(Protocol):
    """Deliver notices, at least once each, in no promised order."""

    @property
    def name(self) -> str:
        """Return the name by which a definition or a setting chooses the notifier."""
        ...

    def notify(self, notice: Notice) -> Awaitable[None] | None:
        """Deliver one notice; a plain method runs in a thread, an async one on the loop.

        An exception means not delivered. It never reaches the execution.
        """
        ...
