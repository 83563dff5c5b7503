"""What a state backend owes those who keep a store small: finished, pruned and swept rows."""

import time
from collections.abc import Callable

import anyio

from harmonia_core.contracts.activity import ActivityQuery
from harmonia_core.contracts.rows import (
    ActivityRow,
    BlobRow,
    EngineRow,
    HeartbeatRow,
    SnapshotRow,
    TimerRow,
    TokenRow,
    Unit,
)
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.contracts.upkeep import FinishedQuery, Pruned
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import (
    event_row,
    execution_id,
    request_row,
    start,
    step,
    task_row,
)

MIB = 1024 * 1024
SOON = 3600.0


def ended(number: int, at: float = 5.0, status: str = "completed", **changes: object) -> Unit:
    """Return the unit of an execution that has ended at once."""
    return start(number, status=status, ended_at=at, owner=None, **changes)


def blob(number: int, address: str, data: bytes | None, size: int, upload_id: str | None = None) -> BlobRow:
    """Return a blob to which an execution refers."""
    return BlobRow("default", address, size, "text/plain", execution_id(number), data, upload_id)


def said(number: int) -> ActivityRow:
    """Return a log line of an execution."""
    return ActivityRow(execution_id(number), 17, "a", 1, "log", "info", '{"text": "x"}')


async def left(backend: StateBackend, number: int) -> list[object]:
    """Return whatever a backend still holds of an execution, its blobs left out."""
    key = execution_id(number)
    found: list[object] = [*await backend.events(key), *await backend.tasks(key), *await backend.timers(key)]
    found += [*await backend.requests([key]), *await backend.activity(ActivityQuery(key))]
    found += [
        await backend.head(key),
        await backend.snapshot(key),
        await backend.heartbeat(key, "a"),
        await backend.token(f"hash-{number}"),
    ]
    return [one for one in found if one is not None]


def full(number: int, unit: Unit) -> Unit:
    """Give a unit one row of everything that is kept for an execution."""
    key = execution_id(number)
    unit.tasks = [task_row(number, 0), task_row(number, 7, scope="map")]
    unit.timers = [TimerRow(key, "a", "retry", 9.0)]
    unit.requests = [request_row(f"r-{number}", number)]
    unit.tokens = [TokenRow(f"hash-{number}", key, "a", 1)]
    unit.snapshot = SnapshotRow(key, 1, b"state")
    return unit


