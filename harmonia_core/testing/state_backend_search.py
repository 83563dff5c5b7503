"""What a state backend owes those who search executions: every filter, alone and with others."""

from typing import Any

import pytest

from harmonia_core.contracts.queries import ExecutionQuery
from harmonia_core.contracts.rows import ExecutionRow, Unit
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.ids import uuid7
from harmonia_core.model.codec import canonical
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import execution_id, head_row, start, step


def _json(**values: Any) -> str:
    return canonical(values).decode()


ERROR = _json(category="server", code="http-503", message="Straße gesperrt: \"A\" 'b' 100%_")
OTHER = _json(category="task", code="unhandled", message="boom", details={"code": "http-503"})
KIND = "forked"

# Six executions that differ in everything that can be asked for.
ROWS = [
    head_row(1, labels=_json(team="a", env="prod"), version="1.1.0", definition_hash="sha256:01"),
    head_row(2, labels=_json(team="b", env="prod"), status="failed", error=ERROR, ended_at=40.0,
             started_at=9.0),
    head_row(3, labels=_json(team="a"), status="cancelled", reason="execution-timeout", error=OTHER,
             ended_at=20.0, parent_id=execution_id(1), actor=_json(kind="user", id="bob")),
    head_row(4, labels=_json(team="a", note='a"b\\c\u0000'), status="completed", ended_at=30.0,
             parent_id=execution_id(1), started_at=10.0,
             origin=_json(execution=execution_id(1), seq=7, kind=KIND)),
    head_row(5, labels="{}", workflow="other", namespace="team", root_id=execution_id(2), version="1.1.0",
             origin=_json(execution=execution_id(2), seq=3, kind="continued"), started_at=11.0),
    head_row(6, labels=_json(team="a", env="prod"), status="failed", error=OTHER, ended_at=30.0,
             definition_hash="sha256:01", workflow="other", started_at=None),
]  # fmt: skip
CASES: list[tuple[dict[str, Any], list[int]]] = [
    ({"labels": (("team", "a"),)}, [6, 4, 3, 1]),
    ({"labels": (("team", "A"),)}, []),
    ({"labels": (("note", 'a"b\\c\u0000'),)}, [4]),
    ({"labels": (("env", None),)}, [6, 2, 1]),
    ({"labels": (("env", None), ("team", "a"))}, [6, 1]),
    ({"labels": (("team", "a"), ("team", "b"))}, []),
    ({"labels": (("team", "a"),), "status": ("failed", "completed")}, [6, 4]),
    ({"labels": (("team", "a"),), "workflow": "other"}, [6]),
    ({"labels": (("env", "prod"),), "error_text": "boom"}, [6]),
    ({"labels": (("env", "prod"),), "ended_from": 0.0}, [2, 6]),
    ({"version": "1.1.0"}, [5, 1]),
    ({"version": "1.1.0", "workflow": "other"}, [5]),
    ({"definition_hash": "sha256:01"}, [6, 1]),
    ({"definition_hash": "sha256:01", "status": ("running",)}, [1]),
    ({"parent": execution_id(1)}, [4, 3]),
    ({"parent": execution_id(1), "labels": (("note", None),)}, [4]),
    ({"root": execution_id(2)}, [5, 2]),
    ({"root": execution_id(2), "namespace": "team"}, [5]),
    ({"origin": execution_id(1)}, [4]),
    ({"origin": execution_id(9)}, []),
    ({"reason": "execution-timeout"}, [3]),
    ({"error_code": "http-503"}, [2]),
    ({"error_category": "task"}, [6, 3]),
    ({"error_category": "task", "status": ("failed", "running")}, [6]),
    ({"error_text": "STRASSE"}, [2]),
    ({"error_text": "100%_"}, [2]),
    ({"error_text": '"a" \'B\''}, [2]),
    ({"error_text": "unhandled"}, [6, 3]),
    ({"error_text": "boom", "error_code": "http-503"}, []),
    ({"actor": "bob"}, [3]),
    ({"actor": "bob", "parent": execution_id(1)}, [3]),
    ({"started_from": 9.0, "started_to": 11.0}, [4, 2]),
    ({"ended_from": 30.0}, [2, 6, 4]),
    ({"ended_to": 30.0}, [3]),
    ({"ended_from": 30.0, "ended_to": 40.0}, [6, 4]),
    ({"by_end": True}, [2, 6, 4, 3]),
    ({"by_end": True, "status": ("failed", "running")}, [2, 6]),
    ({"by_end": True, "workflow": "greet", "parent": execution_id(1)}, [4, 3]),
    ({"by_end": True, "root": execution_id(2)}, [2]),
    ({"by_end": True, "origin": execution_id(1)}, [4]),
    ({"by_end": True, "error_text": "boom"}, [6, 3]),
]  # fmt: skip


def _started(row: ExecutionRow) -> Unit:
    unit = start(int(row.execution_id[-12:]))
    unit.created = row
    return unit


