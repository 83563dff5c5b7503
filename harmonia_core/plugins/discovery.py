"""Find installed plugins: the only importer of stevedore. It ends where an object begins.

Names are read from the metadata, without importing anything; what is disabled is never
imported. stevedore's cache of entry points is not used: it can be two minutes stale and
forgets the distribution.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from harmonia_core.contracts.registration import KINDS, Kind, Origin

PLUGINS_GROUP = "harmonia.plugins"
FILE_GROUP = "file"
PROGRAM_GROUP = "program"
GROUPS = (PLUGINS_GROUP, *(kind.group for kind in KINDS))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin by name, not imported yet.

    kind: set if the object is a single registration and has to be lowered to a plugin.
    load: imports and returns the object; may raise anything.
    """

    name: str
    group: str
    distribution: str
    version: str
    load: Callable[[], object]
    kind: Kind | None = None

    @property
    def key(self) -> str:
        """Return a name unique among plugins: that of its settings, or a longer one for a short cut."""
        return self.name if self.kind is None else f"{self.kind.name}/{self.name}@{self.distribution}"

    @property
    def origin(self) -> Origin:
        """Return where registrations of this plugin come from."""
        return Origin(self.key, self.distribution, self.version)

    def is_among(self, names: Iterable[str]) -> bool:
        """Tell whether the plugin or its whole distribution is named."""
        return bool({self.name, self.distribution, _normal(self.distribution)} & set(names))


def installed() -> Iterator[Candidate]:
    """Yield what installed distributions declare: Harmonia's own first, then by distribution and name."""
    kinds: dict[str, Kind | None] = {PLUGINS_GROUP: None} | {kind.group: kind for kind in KINDS}
    everything = entry_points()  # one walk over sys.path serves every group
    found = [(entry, group) for group in GROUPS for entry in everything.select(group=group)]
    for entry, group in sorted(found, key=lambda pair: _order(*pair)):
        distribution, version = _distribution(entry)
        yield Candidate(entry.name, group, distribution, version, _loader(entry), kinds[group])


def _order(entry: EntryPoint, group: str) -> tuple[bool, str, int, str]:
    name = _normal(_distribution(entry)[0])
    return (name != "harmonia", name, GROUPS.index(group), entry.name)


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _loader(entry: EntryPoint) -> Callable[[], object]:
    """Return a function that loads one entry point through stevedore and raises what went wrong.

    One manager for each: stevedore lets AssertionError and SystemExit out of a plugin's
    import end the loop over all the others, and drops or keeps duplicates by adjacency.
    """

    def load() -> object:
        from stevedore.named import NamedExtensionManager

        class Single(NamedExtensionManager[Any]):
            def list_entry_points(self) -> list[EntryPoint]:
                return [entry]

        failures: list[BaseException] = []
        manager = Single(
            entry.group,
            [entry.name],
            on_load_failure_callback=lambda manager, entry, error: failures.append(error),
            on_missing_entrypoints_callback=None,
        )
        if failures:
            raise failures[0]
        return manager.extensions[0].plugin

    return load
