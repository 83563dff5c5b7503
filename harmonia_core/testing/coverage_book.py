"""What the tests of a session came to, by definition: collected, added up, told to people and files. Pure."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from harmonia_core.model.graph import Graph
    from harmonia_core.testing.performing import Performance

Data = dict[str, dict[str, Any]]
"""By hash of a definition: its name, version, branches in order, and how often each was come to."""


class Covered(NamedTuple):
    """Hold what was covered of one definition. missing: its branches that nothing came to, in order."""

    name: str
    branches: int
    hit: int
    missing: tuple[str, ...]

    @property
    def percent(self) -> float:
        """Return the share of branches that were come to, from 0 to 100."""
        return 100.0 * self.hit / self.branches if self.branches else 100.0


class CoverageBook:
    """Add up what executions came to."""

    def __init__(self) -> None:
        self.data: Data = {}

    def add(self, performance: "Performance", graphs: Mapping[str, "Graph"]) -> None:
        """Add one performance. graphs: by hash, as their authors wrote them."""
        from harmonia_core.testing.branches import Hits, branches  # adding up alone needs no kernel

        for key, graph in graphs.items():
            self._entry(key, graph.name, graph.version, branches(graph))
        for key, branch in Hits(performance.graphs).of(performance.recorded):
            found = self.data.get(key, {}).get("hits", {})
            if branch in found:
                found[branch] += 1

    def merge(self, data: Data) -> None:
        """Add what another process has collected."""
        for key, other in data.items():
            hits = self._entry(key, other["name"], other["version"], list(other["hits"]))["hits"]
            for branch, count in other["hits"].items():
                hits[branch] += count

    def _entry(self, key: str, name: str, version: str, listed: list[str]) -> dict[str, Any]:
        fresh = {"name": name, "version": version, "hits": dict.fromkeys(listed, 0)}
        return self.data.setdefault(key, fresh)

    @property
    def rows(self) -> list[Covered]:
        """Return what was covered, by name; two definitions of one name and version say their hashes."""
        entries = sorted(self.data.items(), key=lambda one: (one[1]["name"], one[1]["version"], one[0]))
        names = [f"{entry['name']} {entry['version']}" for _, entry in entries]
        return [
            _covered(name if names.count(name) == 1 else f"{name} ({key[7:15]})", entry["hits"])
            for name, (key, entry) in zip(names, entries, strict=True)
        ]

    @property
    def total(self) -> Covered:
        """Return what was covered of all definitions together."""
        rows = self.rows
        return Covered("all", sum(one.branches for one in rows), sum(one.hit for one in rows), ())

    def as_json(self) -> dict[str, Any]:
        """Return everything in the shape of the file that is written."""
        shown = {
            one.name: {"percent": round(one.percent, 1), "missing": list(one.missing), "hits": hits}
            for one, hits in zip(self.rows, self._hits(), strict=True)
        }
        return {"percent": round(self.total.percent, 1), "workflows": shown}

    def _hits(self) -> Iterator[dict[str, int]]:
        entries = sorted(self.data.items(), key=lambda one: (one[1]["name"], one[1]["version"], one[0]))
        return (entry["hits"] for _, entry in entries)


def _covered(name: str, hits: Mapping[str, int]) -> Covered:
    missing = tuple(branch for branch, count in hits.items() if not count)
    return Covered(name, len(hits), len(hits) - len(missing), missing)