def _numbers(rows: list[ExecutionRow]) -> list[int]:
    return [int(row.execution_id[-12:]) for row in rows]


class SearchTests:
    """Judge the filters of `find`."""

    @pytest.mark.parametrize("limit", [1, 50])
    async def test_executions_are_found_by_what_they_are(self, backend: StateBackend, limit: int) -> None:
        await submit(backend, [_started(row) for row in ROWS])
        for given, expected in CASES:
            seen: list[int] = []
            cursor: str | None = None
            while not seen or cursor is not None:
                query = ExecutionQuery(**{"namespace": None, **given}, limit=limit, cursor=cursor)
                rows, cursor = await backend.find(query)
                assert len(rows) <= limit
                seen += _numbers(rows)
                if not rows:
                    break
            assert seen == expected, given

    async def test_executions_are_found_by_the_time_in_their_ids(self, backend: StateBackend) -> None:
        # The time is when it was asked for, whatever the head says of its first commit.
        ids = [uuid7(1_700_000_000_000 + 250 * place, bytes(10)) for place in range(5)]
        await submit(backend, [
            Unit(created=head_row(1, execution_id=one, root_id=one, created_at=5.0, labels=_json(a="b")))
            for one in ids
        ])  # fmt: skip
        begin = 1_700_000_000.0
        for labels in ((), (("a", "b"),), (("a", None),)):
            for start_, stop, expected in (
                (begin, None, ids[::-1]),
                (begin + 0.25, begin + 0.75, ids[2:0:-1]),
                (begin + 0.2505, None, ids[:1:-1]),
                (None, begin + 0.2505, ids[1::-1]),
                (None, begin, []),
            ):
                query = ExecutionQuery(labels=labels, created_from=start_, created_to=stop)
                assert [row.execution_id for row in (await backend.find(query))[0]] == expected
        ended = ExecutionQuery(by_end=True, created_from=begin)
        assert await backend.find(ended) == ([], None)

    async def test_an_end_brings_an_execution_into_the_listing_by_end(self, backend: StateBackend) -> None:
        await submit(backend, [start(number) for number in (1, 2, 3)])
        for number, at in ((2, 10.0), (3, 20.0)):
            await backend.commit(step(number, 1, status="failed", ended_at=at, error=OTHER))
        first, cursor = await backend.find(ExecutionQuery(by_end=True, limit=1))
        assert _numbers(first) == [3]
        # What ends between two pages stands before them.
        await backend.commit(step(1, 1, status="failed", ended_at=30.0, error=OTHER))
        second, cursor = await backend.find(ExecutionQuery(by_end=True, limit=1, cursor=cursor))
        assert (_numbers(second), cursor) == ([2], None)
        assert _numbers((await backend.find(ExecutionQuery(error_text="BOOM")))[0]) == [3, 2, 1]

    async def test_pages_of_a_search_stay_as_they_are_while_others_begin(self, backend: StateBackend) -> None:
        labels = _json(team="a", env="x" * 3000)
        await submit(backend, [start(number, labels=labels) for number in range(1, 6)])
        known = [5, 4, 3, 2, 1]
        for wanted in (("team", "a"), ("env", None), ("env", "x" * 3000)):
            seen: list[int] = []
            cursor: str | None = None
            while not seen or cursor is not None:
                query = ExecutionQuery(labels=(wanted,), limit=2, cursor=cursor)
                rows, cursor = await backend.find(query)
                seen += _numbers(rows)
            assert seen == known
            newest = known[0] + 1
            first, cursor = await backend.find(ExecutionQuery(labels=(wanted,), limit=2))
            await backend.commit(start(newest, labels=labels))
            rest, _ = await backend.find(ExecutionQuery(labels=(wanted,), cursor=cursor))
            assert _numbers([*first, *rest]) == known
            known = [newest, *known]
        # A label that differs only behind what an index holds is another label.
        assert await backend.find(ExecutionQuery(labels=(("env", "x" * 2999),))) == ([], None)

    async def test_what_is_pruned_is_found_no_more(self, backend: StateBackend) -> None:
        await submit(backend, [_started(row) for row in ROWS])
        await backend.prune([execution_id(4), execution_id(6)])
        assert _numbers((await backend.find(ExecutionQuery(None, labels=(("team", "a"),))))[0]) == [3, 1]
        assert await backend.find(ExecutionQuery(None, origin=execution_id(1))) == ([], None)
        assert [one for one in await backend.verify() if one.code != "not-verified"] == []

    async def test_labels_that_are_written_anew_are_found_instead_of_the_old(
        self, backend: StateBackend
    ) -> None:
        await submit(backend, [_started(row) for row in ROWS])
        stood = await backend.head(execution_id(1))
        assert stood is not None
        await backend.replace_projections(stood._replace(labels=_json(team="c", area="x")), [], [])
        for label, expected in ((("team", "c"), [1]), (("team", "a"), [6, 4, 3]), (("area", None), [1])):
            rows, _ = await backend.find(ExecutionQuery(None, labels=(label,)))
            assert _numbers(rows) == expected
