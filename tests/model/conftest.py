"""Model tests share the naive reading of the semantics, the drawing of workflows, and the real engine."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("model_outcome")
