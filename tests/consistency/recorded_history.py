"""What clients, tasks and whoever does harm have noted while a workload ran, and what its store then held.

A history is lines of JSON, each with `at` and a `type`. Clients note `invoke`, and later `ok`, `fail`
(nothing of it happened) or `unknown` (it may have happened or not). Tasks note `begin` and `end` of what
they do. Faults are noted as `fault`. The logs of the store are added at the end as `execution`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

FINAL = frozenset({"completed", "failed", "cancelled", "terminated", "compensated"})
END_OF_EXECUTION = {
    "ExecutionCompleted": "completed",
    "ExecutionFailed": "failed",
    "ExecutionCancelled": "cancelled",
    "ExecutionTerminated": "terminated",
    "ExecutionCompensated": "compensated",
    "ExecutionRolledOver": "continued",
}
END_OF_TASK = frozenset({"TaskSucceeded", "TaskFailed", "TaskSkipped", "TaskUnreachable", "TaskCancelled"})


@dataclass(frozen=True, slots=True)
class Operation:
    """Hold what a client wanted and what it heard. ended: infinite for one that never heard anything."""

    id: str
    client: str
    kind: str
    args: Mapping[str, Any]
    invoked: float
    outcome: str = "unknown"
    value: Any = None
    ended: float = inf

    @property
    def execution(self) -> str | None:
        """Return which execution it is about, as far as the client knows."""
        found = self.args.get("execution")
        if found is None and isinstance(self.value, Mapping):
            found = self.value.get("execution")
        return found


@dataclass(frozen=True, slots=True)
class Effect:
    """Hold one carrying out of an attempt, as the task itself noted it. ended: or its process was gone."""

    engine: str
    execution: str
    path: str
    attempt: int
    units: Mapping[str, int]
    begun: float
    ended: float


@dataclass(frozen=True, slots=True)
class Logged:
    """Hold one event of a log. actor: id of who caused it."""

    seq: int
    type: str
    at: float
    actor: str | None
    data: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Return which task it is about, empty for the execution."""
        return str(self.data.get("path") or "")


@dataclass(frozen=True, slots=True)
class Execution:
    """Hold an execution as the store held it in the end."""

    id: str
    workflow: str
    status: str
    events: tuple[Logged, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None

    @property
    def first(self) -> Mapping[str, Any]:
        """Return what the first event says."""
        return self.events[0].data if self.events else {}

    def of(self, *types: str) -> list[Logged]:
        """Return the events of some types."""
        return [event for event in self.events if event.type in types]


@dataclass(frozen=True, slots=True)
class History:
    """Hold a whole history.

    limits: units of each resource at once. secrets: what must not be found in a log. problems: what an
    inspection of the store found. faults: the notes, as they are. pending: execution and message of what
    nobody has taken up yet.
    """

    operations: tuple[Operation, ...] = ()
    effects: tuple[Effect, ...] = ()
    executions: Mapping[str, Execution] = field(default_factory=dict)
    faults: tuple[Mapping[str, Any], ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    pending: frozenset[tuple[str, str]] = frozenset()

    def about(self, execution_id: str) -> list[Operation]:
        """Return the operations on an execution, in the order in which they were invoked."""
        return [one for one in self.operations if one.execution == execution_id]

    def heard(self, kind: str, outcome: str = "ok") -> list[Operation]:
        """Return the operations of a kind that came out so."""
        return [one for one in self.operations if (one.kind, one.outcome) == (kind, outcome)]


def read_history(notes: Iterable[Mapping[str, Any]]) -> History:
    """Return the history that notes make, in any order between clients but in the order of each."""
    operations: dict[str, dict[str, Any]] = {}
    begun: list[dict[str, Any]] = []
    rest: dict[str, list[Mapping[str, Any]]] = {"fault": [], "execution": [], "facts": []}
    ends: dict[tuple[str, str, str, int], list[float]] = {}
    for note in sorted(notes, key=lambda note: float(note["at"])):
        kind = note["type"]
        if kind == "invoke":
            operations[note["op"]] = {**note, "outcome": "unknown", "value": None, "ended": inf}
        elif kind in ("ok", "fail", "unknown"):
            found = operations[note["op"]]
            # Whoever does not know cannot say when it is over, either.
            ended = inf if kind == "unknown" else float(note["at"])
            found |= {"outcome": kind, "value": note.get("value"), "ended": ended}
        elif kind == "begin":
            begun.append(dict(note))
        elif kind == "end":
            key = note["engine"], note["execution"], note["path"], note["attempt"]
            ends.setdefault(key, []).append(float(note["at"]))
        else:
            rest[kind].append(note)
    facts: dict[str, Any] = {}
    for one in rest["facts"]:
        facts |= {name: value for name, value in one.items() if name not in ("type", "at")}
    return History(
        tuple(_operation(one) for one in operations.values()),
        tuple(_effects(begun, ends, rest["fault"])),
        {one["execution"]: _execution(one) for one in rest["execution"]},
        tuple(rest["fault"]),
        facts.get("limits", {}),
        tuple(facts.get("secrets", ())),
        tuple(facts.get("problems", ())),
        frozenset((execution, message) for execution, message in facts.get("pending", ())),
    )


def read_files(*files: Path) -> list[dict[str, Any]]:
    """Return the notes in files of lines; a line that was cut off by a death is left out."""
    return [
        json.loads(line)
        for file in files
        for line in file.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    ]


def _operation(note: Mapping[str, Any]) -> Operation:
    return Operation(
        note["op"], note["client"], note["kind"], note.get("args", {}), float(note["at"]),
        note["outcome"], note["value"], note["ended"],
    )  # fmt: skip


def _effects(
    begun: Iterable[Mapping[str, Any]],
    ends: Mapping[tuple[str, str, str, int], list[float]],
    faults: Iterable[Mapping[str, Any]],
) -> Iterable[Effect]:
    """Yield effects; one without an end was over when its engine died or lost the execution."""
    gone = [one for one in faults if one["fault"] in ("kill", "adopt", "leave")]
    for note in begun:
        key = note["engine"], note["execution"], note["path"], note["attempt"]
        since = float(note["at"])
        over = [at for at in ends.get(key, ()) if at >= since]
        over += [float(one["at"]) for one in gone if float(one["at"]) >= since and _takes(one, note)]
        yield Effect(*key, note.get("units", {}), since, min(over, default=inf))


def _takes(fault: Mapping[str, Any], effect: Mapping[str, Any]) -> bool:
    """Tell whether a fault takes an effect from its engine: that dies, or another one has its execution."""
    if fault["fault"] == "adopt":
        return fault["execution"] == effect["execution"] and fault["by"] != effect["engine"]
    return bool(fault["engine"] == effect["engine"])


def _execution(note: Mapping[str, Any]) -> Execution:
    events = tuple(Logged(*event) for event in note["events"])
    return Execution(
        note["execution"],
        note["workflow"],
        note["status"],
        events,
        note.get("labels", {}),
        note.get("parent"),
    )