class UpkeepTests:
    """Judge `finished`, `prune`, `sweep` and `vacuum`."""

    async def test_finished_executions_come_by_their_end(self, backend: StateBackend) -> None:
        ends = {1: 7.5, 2: 5.0, 3: 7.5, 4: 6.25, 5: 1e9 + 0.123457}
        await submit(backend, [ended(number, at, "failed") for number, at in ends.items()] + [start(9)])
        seen, cursor = [], None
        while True:
            rows, cursor = await backend.finished(FinishedQuery(limit=2, cursor=cursor))
            if not rows:
                break
            seen += [int(row.execution_id[-12:]) for row in rows]
            following = cursor
        assert seen == [2, 4, 1, 3, 5] and cursor is None
        # What ends later is found behind the last cursor; what ended before a moment is before it.
        await backend.commit(ended(6, 2e9))
        rows, _ = await backend.finished(FinishedQuery(cursor=following))
        assert [row.execution_id for row in rows] == [execution_id(6)]
        rows, _ = await backend.finished(FinishedQuery(before=7.5))
        assert [row.execution_id for row in rows] == [execution_id(2), execution_id(4)]
        assert rows[0] == await backend.head(execution_id(2))

    async def test_a_cursor_stays_good_when_rows_before_it_go(self, backend: StateBackend) -> None:
        await submit(backend, [ended(number, float(number)) for number in (1, 2, 3)])
        rows, cursor = await backend.finished(FinishedQuery(limit=2))
        await backend.prune([row.execution_id for row in rows])
        rows, _ = await backend.finished(FinishedQuery(cursor=cursor))
        assert [row.execution_id for row in rows] == [execution_id(3)]

    async def test_a_pruned_execution_is_gone_whole_and_no_other(self, backend: StateBackend) -> None:
        units = [full(1, ended(1)), full(2, ended(2, status="failed")), full(3, start(3))]
        await submit(backend, units)
        await backend.commit(step(3, 1, 2))
        await backend.beat([HeartbeatRow(execution_id(number), "a", 1, 1.0, "{}") for number in (1, 2, 3)])
        await backend.add_activity([said(number) for number in (1, 2, 3)])
        before = [await left(backend, number) for number in (2, 3)]
        unknown, unfinished = execution_id(8), execution_id(3)
        gone = await backend.prune([execution_id(1), unknown, unfinished, execution_id(1)])
        assert gone == Pruned(executions=1, events=1)
        assert await left(backend, 1) == []
        assert [await left(backend, number) for number in (2, 3)] == before
        assert await backend.prune([execution_id(1)]) == Pruned()
        assert await backend.prune([]) == Pruned()
        # An id that is free again begins anew.
        await backend.commit(start(1))
        assert [event.seq for event in await backend.events(execution_id(1))] == [1]

    async def test_a_blob_goes_with_the_last_that_refers_to_it(self, backend: StateBackend) -> None:
        data, artifact = b"d" * (2 * MIB + 5), b"a" * MIB
        await backend.upload("up-1", 0, artifact)
        first, second = ended(1), ended(2)
        first.blobs = [
            blob(1, "sha256:shared", data, len(data)),
            blob(1, "sha256:own", b"own", 3),
            blob(1, "sha256:own", b"own", 3)._replace(namespace="team"),
            blob(1, "sha256:file", None, MIB, "up-1"),
        ]
        second.blobs = [blob(2, "sha256:shared", data, len(data))]
        await submit(backend, [first, second])
        assert await backend.prune([execution_id(1)]) == Pruned(1, 1, 3, 6 + MIB)
        assert await backend.blob("default", "sha256:own") is None
        assert await backend.blob("team", "sha256:own") is None
        assert await backend.blob_chunk("default", "sha256:file", 0) is None
        assert await backend.blob("default", "sha256:shared") == data
        assert await backend.prune([execution_id(2)]) == Pruned(1, 1, 1, len(data))
        assert await backend.blob("default", "sha256:shared") is None
        third = start(3)
        third.blobs = [blob(3, "sha256:shared", data, len(data))]
        await backend.commit(third)
        assert await backend.blob("default", "sha256:shared") == data

    async def test_a_large_execution_goes_whole(self, backend: StateBackend) -> None:
        unit = full(1, ended(1, seq=6000))
        unit.events += [event_row(1, seq, data='{"n": "' + "x" * 100 + '"}') for seq in range(2, 6001)]
        unit.tasks += [task_row(1, place, scope="wide") for place in range(3000)]
        unit.blobs = [blob(1, f"sha256:{number}", b"%d" % number, 4) for number in range(1000, 1700)]
        await submit(backend, [unit, ended(2)])
        assert await backend.prune([execution_id(2), execution_id(1)]) == Pruned(2, 6001, 700, 2800)
        assert await left(backend, 1) == []
        assert await backend.blob("default", "sha256:1699") is None

    async def test_work_goes_on_beside_pruning(self, backend: StateBackend) -> None:
        await submit(backend, [ended(number) for number in range(1, 301)] + [start(1000), start(1001)])
        gone: list[Pruned] = []

        async def prune(first: int) -> None:
            gone.append(await backend.prune([execution_id(number) for number in range(first, 301)]))

        async with anyio.create_task_group() as group:
            group.start_soon(prune, 1)
            group.start_soon(prune, 1)
            for seq in range(1, 40):
                await submit(backend, [step(1000, seq), step(1001, seq)])
        assert sum(gone, Pruned()) == Pruned(executions=300, events=300)
        assert len(await backend.events(execution_id(1000))) == 40
        assert await backend.finished(FinishedQuery()) == ([], None)

    async def test_a_blob_that_is_wanted_again_while_it_goes_is_there(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        other, data = create(), b"d" * 3000
        await other.open(EngineRow("engine-b", 4712, "there", 2.0))
        for number in range(1, 41):
            unit = ended(number)
            unit.blobs = [blob(number, "sha256:shared", data, len(data))]
            async with anyio.create_task_group() as group:
                # The one before is the last that refers to it.
                group.start_soon(other.prune, [execution_id(number - 1)])
                group.start_soon(backend.commit, unit)
            assert await backend.blob("default", "sha256:shared") == data, number
            assert await backend.head(execution_id(number - 1)) is None
        await other.close()

    async def test_uploads_of_dead_engines_are_swept(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        other = create()
        await other.open(EngineRow("engine-b", 4712, "there", 2.0))
        for upload_id in ("theirs", "fresh"):
            await other.upload(upload_id, 0, b"abc")
        await other.close()
        await backend.upload("ours", 0, b"abc")
        await backend.sweep(time.time() - SOON)
        # What was begun only just now is left alone.
        fresh = start(3)
        fresh.blobs = [blob(3, "sha256:fresh", None, 3, "fresh")]
        await backend.commit(fresh)
        assert await backend.blob("default", "sha256:fresh") == b"abc"
        await backend.sweep(time.time() + SOON)
        assert await backend.blob("default", "sha256:fresh") == b"abc"
        unit = start(1)
        unit.blobs = [blob(1, "sha256:ours", None, 3, "ours")]
        await backend.commit(unit)
        assert await backend.blob("default", "sha256:ours") == b"abc"
        # It can be uploaded anew, and nothing of the first time is left.
        await backend.upload("theirs", 0, b"x")
        again = start(2)
        again.blobs = [blob(2, "sha256:theirs", None, 1, "theirs")]
        await backend.commit(again)
        assert await backend.blob("default", "sha256:theirs") == b"x"

    async def test_requests_that_nobody_will_consume_are_swept(self, backend: StateBackend) -> None:
        await submit(backend, [ended(1), start(2)])
        requests = [
            request_row("ended", 1, created_at=10.0),
            request_row("later", 1, created_at=30.0),
            request_row("running", 2, created_at=10.0),
            request_row("gone", 3, created_at=10.0),
            request_row("start", 4, kind="start", created_at=10.0),
            request_row("continue", 5, kind="continue", created_at=10.0),
            request_row("fork", 6, kind="fork", created_at=10.0),
        ]
        await backend.commit(Unit(requests=requests))
        await backend.sweep(20.0)
        assert [row.request_id for row in await backend.requests()] == [
            "later",
            "running",
            "start",
            "continue",
            "fork",
        ]

    async def test_what_an_execution_that_is_to_begin_will_need_is_kept(self, backend: StateBackend) -> None:
        unit = start(1)
        unit.requests = [
            request_row("start", 4, kind="start", created_at=10.0),
            request_row("cancel", 4, created_at=10.0),
        ]
        unit.blobs = [blob(4, "sha256:input", b"input", 5)]
        await backend.commit(unit)
        assert await backend.sweep(20.0) == Pruned()
        assert [row.request_id for row in await backend.requests()] == ["start", "cancel"]
        assert [one for one in await backend.verify() if one.code != "not-verified"] == []
        await backend.commit(Unit(consumed=["start"]))
        assert await backend.sweep(20.0) == Pruned(blobs=1, bytes=5)
        assert await backend.requests() == []

    async def test_what_belongs_to_nobody_is_swept(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        dead = create()
        await dead.open(EngineRow("engine-b", 4712, "there", 2.0))
        await dead.close()
        unit = start(1)
        unit.blobs = [blob(1, "sha256:kept", b"kept", 4)]
        await backend.commit(unit)
        # Definitions were once stored before the execution that a crash then kept from beginning.
        await backend.commit(Unit(blobs=[blob(9, "sha256:lost", b"lost", 4)]))
        beats = [HeartbeatRow(execution_id(number), "a", 1, 1.0, "{}") for number in (1, 9)]
        await backend.beat(beats)
        await backend.add_activity([said(1), said(9)])
        assert await backend.sweep(0.0) == Pruned(blobs=1, bytes=4)
        assert await backend.blob("default", "sha256:lost") is None
        assert await backend.blob("default", "sha256:kept") == b"kept"
        assert await backend.heartbeat(execution_id(9), "a") is None
        assert await backend.heartbeat(execution_id(1), "a") == beats[0]
        assert await backend.activity(ActivityQuery(execution_id(9))) == []
        assert await backend.activity(ActivityQuery(execution_id(1))) == [said(1)]
        assert [row.engine_id for row in await backend.engines()] == ["engine-a"]
        assert await backend.sweep(0.0) == Pruned()

    async def test_vacuum_loses_nothing(self, backend: StateBackend) -> None:
        await submit(backend, [ended(number) for number in range(1, 101)] + [full(200, start(200))])
        await backend.prune([execution_id(number) for number in range(1, 101)])
        before = await left(backend, 200)
        await backend.vacuum()
        assert await left(backend, 200) == before
        await backend.commit(step(200, 1))
