"""Words that must not be in the project: places of one machine, promises not kept, vague names."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
VAGUE = {"util", "utils", "helper", "helpers", "common", "base", "misc", "manager"}
CLEAR = {"harmonia_core.plugins.manager"}


GENERATED = {".venv", ".git", ".tox", "build", "__pycache__"}


def project_files(root: Path) -> list[Path]:
    """Return every file that git knows or would know; without git, all that nothing generated."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return [path for path in root.rglob("*") if path.is_file() and not GENERATED & set(path.parts)]
    safe = ["-c", f"safe.directory={root}"]
    command = ["git", *safe, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]


@pytest.fixture(scope="module")
def texts(root: Path) -> dict[Path, str]:
    """Return the text of every file of the project, binary ones left out."""
    found = {}
    for path in project_files(root):
        try:
            found[path] = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
    assert len(found) > 50
    return found


def test_no_path_of_this_machine(texts: dict[Path, str], root: Path) -> None:
    places = {f"{root}/", f"{root.parent}/", f"{Path.home()}/"} - {"/", "//", "/tmp/"}
    faults = [f"{path}: {place}" for path, text in texts.items() for place in places if place in text]
    assert faults == []


def test_nothing_says_that_it_is_unfinished(texts: dict[Path, str], root: Path) -> None:
    own = Path(__file__)
    faults = [
        f"{path.relative_to(root)}: {found.group()}"
        for path, text in texts.items()
        if path != own and path.suffix in {".py", ".md", ".cfg", ".toml", ".yaml"}
        for found in UNFINISHED.finditer(text)
    ]
    assert faults == []


def test_module_names_say_what_is_inside(product: list[Any]) -> None:
    vague = {m.name for m in product if VAGUE & set(m.name.rpartition(".")[2].split("_"))}
    assert vague - CLEAR == set()
