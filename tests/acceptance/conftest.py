"""Acceptance tests share `programs`: processes of Harmonia, and what they left behind."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from programs import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a folder with a store of its own; processes started there end with the test."""
    place = Place(tmp_path)
    yield place
    place.end()
