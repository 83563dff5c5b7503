"""Put the modules of this folder within reach of its tests, and give the histories their secret."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from workers import SECRET


@pytest.fixture(autouse=True)
def secret() -> Iterator[None]:
    """Set what the tasks of the histories ask for by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*SECRET)
        yield
