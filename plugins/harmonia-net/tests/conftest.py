"""What the tests of this distribution share: the event loop, and servers that they import by name."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "servers"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
