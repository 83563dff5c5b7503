"""The PostgreSQL backend under the suite that judges every state backend, in both ways of committing."""

import pytest

from harmonia_core.testing.state_backend_suite import StateBackendSuite
from harmonia_sql import POSTGRES


class TestInPlace(StateBackendSuite):
    @pytest.fixture
    def create(self, postgres_url):
        return lambda: POSTGRES.create(postgres_url, "auto")


class TestByTheWriter(StateBackendSuite):
    @pytest.fixture
    def create(self, postgres_url):
        return lambda: POSTGRES.create(postgres_url, "never")
