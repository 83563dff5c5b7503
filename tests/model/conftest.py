"""Model tests share the naive reading of the semantics, the drawing of workflows, and the real engine."""

import sys
from pathlib import Path

import pytest

from harmonia_sql.testing.fixtures import postgres_cluster, postgres_database, postgres_url

__all__ = ("postgres_cluster", "postgres_database", "postgres_url")
SEEDED = Path(__file__).parent.parent / "seeded"
sys.path += [str(Path(__file__).parent), str(SEEDED)]
pytest.register_assert_rewrite("model_outcome")
