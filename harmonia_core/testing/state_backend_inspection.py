"""What a state backend owes those who check and mend it: one instant, a fence, facts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harmonia_core.contracts.rows import (
    BlobRow,
    ExecutionRow,
    RequestRow,
    SnapshotRow,
    TaskRow,
    TimerRow,
    Unit,
)
from harmonia_core.contracts.state_backend import StateBackend, StateConflict
from harmonia_core.contracts.upkeep import Holding
from harmonia_core.errors import BackupRefused
from harmonia_core.testing.state_backend_activity import said
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import (
    ENGINE,
    NAMESPACE,
    execution_id,
    request_row,
    start,
    step,
    task_row,
)

KEY = execution_id(1)
ADDRESS = "sha256:" + "0" * 64
# What a description of an open store says.
FACTS = {
    *("backend", "place", "schema", "bytes", "executions", "estimated"),
    *("finished", "owners", "requests", "activity", "blobs"),
}


def blob(owner: str, address: str = ADDRESS) -> BlobRow:
    """Return a blob of three bytes that an execution refers to."""
    return BlobRow(NAMESPACE, address, 3, "text/plain", owner, b"abc", None)


def busy() -> Unit:
    """Return the beginning of an execution with tasks, items and timers."""
    unit = start(1)
    unit.tasks = [task_row(1, 0), task_row(1, 1)]
    unit.tasks += [task_row(1, place, scope="m", path=f"m[{place}]") for place in range(300)]
    unit.timers = [TimerRow(KEY, "a", "retry", 30.5), TimerRow(KEY, "", "deadline", 90.0)]
    return unit


class InspectionTests:
    """Judge `projections`, `holdings`, `replace_projections`, `describe`, `verify` and `backup`."""

    async def test_projections_are_all_rows_beside_the_log(self, backend: StateBackend) -> None:
        unit = busy()
        await submit(backend, [unit, start(2)])
        rows: list[TaskRow] = []
        found = await backend.projections(KEY, rows.extend)
        assert found is not None
        assert found[0] == unit.created and sorted(found[1]) == sorted(unit.timers)
        assert sorted(rows) == sorted(unit.tasks)
        other = await backend.head(execution_id(2))
        assert await backend.projections(execution_id(2), rows.extend) == (other, [])
        assert len(rows) == len(unit.tasks)

    async def test_there_are_no_projections_of_what_is_not_there(self, backend: StateBackend) -> None:
        taken: list[TaskRow] = []
        assert await backend.projections(KEY, taken.extend) is None and not taken

    async def test_holdings_are_blobs_that_are_there(self, backend: StateBackend) -> None:
        unit = start(1)
        unit.blobs = [blob(KEY)]
        await submit(backend, [unit, start(2)])
        asked = [ADDRESS, "sha256:no"]
        assert await backend.holdings(KEY, NAMESPACE, asked) == {ADDRESS: Holding(3, True)}
        assert await backend.holdings(execution_id(2), NAMESPACE, asked) == {ADDRESS: Holding(3, False)}
        assert await backend.holdings(KEY, "other", asked) == {}
        assert await backend.holdings(KEY, NAMESPACE, []) == {}

    async def test_a_reference_is_noted_by_writing_the_blob_again(self, backend: StateBackend) -> None:
        await submit(backend, [start(1), start(2)])
        await backend.commit(Unit(blobs=[blob(KEY)]))
        await backend.commit(Unit(blobs=[blob(execution_id(2))._replace(data=None)]))
        assert await backend.holdings(execution_id(2), NAMESPACE, [ADDRESS]) == {ADDRESS: Holding(3, True)}
        assert await backend.blob(NAMESPACE, ADDRESS) == b"abc"

    async def test_projections_are_replaced_whole_and_the_fence_stays(self, backend: StateBackend) -> None:
        unit = busy()
        unit.snapshot = SnapshotRow(KEY, 1, b"one")
        await submit(backend, [unit, start(2)])
        later = step(1, 1)
        later.snapshot = SnapshotRow(KEY, 2, b"two")
        await backend.commit(later)
        stood = await backend.head(KEY)
        assert stood is not None
        head = stood._replace(
            workflow="other", version="2", definition_hash="sha256:11", status="failed", reason="because",
            created_at=1.5, started_at=2.5, ended_at=3.5, root_id="root", labels='{"a": "b"}',
            error='{"code": "x"}', actor=None,
        )  # fmt: skip
        item = task_row(1, 7, scope="m", path="m[7]")
        tasks = [task_row(1, 0, status="failed", ended_at=3.0, ended_seq=2), item]
        timers = [TimerRow(KEY, "b", "wait", 8.25)]
        await backend.replace_projections(head._replace(namespace="never"), tasks, timers, [1])
        assert await backend.head(KEY) == head
        assert await backend.tasks(KEY) == tasks and await backend.timers(KEY) == timers
        assert await backend.snapshot(KEY, 1) is None and await backend.snapshot(KEY) == (2, b"two")
        assert [row.execution_id for row in await backend.unfinished()] == [execution_id(2)]
        assert len(await backend.events(KEY)) == 2
        await backend.replace_projections(stood, [], [])
        assert await backend.head(KEY) == stood and await backend.tasks(KEY) == []
        assert [row.execution_id for row in await backend.unfinished()] == [KEY, execution_id(2)]
        await backend.commit(step(1, 2))

    @pytest.mark.parametrize("change", [{"seq": 2}, {"epoch": 2}, {"owner": "other"}, {"owner": None}])
    async def test_nothing_is_replaced_if_the_fence_has_moved(
        self, backend: StateBackend, change: dict[str, Any]
    ) -> None:
        unit = busy()
        await backend.commit(unit)
        assert unit.created is not None
        with pytest.raises(StateConflict) as conflict:
            await backend.replace_projections(unit.created._replace(**change), [], [])
        assert (conflict.value.seq, conflict.value.epoch, conflict.value.owner) == (1, 1, ENGINE.engine_id)
        assert len(await backend.tasks(KEY)) == 302 and len(await backend.timers(KEY)) == 2

    async def test_nothing_is_replaced_of_what_is_not_there(self, backend: StateBackend) -> None:
        created: ExecutionRow | None = start(1).created
        assert created is not None
        with pytest.raises(StateConflict):
            await backend.replace_projections(created, [task_row(1, 0)], [])
        assert await backend.tasks(KEY) == []

    async def test_a_description_counts(self, backend: StateBackend) -> None:
        ended = {"status": "failed", "ended_at": 5.0, "owner": None}
        unit = start(4, namespace="team", owner=None)
        unit.blobs = [blob(execution_id(4))]
        unit.requests = [request_row("r", 1)]
        await submit(backend, [start(1), start(2, **ended), start(3, **{**ended, "ended_at": 9.0}), unit])
        await backend.add_activity([said(1, 1), said(2, 1), said(1, 4)])
        facts = await backend.describe()
        assert set(facts) == FACTS
        assert facts["executions"] == {"running": 2, "failed": 2} and facts["estimated"] is False
        assert facts["finished"] == {"oldest": 5.0, "newest": 9.0}
        assert facts["owners"] == {ENGINE.engine_id: 1, "": 1}
        assert facts["requests"] == 1 and facts["activity"] == 3
        assert facts["blobs"] == {"count": 1, "bytes": 3}
        assert facts["backend"] and facts["place"] and isinstance(facts["bytes"], dict)

    async def test_an_empty_store_and_one_that_is_not_open_are_described(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        facts = await backend.describe()
        assert facts["executions"] == {} and facts["finished"] == {"oldest": None, "newest": None}
        closed = await create().describe()
        assert (closed["backend"], closed["place"]) == (facts["backend"], facts["place"])

    async def test_a_sound_store_is_verified(self, backend: StateBackend) -> None:
        unit = busy()
        unit.blobs = [blob(KEY)]
        await submit(backend, [unit, start(2)])
        assert [one for one in await backend.verify() if one.code != "not-verified"] == []

    async def test_rows_without_their_execution_are_found(self, backend: StateBackend) -> None:
        await submit(backend, [start(1), Unit(timers=[TimerRow(execution_id(2), "a", "retry", 1.0)])])
        await backend.commit(Unit(tasks=[task_row(3, 0)]))
        found = [(one.code, one.path) for one in await backend.verify() if one.code != "not-verified"]
        expected = [("row-orphaned", f"{execution_id(2)}/timer"), ("row-orphaned", f"{execution_id(3)}/task")]
        assert sorted(found) == expected

    async def test_a_request_for_what_has_gone_is_no_fault(self, backend: StateBackend) -> None:
        waiting: RequestRow = request_row("start:1", 9, kind="start")
        await backend.add_request(waiting)
        assert [one for one in await backend.verify() if one.code != "not-verified"] == []

    async def test_a_backup_never_writes_over_anything(self, backend: StateBackend, tmp_path: Path) -> None:
        target = tmp_path / "there"
        target.write_text("mine")
        with pytest.raises(BackupRefused):
            await backend.backup(str(target))
        assert target.read_text() == "mine"
        assert [path.name for path in tmp_path.iterdir() if "there" in path.name] == ["there"]
