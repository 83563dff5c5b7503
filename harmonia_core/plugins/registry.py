"""The only place that looks a registration up by name.

Filled once while plugins are loaded, read-only afterwards: a dict per kind.
"""

import difflib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from harmonia_core.contracts.registration import KINDS, Kind, Origin, names_of
from harmonia_core.errors import PluginNotFound
from harmonia_core.plugins.report import PluginFault


class PluginConflict(PluginFault):
    """Refuse a second registration under a name that is taken; the first one stays."""

    code = "plugin-conflict"

    def __init__(self, kind: Kind, name: str, first: Origin, second: Origin) -> None:
        self.kind, self.name, self.first, self.second = kind.name, name, first, second
        super().__init__(
            "conflict",
            f"The {kind.title} {name!r} is already provided by {first}; {second} offers it again. "
            f"Disable one of the two plugins: {first.plugin} or {second.plugin}.",
        )


class Registry:
    """Hold registrations by (kind, name), each with its origin."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, tuple[Any, Origin]]] = {kind.name: {} for kind in KINDS}

    def add(self, kind: Kind, registration: Any, origin: Origin) -> tuple[str, ...]:
        """Take a registration under all its names or none; return them.

        Raises PluginConflict if a name is taken, PluginFault if it has none.
        """
        names = names_of(registration)
        if not names:
            raise PluginFault("type", f"{registration!r} is no {kind.title}: it has no name.")
        entries = self._entries[kind.name]
        for name in names:
            if name in entries:
                raise PluginConflict(kind, name, entries[name][1], origin)
        entries.update(dict.fromkeys(names, (registration, origin)))
        return names

    def drop(self, origin: Origin) -> None:
        """Forget everything that came from an origin."""
        for kind, entries in self._entries.items():
            self._entries[kind] = {name: entry for name, entry in entries.items() if entry[1] != origin}

    def find(self, kind: str, name: str) -> Any | None:
        """Return the registration of that name, or None."""
        entry = self._entries[kind].get(name)
        return None if entry is None else entry[0]

    def get(self, kind: str, name: str, hint: str = "") -> Any:
        """Return the registration of that name.

        hint: what to do about a missing one, put at the end of the error.
        Raises PluginNotFound, which names the nearest known names.
        """
        entry = self._entries[kind].get(name)
        if entry is None:
            raise PluginNotFound(_title(kind), name, self.names(kind), hint or self._nearest(kind, name))
        return entry[0]

    def origin(self, kind: str, name: str) -> Origin:
        """Return where a registration came from; raise PluginNotFound like `get`."""
        self.get(kind, name)
        return self._entries[kind][name][1]

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the known names of a kind, sorted."""
        return tuple(sorted(self._entries[kind]))

    def items(self, kind: str) -> Iterator[tuple[str, Any]]:
        """Yield (name, registration) of a kind, sorted by name."""
        return ((name, self._entries[kind][name][0]) for name in self.names(kind))

    def view(self, kind: str) -> Mapping[str, Any]:
        """Return a read-only copy of a kind as {name: registration}, for the hot path."""
        return MappingProxyType({name: entry[0] for name, entry in self._entries[kind].items()})

    def _nearest(self, kind: str, name: str) -> str:
        close = difflib.get_close_matches(name, self.names(kind), n=3)
        return f"Did you mean {' or '.join(close)}?" if close else ""


def _title(kind: str) -> str:
    return next((entry.title for entry in KINDS if entry.name == kind), kind)
