"""An open database, whichever it is: its parts, and how they are taken apart again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from anyio import to_thread

from harmonia_core import EngineRow
from harmonia_sql.inspection import Inspection
from harmonia_sql.reader import Reader
from harmonia_sql.writer import Writer


@dataclass(slots=True)
class Opened:
    """Hold the parts of an open database.

    watch: have a function called on the loop's thread when another engine may have written.
    living: return those engines whose sign of life is held.
    ends: what is to be closed once the writer has stopped, the last one first.
    examine: look at the place, in a thread; raise what forbids the store to grow.
    """

    writer: Writer
    reader: Reader
    watch: Callable[[Callable[[], None]], None]
    living: Callable[[Sequence[str]], Awaitable[set[str]]]
    ends: ExitStack
    examine: Callable[[], None] = lambda: None

    async def close(self) -> None:
        """Wait until everything accepted is committed and reported; then let go of everything."""
        await to_thread.run_sync(self._close)

    def _close(self) -> None:
        self.writer.stop()
        self.ends.close()


class Database(Protocol):
    """One database as its URL names it; `str()` of it is for messages and holds no secret."""

    @property
    def about(self) -> Mapping[str, Any]:
        """Return what `health` says in any case."""
        ...

    @property
    def inspection(self) -> Inspection:
        """Return what checking it needs."""
        ...

    async def open(self, engine: EngineRow | None, in_place: bool) -> Opened:
        """Check place and schema, begin the engine's sign of life, start the writer."""
        ...

    async def bury(self, engine_id: str) -> bool:
        """Remove the sign of life of an engine; return whether it is dead."""
        ...

    async def tidy(self, executions: int) -> None:
        """Hear that so many executions were pruned; make their space usable if it needs to be done."""
        ...

    async def vacuum(self, opened: Opened) -> None:
        """Give back as much space as can be had."""
        ...
