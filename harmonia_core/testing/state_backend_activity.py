"""The suite's part about what attempts say: pages by position, task and level; trimming."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harmonia_core.contracts.activity import ActivityQuery, StateActivity
from harmonia_core.contracts.rows import ActivityRow
from harmonia_core.errors import StateUnavailable
from harmonia_core.testing.state_backend_rows import execution_id

FIRST = 1_795_000_000_000_000
"""A position as it is in life: microseconds since the epoch."""


def said(place: int, number: int = 1, **changes: Any) -> ActivityRow:
    """Return the log line at the n-th position of an execution."""
    data = json.dumps({"text": f"line {place}"})
    row = ActivityRow(execution_id(number), FIRST + place, "task0", 1, "log", "info", data)
    return row._replace(**changes)


def asked(number: int = 1, **changes: Any) -> ActivityQuery:
    """Return a query for what an execution said."""
    return ActivityQuery(execution_id(number), **changes)


class ActivityTests:
    """Judge how activity is kept; part of `StateBackendSuite`."""

    async def test_activity_comes_back_as_it_was_in_order(self, backend: StateActivity) -> None:
        rows = [
            said(0, data=json.dumps({"text": "ä→日 \u0000 '\"; --", "fields": {"n": [1, None]}})),
            said(1, kind="progress", level="", data='{"fraction":0.5}'),
            said(2, path="items[17]/charge", attempt=3, level="error", data="x" * 60_000),
        ]
        await backend.add_activity(rows[1:])
        await backend.add_activity(rows[:1])
        assert await backend.activity(asked()) == rows
        assert await backend.activity(asked(2)) == []

    async def test_nothing_to_add_is_no_error(self, backend: StateActivity) -> None:
        await backend.add_activity([])
        assert await backend.activity(asked()) == []

    async def test_activity_that_is_there_is_left_alone(self, backend: StateActivity) -> None:
        await backend.add_activity([said(0), said(1)])
        await backend.add_activity([said(1, data='{"text":"other"}'), said(2)])
        assert await backend.activity(asked()) == [said(0), said(1), said(2)]

    async def test_activity_is_read_in_pages(self, backend: StateActivity) -> None:
        rows = [said(place) for place in range(7)]
        await backend.add_activity(rows)
        assert await backend.activity(asked(limit=3)) == rows[:3]
        assert await backend.activity(asked(after=FIRST + 2, limit=3)) == rows[3:6]
        assert await backend.activity(asked(after=FIRST + 6)) == []
        assert await backend.activity(asked(limit=3, newest=True)) == rows[4:]
        assert await backend.activity(asked(after=FIRST + 5, limit=3, newest=True)) == rows[6:]

    async def test_activity_of_a_task_and_of_what_is_inside_it(self, backend: StateActivity) -> None:
        paths = ["a_b", "a_b[0]", "a_b[0]/deep", "a_b/in", "a-b", "a_bc", "axb", "a_b2/in", "A_b", "a"]
        rows = [said(place, path=path) for place, path in enumerate(paths)]
        await backend.add_activity(rows)
        assert await backend.activity(asked(path="a_b")) == rows[:4]
        assert await backend.activity(asked(path="a_b[0]")) == rows[1:3]
        assert await backend.activity(asked(path="a_b", limit=2, newest=True)) == rows[2:4]
        assert await backend.activity(asked(path="a_%")) == []

    async def test_activity_of_some_levels(self, backend: StateActivity) -> None:
        levels = ["debug", "info", "warning", "error", ""]
        rows = [said(place, level=level) for place, level in enumerate(levels)]
        await backend.add_activity(rows)
        assert await backend.activity(asked(levels=("warning", "error"))) == rows[2:4]
        assert await backend.activity(asked(levels=("warning", "error"), limit=1)) == rows[2:3]
        assert await backend.activity(asked(levels=("info",), path="other")) == []

    async def test_trimming_leaves_the_newest(self, backend: StateActivity) -> None:
        rows = [said(place) for place in range(2500)]
        await backend.add_activity(rows)
        await backend.add_activity([said(0, 2)])
        assert await backend.trim_activity(execution_id(1), 2500) == 0
        assert await backend.trim_activity(execution_id(1), 100) == 2400
        assert await backend.activity(asked(limit=200)) == rows[2400:]
        assert await backend.trim_activity(execution_id(1), 0) == 100
        assert await backend.activity(asked()) == []
        assert await backend.trim_activity(execution_id(3), 0) == 0
        assert await backend.activity(asked(2)) == [said(0, 2)]

    async def test_another_backend_reads_what_was_added(
        self, backend: StateActivity, create: Callable[[], Any]
    ) -> None:
        other = create()
        await other.open(None)
        try:
            await backend.add_activity([said(0)])
            assert await other.activity(asked()) == [said(0)]
        finally:
            await other.close()

    async def test_a_closed_backend_keeps_no_activity(self, create: Callable[[], Any]) -> None:
        with pytest.raises(StateUnavailable):
            await create().add_activity([said(0)])
        with pytest.raises(StateUnavailable):
            await create().activity(asked())
