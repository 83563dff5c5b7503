"""Starting a process is quick: what is heavy is imported on first use."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "alembic", "asyncio", "cel_expr_python", "fastapi", "filelock", "httpcore", "httpx", "jinja2",
    "jsonpatch", "jsonschema_rs", "rich", "sqlalchemy", "stevedore", "typer", "yaml",
}  # fmt: skip


def loaded_by(module: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after importing one."""
    before = "import sys, json; before = set(sys.modules)"
    after = "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    program = f"{before}; import {module}; {after}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize(
    "door", ["harmonia_core", "harmonia_core.builtin", "harmonia_net", "harmonia_sql", "harmonia_tasks"]
)
def test_doors_import_nothing_heavy(door: str) -> None:
    assert loaded_by(door) & HEAVY == set()


def test_the_command_line_imports_nothing_heavy_but_its_parser() -> None:
    assert loaded_by("harmonia_api.cli") & (HEAVY - {"typer", "rich", "asyncio"}) == set()
