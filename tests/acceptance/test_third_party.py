"""Plugins of other people: a file by path, and distributions that pip installs beside Harmonia.

Everything runs in fresh processes; nothing of Harmonia is touched.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SHOUT = '''\
from pydantic import BaseModel

from harmonia_core import TaskContext, task_type


class ShoutInput(BaseModel):
    text: str


@task_type("shout", input=ShoutInput)
async def shout(ctx: TaskContext, input: ShoutInput) -> str:
    """Return the text in upper case."""
    return input.text.upper()
'''

MISSPELT = """\
from harmonia_core import hookimpl

@hookimpl
def harmonia_task_types(engine):
    return []
"""

COLLIDING = """\
from harmonia_core import task_type

@task_type("shout")
def shout(ctx, input):
    return "another one"
"""

DISTRIBUTIONS = {
    ("acme-shout", "1.4"): ("harmonia.task_types", "shout = acme_shout:shout", SHOUT),
    ("bad-import", "0.0.9"): ("harmonia.task_types", "lost = bad_import:lost", "import not_installed_at_all"),
    ("bad-signature", "2.1"): ("harmonia.plugins", "signature = bad_signature", MISSPELT),
    ("colliding", "3.0"): ("harmonia.task_types", "shout = colliding:shout", COLLIDING),
}

PROGRAM = """\
import json, sys
from pathlib import Path
import anyio
from harmonia_core.plugins.load import load_plugins
from harmonia_core.settings import KernelSettings

plugins = load_plugins(KernelSettings(plugin_files=tuple(map(Path, sys.argv[1:]))))
shout = plugins.registry.get("task_types", "shout")
said = anyio.run(shout, None, shout.input_model(text="ada"))
print(json.dumps({"said": said, "rows": [row.as_json() for row in plugins.report]}))
"""


def answer(*files: Path, path: Path | None = None) -> dict[str, Any]:
    """Load plugins in a fresh process, call `shout`, and return what it said and the report."""
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    command = [sys.executable, "-c", PROGRAM, *map(str, files)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which pip has installed every distribution above."""
    root = tmp_path_factory.mktemp("distributions")
    sources = [source(root, *key, *what) for key, what in DISTRIBUTIONS.items()]
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    target = root / "site"
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), *map(str, sources)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return target


def source(root: Path, name: str, version: str, group: str, entry: str, text: str) -> Path:
    """Write the source of one distribution: a setup.cfg, a build system, one module."""
    module = name.replace("-", "_")
    folder = root / name
    folder.mkdir()
    (folder / f"{module}.py").write_text(text)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    (folder / "setup.cfg").write_text(
        f"[metadata]\nname = {name}\nversion = {version}\n"
        f"[options]\npy_modules = {module}\n[options.entry_points]\n{group} =\n    {entry}\n"
    )
    return folder


def rows_of(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["distribution"]: row for row in report["rows"]}


def test_a_task_type_in_one_file_of_under_20_lines_works_by_path(tmp_path: Path) -> None:
    assert len(SHOUT.splitlines()) < 20
    path = tmp_path / "shout.py"
    path.write_text(SHOUT)
    report = answer(path)
    assert report["said"] == "ADA"
    assert rows_of(report)["shout.py"]["contributes"] == {"task_types": ["shout"]}


@pytest.fixture(scope="module")
def report(site: Path) -> dict[str, Any]:
    return answer(path=site)


def test_the_same_as_an_installed_distribution_needs_nothing_else(report: dict[str, Any]) -> None:
    row = rows_of(report)["acme-shout"]
    assert (report["said"], row["status"], row["version"]) == ("ADA", "ok", "1.4")


@pytest.mark.parametrize(
    ("distribution", "version", "stage", "error"),
    [
        ("bad-import", "0.0.9", "import", "not_installed_at_all"),
        ("bad-signature", "2.1", "hooks", "engine"),
        ("colliding", "3.0", "conflict", "'shout' is already provided by acme-shout 1.4; colliding 3.0"),
    ],
)
def test_each_faulty_distribution_is_reported_and_everything_else_runs(
    report: dict[str, Any], distribution: str, version: str, stage: str, error: str
) -> None:
    row = rows_of(report)[distribution]
    assert (row["version"], row["stage"], row["status"]) == (version, stage, "quarantined")
    assert error in row["error"]
    builtin = rows_of(report)["harmonia"]
    assert builtin["status"] == "ok" and "map" in builtin["contributes"]["task_types"]
