"""Whatever is damaged is found exactly; what follows from the log is written anew."""

from hashlib import sha256
from typing import Any

import pytest
from pydantic_core import from_json, to_json
from scenes import (
    Damage,
    add,
    blob,
    checked,
    codes,
    drop,
    event,
    head,
    inspector,
    longer,
    reason,
    snapshot,
    store_of,
    task,
    timer,
)

from harmonia_core.builtin.memory_store import MemoryStore
from harmonia_core.contracts.rows import TaskRow
from harmonia_core.contracts.state_backend import StateConflict
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio

STRANGE = b'{"name": "no tasks"}'
STRANGE_ADDRESS = f"sha256:{sha256(STRANGE).hexdigest()}"


def strange(store: MemoryStore, execution: str) -> None:
    """Let the log name a definition that is kept as it says, but that nobody takes."""
    store.blobs["default", STRANGE_ADDRESS] = STRANGE
    data = from_json(store.events[execution][0].data)
    event(store, execution, 0, data=to_json({**data, "definition_hash": STRANGE_ADDRESS}).decode())


STRANGER = TaskRow("", "each", 299, "each[299]", "echo", "running", None, 1, 1.0, None, None, None)
LOST_HEAD = {"status": "running", "ended_at": None, "error": None}

PROJECTIONS: dict[str, tuple[Damage, list[str]]] = {
    "status": (lambda s, x: task(s, x, "large", status="running"), ["task/large/status"]),
    "fields": (
        lambda s, x: task(s, x, "again", attempt=7, due=3.0),
        ["task/again/attempt", "task/again/due"],
    ),
    "no-row": (lambda s, x: drop(s, x, "later"), ["task/later"]),
    "row-of-none": (lambda s, x: add(s, x, STRANGER._replace(position=300)), ["task/each[299]"]),
    "item": (lambda s, x: task(s, x, "each[290]", ended_seq=3), ["task/each[290]/ended_seq"]),
    "no-item": (lambda s, x: drop(s, x, "each[0]"), ["task/each[0]"]),
    "timer": (timer, ["timer/large:retry"]),
    "head": (
        lambda s, x: head(s, x, **LOST_HEAD),
        ["execution/status", "execution/ended_at", "execution/error"],
    ),
    "labels": (
        lambda s, x: head(s, x, labels="{}", workflow="no"),
        ["execution/workflow", "execution/labels"],
    ),
    "definition": (lambda s, x: head(s, x, definition_hash="sha256:0"), ["execution/definition_hash"]),
}


@pytest.mark.parametrize("name", PROJECTIONS)
async def test_damaged_projections_are_found_exactly_and_written_anew(
    harness: Harness, failed: str, name: str
) -> None:
    damage, places = PROJECTIONS[name]
    store = store_of(harness)
    before = store.executions[failed], dict(store.tasks[failed]), dict(store.timers[failed])
    damage(store, failed)
    assert await codes(harness) == [("projection-differs", place) for place in places]
    damaged = store.executions[failed], dict(store.tasks[failed]), dict(store.timers[failed])
    tried = [one async for one in inspector(harness).rebuild(dry_run=True)]
    assert [(one.outcome, len(one.problems)) for one in tried] == [("would-rebuild", len(places))]
    assert (store.executions[failed], store.tasks[failed], store.timers[failed]) == damaged
    done = [one async for one in inspector(harness).rebuild()]
    assert [(one.outcome, one.problems) for one in done] == [("rebuilt", [])]
    assert (store.executions[failed], store.tasks[failed], store.timers[failed]) == before
    assert await codes(harness, deep=True) == []


LOGS: dict[str, tuple[Damage, list[tuple[str, str]]]] = {
    "gap": (lambda s, x: s.events[x].__delitem__(slice(6, 9)), [("log-gap", "event/7")]),
    "no-end": (lambda s, x: s.events[x].pop(), [("log-gap", "event/{seq}")]),
    "no-beginning": (lambda s, x: s.events[x].pop(0), [("log-gap", "event/1")]),
    "nothing": (lambda s, x: s.events[x].clear(), [("log-gap", "event/1")]),
    "beyond": (longer, [("log-beyond-head", "event/{next}")]),
    "unreadable": (lambda s, x: event(s, x, 4, data="{"), [("unreadable-event", "event/5")]),
    "unknown": (lambda s, x: event(s, x, 4, type="Dreamt"), [("unreadable-event", "event/5")]),
    "actor": (lambda s, x: event(s, x, 4, actor="{"), [("unreadable-event", "event/5")]),
    "odd-start": (
        lambda s, x: event(s, x, 0, type="TimerFired", data='{"path":"","kind":"wait"}'),
        [("unreadable-event", "event/1")],
    ),
    "fold": (
        lambda s, x: event(s, x, 4, type="TaskSkipped", data='{"path":"nobody","reason":"when"}'),
        [("fold-fails", "event/5")],
    ),
    "definition": (
        lambda s, x: blob(s, None, definition=True),
        [("definition-missing", "definition/{definition}")],
    ),
    "refused-definition": (
        lambda s, x: strange(s, x),
        [("definition-refused", "definition/{strange}")],
    ),
    "other-definition": (
        lambda s, x: blob(s, b"{}", definition=True),
        [("definition-damaged", "definition/{definition}")],
    ),
}


