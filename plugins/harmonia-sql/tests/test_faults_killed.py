"""A process dies in the middle of a commit, wherever that is: the unit is there whole, or not at all."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harmonia_core.testing.state_backend_rows import execution_id, request_row
from harmonia_sql import SQLITE

DYING = Path(__file__).with_name("dying.py")
WHOLE, NOTHING = (41, 40, 1, True), (1, 0, 0, False)


def die(*arguments):
    """Run `dying.py`; return the signal that ended it, 0 if it lived, and what it said."""
    command = [sys.executable, str(DYING), *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode <= 0, ran.stderr
    return -ran.returncode, ran.stdout.split()


async def found(path):
    """Return how much of the unit is there, after the file was checked."""
    backend = SQLITE.create(f"sqlite:///{path}", "auto")
    await backend.open(None)
    try:
        assert await backend.verify() == []
        head = await backend.head(execution_id(1))
        events = await backend.events(execution_id(1))
        assert [row.seq for row in events] == list(range(1, head.seq + 1))
        document = await backend.document("default", "things", "k")
        tasks, requests = await backend.tasks(execution_id(1)), await backend.requests()
        assert requests in ([], [request_row("r")])
        return len(events), len(tasks), len(requests), document is not None
    finally:
        await backend.close()


@pytest.mark.timeout(300)
async def test_killed_at_each_statement(tmp_path):
    _, said = die(tmp_path)
    ends = [int(end) for end in said]
    for number, end in enumerate(ends):
        assert await found(tmp_path / f"{number}.db") == (NOTHING if end else WHOLE), number
    # BEGIN, the head, events, tasks, the request, the document, COMMIT.
    assert set(ends[:-1]) == {signal.SIGKILL} and ends[-1] == 0 and len(ends) > 7


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [0, 10, 5000, 37_000, 100_001, 160_000, 10_000_000])
async def test_killed_in_the_middle_of_a_write(tmp_path, number):
    path = tmp_path / "harmonia.db"
    end, said = die(path, number)
    assert said == ([] if end else ["done"])
    assert end == (0 if number == 10_000_000 else signal.SIGXFSZ)
    assert await found(path) == (NOTHING if end else WHOLE)
