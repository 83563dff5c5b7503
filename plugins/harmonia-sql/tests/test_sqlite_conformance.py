"""The SQLite backend under the suite that judges every state backend, in both ways of committing."""

import pytest

from harmonia_core.testing.state_backend_suite import StateBackendSuite
from harmonia_sql import SQLITE


class TestInPlace(StateBackendSuite):
    @pytest.fixture
    def create(self, tmp_path):
        return lambda: SQLITE.create(f"sqlite:///{tmp_path}/harmonia.db", "auto")


class TestByTheWriter(StateBackendSuite):
    @pytest.fixture
    def create(self, tmp_path):
        return lambda: SQLITE.create(f"sqlite:///{tmp_path}/harmonia.db?synchronous=normal", "never")