@pytest.mark.parametrize("name", LOGS)
async def test_a_damaged_log_is_found_and_nothing_is_rebuilt_from_it(
    harness: Harness, failed: str, name: str
) -> None:
    damage, expected = LOGS[name]
    store = store_of(harness)
    row = store.executions[failed]
    words = {
        "seq": row.seq, "next": row.seq + 1, "definition": row.definition_hash, "strange": STRANGE_ADDRESS,
    }  # fmt: skip
    damage(store, failed)
    assert await codes(harness) == [(code, place.format(**words)) for code, place in expected]
    assert [report.damaged for report in await checked(harness)] == [True]
    tasks = dict(store.tasks[failed])
    for every in (False, True):
        done = [one async for one in inspector(harness).rebuild(every=every)]
        assert [one.outcome for one in done] == ["refused"]
    assert store.executions[failed] == row and store.tasks[failed] == tasks


@pytest.mark.parametrize("text", [reason, lambda state: to_json({"format": from_json(state)["format"]})])
async def test_snapshots_that_differ_are_dropped(harness: Harness, failed: str, text: Any) -> None:
    seq = snapshot(store_of(harness), failed, text)
    kept = len(store_of(harness).snapshots[failed])
    assert await codes(harness) == [("snapshot-differs", f"snapshot/{seq}")]
    done = [one async for one in inspector(harness).rebuild([failed])]
    assert [(one.outcome, one.problems) for one in done] == [("rebuilt", [])]
    assert len(store_of(harness).snapshots[failed]) == kept - 1


async def test_a_snapshot_of_another_format_is_no_fault(harness: Harness, failed: str) -> None:
    snapshot(store_of(harness), failed, lambda state: to_json({**from_json(state), "format": 0}))
    assert await codes(harness) == []


async def test_a_snapshot_behind_the_head_is_a_fault(harness: Harness, failed: str) -> None:
    store_of(harness).snapshots[failed][5000] = b"{}"
    assert await codes(harness) == [("snapshot-differs", "snapshot/5000")]


async def test_blobs_are_looked_up_and_read_if_asked_for(harness: Harness, failed: str) -> None:
    store = store_of(harness)
    address = blob(
        store, b"y" * len(store.blobs[next(k for k in store.blobs if len(store.blobs[k]) > 90_000)])
    )
    assert await codes(harness) == []
    assert await codes(harness, deep=True) == [("blob-damaged", f"blob/{address}")]
    store.blobs["default", address] = b"short"
    assert set(await codes(harness)) == {("blob-damaged", f"blob/{address}")}
    del store.blobs["default", address]
    assert set(await codes(harness)) == {("blob-missing", f"blob/{address}")}
    found = await inspector(harness).verify()
    assert [(one.code, one.path) for one in found] == [("blob-missing", f"{failed}/blob/{address}")]


async def test_a_reference_that_is_missing_is_noted_again(harness: Harness, failed: str) -> None:
    store = store_of(harness)
    before = set(store.references)
    store.references.clear()
    assert {code for code, _ in await codes(harness)} == {"reference-missing"}
    assert [one.outcome async for one in inspector(harness).rebuild()] == ["rebuilt"]
    assert store.references == before and await codes(harness) == []


async def test_many_differences_are_counted_not_listed(harness: Harness, failed: str) -> None:
    for row in list(store_of(harness).tasks[failed].values()):
        task(store_of(harness), failed, row.path, attempt=9)
    [report] = await checked(harness)
    assert len(report.problems) == 101 and "more are not listed" in report.problems[-1].message
    assert [one.outcome async for one in inspector(harness).rebuild()] == ["rebuilt"]
    assert await codes(harness) == []


async def test_an_execution_that_moves_meanwhile_is_left_to_its_engine(
    harness: Harness, failed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task(store_of(harness), failed, "large", status="running")
    tries: list[int] = []

    async def moved(self: Any, row: Any, *rest: Any) -> None:
        tries.append(1)
        raise StateConflict(row.execution_id, row.seq + 1, row.epoch, row.owner)

    monkeypatch.setattr(type(harness.engine.backend), "replace_projections", moved)
    done = [one async for one in inspector(harness).rebuild()]
    assert [one.outcome for one in done] == ["busy"] and len(tries) == 5 and done[0].problems


async def test_a_running_execution_is_rebuilt_beside_its_engine(harness: Harness) -> None:
    tasks = {"w": {"type": "wait", "input": {"duration": 5}}, "n": {"type": "noop", "depends_on": ["w"]}}
    execution = await harness.engine.start({"name": "w", "tasks": tasks})
    await harness.seen(execution, "TimerSet")
    store_of(harness).timers[execution].clear()
    drop(store_of(harness), execution, "w")
    assert await codes(harness) == [("projection-differs", "timer/w:wait"), ("projection-differs", "task/w")]
    assert [one.outcome async for one in inspector(harness).rebuild()] == ["rebuilt"]
    assert (await harness.finish(execution))["status"] == "completed"
    assert await codes(harness) == []
