"""The disk fills up under fifty executions at once: all that was accepted completes once there is room."""

import resource
from collections import Counter
from collections.abc import Callable

import pytest
from programs import Place
from test_bad_store import whole

COUNT = 300
TIMEOUT = 60


def flood(place: Place, count: int, limit: Callable[[], None] | None = None) -> list[list[str]]:
    """Run `flood.py` to its end; return what it said, in words."""
    program = place.script("flood.py", count, preexec_fn=limit)
    assert program.ended(TIMEOUT) == 0 and "Traceback" not in program.stderr, program.stderr
    return [line.split(maxsplit=2) for line in program.stdout.splitlines()]


def no_file_over(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [600_000, 1_200_000, 2_000_000])
def test_everything_accepted_completes_once_there_is_room(place: Place, size: int) -> None:
    said = flood(place, COUNT, no_file_over(size))
    started = {words[1] for words in said if words[0] == "started"}
    completed = {words[1] for words in said if words[0] == "ended" and words[2] == "completed"}
    troubles = [words for words in said if words[0] == "trouble"]
    assert started and troubles and len(completed) < COUNT, Counter(words[0] for words in said)
    for _, code, message in troubles:
        assert code == "store-full", message
        assert str(place.database) in message and "free space" in message and "try again" in message
    whole(place)
    stored = dict(place.rows("SELECT execution_id, status FROM execution"))
    assert started <= set(stored)
    assert {key for key, status in stored.items() if status == "completed"} >= completed
    again = flood(place, 0)
    assert {words[2] for words in again} <= {"completed"}
    statuses = dict(place.rows("SELECT execution_id, status FROM execution"))
    assert set(statuses) == set(stored) and set(statuses.values()) == {"completed"}
    whole(place)
    ends = Counter(place.rows("SELECT execution_id, data FROM event WHERE type = 'TaskSucceeded'"))
    assert set(ends.values()) == {1} and len(ends) == 5 * len(statuses)
