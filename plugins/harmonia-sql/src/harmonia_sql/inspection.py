"""What checking one kind of database needs beside the questions that all of them share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from harmonia_core import Problem


class Inspection(Protocol):
    """Look at one database below its tables, and copy it."""

    @property
    def begin(self) -> Sequence[str]:
        """Return the statements that open a reading transaction which sees one instant, however long."""
        ...

    def outside(self) -> Mapping[str, Any]:
        """Return what `describe` says without a connection: backend, place, and bytes as far as known."""
        ...

    def sizes(self, core: Connection) -> dict[str, int]:
        """Return sizes in bytes, by name."""
        ...

    def verify(self, core: Connection) -> list[Problem]:
        """Check what lies below the tables."""
        ...

    async def backup(self, target: str, progress: Callable[[float], None] | None) -> dict[str, Any]:
        """Write a consistent copy; see the contract."""
        ...
