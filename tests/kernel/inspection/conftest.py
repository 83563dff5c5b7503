"""Tests of inspection share an engine in memory and an execution that has ended."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from scenes import INPUT, WORK, charge, echo

from harmonia_core.host import KernelSettings
from harmonia_core.testing.harness import Harness


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with Harness(echo, charge, settings=KernelSettings(snapshot_every=40)) as harness:
        yield harness


@pytest.fixture
async def failed(harness: Harness) -> str:
    """Return an execution that has ended, with everything in it that is known."""
    view = await harness.run(WORK, INPUT)
    assert view["status"] == "failed" and view["seq"] > 600
    return str(view["id"])
