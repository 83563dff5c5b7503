"""The PostgreSQL backend under the suite that judges every state backend, in both ways of committing."""

import pytest

from harmonia_core.testing.state_backend_suite import (
    ActivityTests,
    DocumentTests,
    ExchangeTests,
    LogTests,
    QueryTests,
    StateBackendSuite,
    UpkeepTests,
)
from harmonia_sql import POSTGRES


class PostgresSuite(LogTests, QueryTests, ExchangeTests, DocumentTests, ActivityTests, UpkeepTests):
    pytestmark = pytest.mark.anyio
    backend = StateBackendSuite.backend


class TestInPlace(PostgresSuite):
    @pytest.fixture
    def create(self, postgres_url):
        return lambda: POSTGRES.create(postgres_url, "auto")


class TestByTheWriter(PostgresSuite):
    @pytest.fixture
    def create(self, postgres_url):
        return lambda: POSTGRES.create(postgres_url, "never")
