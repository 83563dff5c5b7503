"""docs/errors.md and docs/task-context.md name what exists, all of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from harmonia_core.contracts import state_backend, task_type
from harmonia_core.errors import HarmoniaError
from harmonia_core.model.outcomes import Category
from harmonia_core.plugins.registry import PluginConflict
from harmonia_core.settings import KernelSettings

CODE = re.compile(r'"([a-z]+(?:-[a-z]+)+)"')


def kinds(kind: type[HarmoniaError]) -> Iterator[type[HarmoniaError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def test_every_code_and_category_is_documented(root: Path) -> None:
    text = (root / "docs/errors.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z-]+)`", text))
    assert state_backend.StateConflict.code == "state-conflict"
    assert PluginConflict.code == "plugin-conflict"
    codes = {one.code for one in kinds(HarmoniaError) if one.__module__.startswith("harmonia_core.")}
    assert codes - named == set()
    assert set(get_args(Category)) - named == set()


def test_every_code_of_the_dispatcher_is_documented(root: Path) -> None:
    text = (root / "docs/errors.md").read_text("utf-8")
    given: set[str] = set()
    for name in ("attempt", "handover", "secret_holes", "context", "artifacts", "capture", "failures"):
        source = (root / f"harmonia_core/engine/{name}.py").read_text("utf-8")
        given |= set(CODE.findall(source))
    assert len(given) >= 13
    assert {code for code in given if f"`{code}`" not in text} == set()


def test_every_part_of_the_context_is_documented(root: Path) -> None:
    text = (root / "docs/task-context.md").read_text("utf-8")
    names = {name for name in vars(task_type.TaskContext) if not name.startswith("_")}
    assert {name for name in names if not re.search(rf"`(ctx\.)?{name}[`(]", text)} == set()


def test_limits_in_the_document_are_the_settings(root: Path) -> None:
    text = (root / "docs/task-context.md").read_text("utf-8")
    settings = KernelSettings()
    assert f"{settings.cancel_grace:g} s (`cancel_grace`)" in text
    assert f"limit of threads ({settings.threads})" in text
    activity = (root / "docs/activity.md").read_text("utf-8")
    assert f"| `log_ring` | {settings.log_ring:,} | entries per execution in memory" in activity
