"""A pytest plugin: coverage notes which test carries a line out, and the time of each is kept."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

SECONDS: dict[str, float] = {}
FILE = Path(__file__).resolve().parents[2] / "laboratory" / "raw" / "seconds.json"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    watch = coverage.Coverage.current()
    assert watch is not None
    watch.switch_context(item.nodeid)
    begun = time.process_time()
    found = yield
    SECONDS[item.nodeid] = time.process_time() - begun
    return found


def pytest_unconfigure() -> None:
    FILE.write_text(json.dumps(SECONDS), "utf-8")
