"""What a workflow came to, in the words in which the naive reading and the real engine are compared."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, zip_longest
from typing import Any, NamedTuple

import yaml
from naive_reading import LeftOpen, Reading

WIDTH = 60
INPUT = {"n": 2, "list": [3, 1, 2], "name": "Ada"}
"""The input of every drawn workflow."""


class Outcome(NamedTuple):
    """Hold an end as a whole.

    ends: how each task, item and undo ended, by path; what never began is absent. calls: the inputs given to
    tasks, by path and attempt. undone: paths in order.
    """

    status: str
    output: Any
    error: tuple[str, str, bool] | None
    failed: list[str]
    ends: dict[str, str]
    calls: dict[str, Any]
    undone: list[str]

    @property
    def apart_from_undos(self) -> "Outcome":
        """Return the same without the order of what was undone."""
        return self._replace(undone=sorted(self.undone))


Order = Callable[[Sequence[str]], str]


def _later() -> Order:
    """Carry out first what has become ready last."""
    seen: dict[str, int] = {}

    def pick(ready: Sequence[str]) -> str:
        for id in ready:
            seen.setdefault(id, len(seen))
        return max(ready, key=lambda id: seen[id])

    return pick


ORDERS: Mapping[str, Callable[[], Order]] = {
    "as declared": lambda: lambda ready: ready[0],
    "from the last": lambda: lambda ready: ready[-1],
    "what became ready last": _later,
    "what became ready last, from the last": lambda: (lambda pick: lambda ready: pick(ready[::-1]))(_later()),
}
"""Orders in which tasks that are ready at the same moment are carried out."""


def read(workflow: Mapping[str, Any], order: str = "as declared") -> Outcome:
    """Return what the naive reading makes of a workflow."""
    reading = Reading(ORDERS[order]())
    end, failed = reading.execution(workflow, INPUT)
    error = tuple(end.error) if end.error else None
    calls = {f"{path} ({number})": input for (path, number), input in reading.calls.items()}
    return Outcome(end.status, end.output, error, failed, reading.ends, calls, reading.undone)


def readings(workflow: Mapping[str, Any]) -> list[Outcome] | None:
    """Return the readings in all orders; None if the semantics leave open how the workflow ends."""
    try:
        found = [read(workflow, order) for order in ORDERS]
    except LeftOpen:
        return None
    same = all(one.apart_from_undos == found[0].apart_from_undos for one in found)
    return found if same else None


def undo_faults(found: Outcome, readings: Sequence[Outcome]) -> list[str]:
    """Return which undos came in another order than all readings have them.

    Executions undo without regard to each other, and so do the items of a map.
    """
    orders = [{path: n for n, path in enumerate(one.undone)} for one in readings]
    maps = {path.removesuffix("[0]") for path in found.ends if path.endswith("[0]")}
    return [
        f"{first} was undone before {second}"
        for first, second in combinations(found.undone, 2)
        if all(order[second] < order[first] for order in orders) and not _apart(first, second, maps)
    ]


def _apart(one: str, other: str, maps: set[str]) -> bool:
    """Tell whether two tasks lie in different executions or in items of the same map."""
    if one.rpartition(":")[0] != other.rpartition(":")[0]:
        return True
    return any(one.startswith(f"{map}[") and other.startswith(f"{map}[") for map in maps)


def report(workflow: Mapping[str, Any], expected: Outcome, found: Outcome, *names: str) -> str:
    """Show a workflow and two outcomes side by side, what differs marked with `!`."""
    left, right = names or ("the naive reading", "the engine")
    lines = [f"  {left:{WIDTH}} {right}"]
    for name, one, other in zip(Outcome._fields, expected, found, strict=True):
        lines += _compared(name, one, other)
    return f"\n{written(workflow)}\n" + "\n".join(lines)


def written(workflow: Mapping[str, Any]) -> str:
    """Return a workflow as an author writes it."""
    return yaml.safe_dump(dict(workflow), sort_keys=False, default_flow_style=None, width=110)


def _compared(name: str, one: Any, other: Any) -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            _line(f"{name} {key}", one.get(key, "-"), other.get(key, "-"))
            for key in sorted({*one, *other})
            if one.get(key, "-") != other.get(key, "-")
        ]
    if isinstance(one, list) and isinstance(other, list) and name == "undone":
        pairs = zip_longest(one, other, fillvalue="-")
        return [_line(f"{name} {n}", *pair) for n, pair in enumerate(pairs)]
    return [_line(name, one, other)]


def _line(name: str, one: Any, other: Any) -> str:
    left = f"{name}: {one}"
    return f"{' ' if one == other else '!'} {left:{WIDTH}} {other}"
