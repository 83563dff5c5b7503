"""What must hold of every history, however often its process died."""

from collections import Counter
from typing import Any

from pydantic_core import from_json
from sweep_life import Life, plugins
from sweep_secret import leaks
from sweep_seen import executions

from harmonia_core.contracts.rows import EventRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.host import Inspector


async def faults(life: Life) -> list[str]:
    """Return what is wrong with what a case has left, one line each."""
    store = life.store.backend
    rows = await executions(store)
    found: list[str] = []
    begun: Counter[tuple[str, int]] = Counter()
    for row in rows:
        log = await store.events(row.execution_id)
        found += _gapless(row.execution_id, log) + _begun_again(row.root_id, log, begun)
        if row.parent_id is not None:
            asked = await store.events(row.parent_id)
            found += _asked_for(row.execution_id, asked)
    roots = {row.root_id for row in rows}
    found += _effects(life, begun, roots)
    found += [
        f"{name}: {peak} at once" for name, peak in life.world.peaks.items() if peak > _most(life, name)
    ]
    if "${secrets." in str(life.case.definition):
        found += leaks(store, life.world)
    return found + await _unsound(store)


def _gapless(execution: str, log: list[EventRow]) -> list[str]:
    seqs = [row.seq for row in log]
    return [] if seqs == list(range(1, len(log) + 1)) else [f"{execution}: gaps in the log"]


def _begun_again(root: str, log: list[EventRow], begun: Counter[tuple[str, int]]) -> list[str]:
    """Compare how often each attempt began with how often it was lost; count it under its stable key."""
    intents: Counter[tuple[str, int]] = Counter()
    losses: Counter[tuple[str, int]] = Counter()
    ends: Counter[str] = Counter()
    for row in log:
        data: Any = from_json(row.data)
        if row.type in ("TaskScheduled", "AttemptLost"):
            (intents if row.type == "TaskScheduled" else losses)[data["path"], data.get("attempt", 1)] += 1
        elif row.type == "Answered":
            ends[f"question {data['id']}"] += 1
        elif row.type in ("TaskSucceeded", "TaskFailed", "TaskCancelled", "TaskSkipped"):
            ends[data["path"]] += 1
    begun.update({(f"{root}:{path}", attempt): count for (path, attempt), count in losses.items()})
    often = [
        f"{path} attempt {attempt}: {count} intents, {losses[path, attempt]} losses"
        for (path, attempt), count in intents.items()
        if count > 1 + losses[path, attempt]
    ]
    return often + [f"{path}: ended {count} times" for path, count in ends.items() if count > 1]


def _asked_for(child: str, log: list[EventRow]) -> list[str]:
    asked = [row for row in log if row.type == "ChildRequested" and child in row.data]
    return [] if len(asked) == 1 else [f"{child}: asked for {len(asked)} times"]


def _effects(life: Life, losses: Counter[tuple[str, int]], roots: set[str]) -> list[str]:
    """Compare how often an attempt acted with how often it was lost, unless its log is gone."""
    counts = Counter((line["key"], line["attempt"]) for line in life.world.of("effect"))
    return [
        f"{key} attempt {attempt}: {count} effects, {losses[key, attempt]} losses"
        for (key, attempt), count in counts.items()
        if key.partition(":")[0] in roots and count > 1 + losses[key, attempt]
    ]


def _most(life: Life, name: str) -> int:
    return min((one["most"] for one in life.case.limits if one["name"] == name), default=0)


async def _unsound(store: StateBackend) -> list[str]:
    inspector = Inspector(store, plugins())
    found = [str(problem) for problem in await inspector.verify() if problem.code != "not-verified"]
    async for checked in inspector.check(deep=True):
        found += [f"{checked.execution_id}: {problem}" for problem in checked.problems]
        if checked.damaged:
            found.append(f"{checked.execution_id}: damaged")
    return found
