"""What a number of seeds has seen of the engine, and what none of them has."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sim_plan import ACTIONS, FAULTS

from harmonia_core.engine.request_kinds import _KINDS
from harmonia_core.model.codec import EVENT_TYPES
from harmonia_core.model.statuses import EXECUTION_TRANSITIONS, TASK_TRANSITIONS

Seen = Counter[str]


def of_run(kinds: Mapping[str, int], transitions: Mapping[tuple[str, str, str], int]) -> Seen:
    """Return what one run has seen, under one kind of name."""
    return Counter(kinds) + Counter({" ".join(key): count for key, count in transitions.items()})


def _pairs(what: str, table: Mapping[Any, Iterable[Any]]) -> list[str]:
    return [f"{what} {old} {new}" for old, news in table.items() for new in sorted(news)]


KNOWN: Mapping[str, list[str]] = {
    "execution transitions": _pairs("execution", EXECUTION_TRANSITIONS),
    "task transitions": _pairs("task", TASK_TRANSITIONS),
    "event types": sorted(EVENT_TYPES),
    "request kinds": [f"request {kind}" for kind in sorted(_KINDS)],
    "actions": [f"action {kind}" for kind in sorted(ACTIONS)],
    "faults": [f"fault {kind}" for kind in sorted(FAULTS)],
}
"""Everything that could be seen, by what it is."""


def missing(seen: Seen) -> dict[str, list[str]]:
    """Return what no run has seen."""
    return {what: [name for name in names if not seen[name]] for what, names in KNOWN.items()}


def rows(seen: Seen) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each kind of thing: what, how many of how many, and which were never seen."""
    for what, left in missing(seen).items():
        total = len(KNOWN[what])
        never = ", ".join(_short(name) for name in left)
        yield what, f"{total - len(left)} of {total}", never


def _short(name: str) -> str:
    first, _, rest = name.partition(" ")
    return rest.replace(" ", "→") if rest and first in ("execution", "task") else rest or name
