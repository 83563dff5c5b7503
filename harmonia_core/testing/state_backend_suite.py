"""The conformance suite of state backends: the memory backend, SQLite and yours are judged by it.

    class TestMine(StateBackendSuite):
        @pytest.fixture
        def create(self, tmp_path):
            return lambda: MINE.create(f"mine://{tmp_path}/store", "auto")

Tests are coroutines run by anyio's pytest plugin.
"""

import sys
from collections.abc import AsyncIterator, Callable

import pytest

from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.testing.state_backend_rows import ENGINE

_PARTS = [
    f"harmonia_core.testing.state_backend_{part}"
    for part in (
        "activity",
        "inspection",
        "log",
        "named",
        "queries",
        "search",
        "exchange",
        "documents",
        "slots",
        "upkeep",
    )
]
# Failures then show the values compared; pytest warns about modules that are loaded already.
pytest.register_assert_rewrite(*(part for part in _PARTS if part not in sys.modules))

from harmonia_core.testing.state_backend_activity import ActivityTests  # noqa: E402
from harmonia_core.testing.state_backend_documents import DocumentTests  # noqa: E402
from harmonia_core.testing.state_backend_exchange import ExchangeTests  # noqa: E402
from harmonia_core.testing.state_backend_inspection import InspectionTests  # noqa: E402
from harmonia_core.testing.state_backend_log import LogTests  # noqa: E402
from harmonia_core.testing.state_backend_named import NamedTests  # noqa: E402
from harmonia_core.testing.state_backend_queries import QueryTests  # noqa: E402
from harmonia_core.testing.state_backend_search import SearchTests  # noqa: E402
from harmonia_core.testing.state_backend_slots import SlotTests  # noqa: E402
from harmonia_core.testing.state_backend_upkeep import UpkeepTests  # noqa: E402


@pytest.mark.anyio
class StateBackendSuite(
    LogTests,
    QueryTests,
    SearchTests,
    ExchangeTests,
    DocumentTests,
    NamedTests,
    ActivityTests,
    InspectionTests,
    SlotTests,
    UpkeepTests,
):
    """Judge a state backend by every method of the contract; subclass it and give `create`."""

    @pytest.fixture
    def create(self) -> Callable[[], StateBackend]:
        """Return a function that makes a backend, not yet opened, on a store that is empty for each test.

        Called twice it must make two backends on the same store.
        """
        raise NotImplementedError("a subclass gives this fixture")

    @pytest.fixture
    async def backend(self, create: Callable[[], StateBackend]) -> AsyncIterator[StateBackend]:
        """Open a backend for `ENGINE`, and close it after the test."""
        backend = create()
        await backend.open(ENGINE)
        yield backend
        await backend.close()
