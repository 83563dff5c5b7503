"""Plugins by path."""

import re
from pathlib import Path

import pytest

from harmonia_core.plugins.load import Plugins, load_plugins
from harmonia_core.plugins.report import PluginRow
from harmonia_core.settings import KernelSettings

TASK = """
from pydantic import BaseModel
from harmonia_core import TaskContext, task_type

class In(BaseModel):
    text: str

@task_type("file-shout", input=In)
async def shout(ctx: TaskContext, input: In) -> dict:
    return {"text": input.text.upper()}
"""

HOOKS = """
from harmonia_core import hookimpl, task_type

@task_type("by-hook")
def one(ctx, input): ...

@task_type("left-out")
def two(ctx, input): ...

@hookimpl
def harmonia_task_types():
    return [one]
"""

OBSERVER = """
from harmonia_core import hookimpl, task_type

@task_type("beside-observer")
def one(ctx, input): ...

@hookimpl
def harmonia_events_recorded(events): ...
"""


def load(tmp_path: Path, text: str | None, name: str = "mine.py") -> tuple[Plugins, PluginRow]:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    plugins = load_plugins(KernelSettings(plugin_files=(path,)))
    return plugins, plugins.report.rows[-1]


def test_task_types_of_a_file_need_no_hook(tmp_path: Path) -> None:
    plugins, row = load(tmp_path, TASK)
    assert (row.group, row.name, row.distribution, row.status) == ("file", "mine", "mine.py", "ok")
    assert row.version.startswith("sha256:") and row.contributes == {"task_types": ("file-shout",)}
    shout = plugins.registry.get("task_types", "file-shout")
    assert shout.input_model(text="x").model_dump() == {"text": "x"}


def test_a_hook_of_the_file_decides_what_is_contributed(tmp_path: Path) -> None:
    assert load(tmp_path, HOOKS)[1].contributes == {"task_types": ("by-hook",)}


def test_task_types_beside_other_hooks_are_contributed_too(tmp_path: Path) -> None:
    plugins, row = load(tmp_path, OBSERVER)
    assert row.contributes == {"task_types": ("beside-observer",)} and plugins.manager.observing


def test_task_types_imported_from_elsewhere_are_not_the_files_own(tmp_path: Path) -> None:
    text = TASK + "\nfrom harmonia_core.builtin.control import NOOP\n"
    assert load(tmp_path, text)[1].contributes == {"task_types": ("file-shout",)}


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.py").write_text(TASK)
    (tmp_path / "mine.py").write_text(OBSERVER)
    files = (tmp_path / "mine.py", tmp_path / "other" / "mine.py")
    plugins = load_plugins(KernelSettings(plugin_files=files))
    assert [row.status for row in plugins.report.rows[-2:]] == ["ok", "quarantined"]
    assert "already named 'mine'" in str(plugins.report.rows[-1].error)


def test_a_file_that_cannot_be_used_is_a_row(tmp_path: Path) -> None:
    for text, name, stage, error in (
        (None, "absent.py", "import", "There is no file"),
        ("def broken(:", "syntax.py", "import", "SyntaxError"),
        ("raise SystemExit", "leaves.py", "import", "SystemExit"),
        ("x = 1", "empty.py", "type", "implements no hook"),
        ("x = 1", "data.txt", "import", "not a Python file"),
    ):
        _, row = load(tmp_path, text, name)
        assert (row.status, row.stage) == ("quarantined", stage), name
        assert error in str(row.error)


def plugins_in_documents() -> list[tuple[str, str]]:
    root = Path(__file__).resolve().parents[2]
    fence = re.compile(r"^```python title=(\S+)\s*$(.*?)^```$", re.MULTILINE | re.DOTALL)
    documents = ("README.md", "docs/plugin-authors.md", "docs/task-types.md")
    return [
        found.groups() for name in documents for found in fence.finditer((root / name).read_text("utf-8"))
    ]


@pytest.mark.parametrize(("name", "text"), plugins_in_documents())
def test_every_plugin_in_the_documents_is_admitted(name: str, text: str, tmp_path: Path) -> None:
    row = load(tmp_path, text, name)[1]
    assert (row.status, row.error) == ("ok", None)
    assert row.contributes["task_types"]


def test_settings_reach_the_plugin_of_the_documents(tmp_path: Path) -> None:
    (tmp_path / "limited.py").write_text(dict(plugins_in_documents())["limited.py"])
    section = {"limited": {"words": "2"}}
    plugins = load_plugins(KernelSettings(plugin_files=(tmp_path / "limited.py",), plugins=section))
    first_words = plugins.registry.get("task_types", "first-words")
    assert first_words(None, {"text": "one two three"}) == "one two"
