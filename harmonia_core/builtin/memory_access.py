"""What all parts of the memory backend stand on: the store, its lock, and whether it is open."""

from threading import RLock

from harmonia_core.builtin.memory_store import MemoryStore
from harmonia_core.errors import StateUnavailable

_named: dict[str, MemoryStore] = {}


class MemoryAccess:
    """Hold the store that a URL names: one for each name in this process, a private one without."""

    # One lock for all stores: commits are short, and engines of several threads are rare.
    _lock = RLock()

    def __init__(self, url: str) -> None:
        name = url.partition(":")[2].strip("/")
        self._store = _named.setdefault(name, MemoryStore()) if name else MemoryStore()
        self._name = name or "private"
        self._opened = False

    def _read(self) -> MemoryStore:
        if not self._opened:
            raise self._closed()
        return self._store

    def _closed(self) -> StateUnavailable:
        return StateUnavailable(f"The memory store {self._name!r} is not open; open the engine first.")
