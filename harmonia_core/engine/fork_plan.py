"""What a fork is going to be: from where, by which definition, what runs again and what may repeat. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.engine.rewind import Changes, Point, Repeat, Rewound
from harmonia_core.engine.walks import node_of
from harmonia_core.model.fork_events import ForkKind
from harmonia_core.model.graph import Graph
from harmonia_core.model.rewinding import UNCHANGED

MOST_NAMED = 100
"""Paths that the first event of a fork names."""


class ForkWish(NamedTuple):
    """Hold what is asked for. labels: added to those of the origin, with None taken away."""

    kind: ForkKind
    point: Point
    changes: Changes
    labels: Mapping[str, str | None]
    comment: str | None = None
    actor: str | None = None
    checkpoint: str | None = None


class ForkPlan(NamedTuple):
    """Hold a fork before it begins. seq: the last event of the origin that counts. graph: it goes on by
    this one, text: its definition, None if the origin has the same.
    """

    wish: ForkWish
    row: ExecutionRow
    seq: int
    origin: Graph
    graph: Graph
    text: bytes | None
    rewound: Rewound

    def as_json(self) -> dict[str, Any]:
        """Return the plan in its public JSON shape."""
        rewound = self.rewound
        return {
            "kind": self.wish.kind,
            "origin": {"execution": self.row.execution_id, "seq": self.seq},
            "definition": {"from": named(self.origin), "to": named(self.graph)},
            "changed": list(changed(self.wish.changes)),
            "again": list(rewound.again),
            "reused": list(rewound.reused),
            "reopened": list(rewound.reopened),
            "repeats": [self._repeat(repeat) for repeat in rewound.repeats],
            "undone": list(rewound.undone),
            "dropped": list(rewound.dropped),
            "adopt_compensation": self.wish.changes.adopt_compensation,
            "adopted": list(rewound.adopted),
            "abandoned": list(self.abandoned),
        }

    @property
    def abandoned(self) -> tuple[str, ...]:
        """Return what was done and nobody undoes any more; an origin that does not end keeps its entries."""
        return self.rewound.abandoned if self.wish.kind == "upgrade" else ()

    def _repeat(self, repeat: Repeat) -> dict[str, Any]:
        return {**repeat._asdict(), "type": node_of(self.origin, repeat.path).type}


class Forked(NamedTuple):
    """Say what a fork came to. execution_id: None if it was only planned. existing: its key had been used."""

    execution_id: str | None
    plan: ForkPlan
    existing: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the plan and what became of it, in the public JSON shape."""
        return {"id": self.execution_id, "existing": self.existing, **self.plan.as_json()}


def named(graph: Graph) -> dict[str, str]:
    """Return which definition a graph is of."""
    return {"name": graph.name, "version": graph.version, "hash": graph.definition_hash}


def changed(changes: Changes) -> Iterator[str]:
    """Yield what differs from the origin on purpose, by name."""
    if changes.input is not UNCHANGED:
        yield "input"
    yield from (f"vars.{name}" for name in changes.vars)
    yield from (f"tasks.{path}.input" for path in changes.inputs)
