"""A store with one of everything, what a check finds in it, and ways to damage it."""

from collections.abc import Callable
from typing import Any

import anyio
from pydantic_core import from_json, to_json

from harmonia_core import TaskContext, task_type
from harmonia_core.builtin.memory_store import MemoryStore
from harmonia_core.contracts.rows import TaskRow, TimerRow
from harmonia_core.engine.inspection import Checked, Inspector
from harmonia_core.testing.harness import Harness

LARGE = "x" * 100_000
Damage = Callable[[MemoryStore, str], Any]


@task_type("echo")
async def echo(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return the input, at the second attempt if it says so."""
    if ctx.attempt < input.get("attempts", 1):
        raise ValueError("again")
    return input


@task_type("charge", idempotent=False)
async def charge(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Never end."""
    await anyio.sleep_forever()


WORK: dict[str, Any] = {
    "name": "all",
    "labels": {"team": "ä"},
    "timeout": 3600,
    "tasks": {
        "large": {"type": "echo", "input": {"text": "${input.text}"}},
        "again": {"type": "echo", "input": {"attempts": 2}, "retry_policy": {"max_retries": 1}},
        "later": {"type": "wait", "input": {"duration": 5}, "depends_on": ["again"]},
        "each": {
            "type": "map",
            "depends_on": ["large"],
            "input": {"items": list(range(300))},
            "task": {"type": "echo", "input": {"n": "${item}"}, "total_timeout": 60},
        },
        "never": {"type": "noop", "when": "${input.no}"},
        "bad": {"type": "fail", "input": {"error": "no"}, "depends_on": ["each"]},
        "behind": {"type": "noop", "depends_on": ["bad"]},
    },
}
INPUT = {"text": LARGE, "no": False}


def inspector(harness: Harness) -> Inspector:
    return Inspector(harness.engine.backend, harness.engine.plugins, harness.engine.settings)


def store_of(harness: Harness) -> MemoryStore:
    store: MemoryStore = harness.engine.backend._store  # type: ignore[attr-defined]
    return store


async def checked(harness: Harness, *ids: str, **more: Any) -> list[Checked]:
    return [one async for one in inspector(harness).check(ids, **more)]


async def codes(harness: Harness, *ids: str, **more: Any) -> list[tuple[str, str]]:
    """Return (code, place below the execution) of everything that is found."""
    reports = await checked(harness, *ids, **more)
    problems = [problem for report in reports for problem in report.problems]
    return [(problem.code, problem.path.partition("/")[2]) for problem in problems]


def task(store: MemoryStore, execution: str, path: str, **changes: Any) -> None:
    """Change the row of a task."""
    rows = store.tasks[execution]
    key, row = next((key, row) for key, row in rows.items() if row.path == path)
    rows[key] = row._replace(**changes)


def head(store: MemoryStore, execution: str, **changes: Any) -> None:
    store.executions[execution] = store.executions[execution]._replace(**changes)


def drop(store: MemoryStore, execution: str, path: str) -> None:
    rows = store.tasks[execution]
    del rows[next(key for key, row in rows.items() if row.path == path)]


def add(store: MemoryStore, execution: str, row: TaskRow) -> None:
    store.tasks[execution][row.scope, row.position] = row._replace(execution_id=execution)


def timer(store: MemoryStore, execution: str) -> None:
    store.timers[execution]["large", "retry"] = TimerRow(execution, "large", "retry", 5.0)


def event(store: MemoryStore, execution: str, place: int, **changes: Any) -> None:
    events = store.events[execution]
    events[place] = events[place]._replace(**changes)


def longer(store: MemoryStore, execution: str) -> None:
    events = store.events[execution]
    events.append(events[-1]._replace(seq=events[-1].seq + 1))


def snapshot(store: MemoryStore, execution: str, text: Callable[[bytes], bytes]) -> int:
    seq = min(store.snapshots[execution])
    store.snapshots[execution][seq] = text(store.snapshots[execution][seq])
    return seq


def reason(state: bytes) -> bytes:
    return to_json({**from_json(state), "reason": "invented"})


def blob(store: MemoryStore, data: bytes | None, definition: bool = False) -> str:
    """Change or drop the large value, or the definition; return its address."""
    found = [key for key, value in store.blobs.items() if (b'"tasks"' in value[:9000]) == definition]
    key = next(key for key in found if definition or len(store.blobs[key]) > 90_000)
    if data is None:
        del store.blobs[key]
    else:
        store.blobs[key] = data
    return key[1]
