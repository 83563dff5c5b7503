"""Put the modules of this folder within reach of its tests, and give the histories their secret."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
# What their assertions compared is told as in a test; before they are imported.
pytest.register_assert_rewrite("checks", "history")

from workers import SECRET  # noqa: E402


@pytest.fixture(autouse=True)
def secret() -> Iterator[None]:
    """Set what the tasks of the histories ask for by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*SECRET)
        yield
