"""Discovery with real stevedore on real dist-info folders: every failure is a row, nothing is lost."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harmonia_core.errors import PluginsRefused
from harmonia_core.plugins.discovery import installed
from harmonia_core.plugins.load import Plugins, load_plugins
from harmonia_core.plugins.report import PluginRow
from harmonia_core.settings import KernelSettings

Install = Callable[..., Path]

GOOD = """
from harmonia_core import task_type
@task_type("{name}")
async def task(ctx, input):
    return input
"""


def row_of(plugins: Plugins, distribution: str) -> PluginRow:
    [row] = [row for row in plugins.report if row.distribution == distribution]
    return row


def good(install: Install, name: str) -> None:
    entry = f"[harmonia.task_types]\n{name} = {name}_module:task\n"
    install(f"harmonia-{name}", "1.0", entry, **{f"{name}_module": GOOD.format(name=name)})


def test_the_built_ins_come_through_the_same_door() -> None:
    plugins = load_plugins()
    row = row_of(plugins, "harmonia")
    assert (row.name, row.status, row.stage) == ("builtin", "ok", "ready")
    assert {"map", "wait", "noop", "fail"} <= set(plugins.registry.names("task_types"))
    assert plugins.registry.origin("task_types", "map").distribution == "harmonia"
    assert plugins.registry.get("definition_formats", ".yml").name == "yaml"
    assert {"memory"} <= set(plugins.registry.names("state_backends"))


def test_a_task_type_of_an_installed_distribution_is_found_with_its_version(install: Install) -> None:
    good(install, "shoutest")
    plugins = load_plugins()
    assert row_of(plugins, "harmonia-shoutest").contributes == {"task_types": ("shoutest",)}
    assert plugins.registry.origin("task_types", "shoutest").version == "1.0"


def test_an_entry_point_added_to_an_installed_distribution_is_seen_at_once(install: Install) -> None:
    """Stevedore's own cache would answer with the old list for up to 128 s."""
    site = install("harmonia-two", "1.0", "[harmonia.task_types]\n")
    assert "one" not in {candidate.name for candidate in installed()}
    entry_points = site / "harmonia_two-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[harmonia.task_types]\none = nowhere:x\n")
    assert "one" in {candidate.name for candidate in installed()}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import a_module_that_is_missing", "ModuleNotFoundError: No module named"),
        ("assert False, 'not today'", "AssertionError: not today"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class Odd(BaseException): pass\nraise Odd('odd')", "Odd: odd"),
        ("def broken(:", "SyntaxError"),
        ("class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute", "cannot be shown"),
        ("thing = 1", "AttributeError"),
    ],
)
def test_a_failing_import_is_a_row_and_the_rest_runs(install: Install, code: str, error: str) -> None:
    install("harmonia-bad", "0.0.9", "[harmonia.task_types]\nbad = bad_module:task\n", bad_module=code)
    good(install, "zeta")
    try:
        plugins = load_plugins()
    finally:
        sys.modules.pop("bad_module", None)
        sys.modules.pop("zeta_module", None)
    row = row_of(plugins, "harmonia-bad")
    assert (row.version, row.stage, row.status) == ("0.0.9", "import", "quarantined")
    assert error in str(row.error)
    assert "zeta" in plugins.registry.names("task_types")


def test_ctrl_c_during_an_import_ends_the_program(install: Install) -> None:
    install(
        "harmonia-ctrl",
        "1",
        "[harmonia.task_types]\nx = ctrl_module:x\n",
        ctrl_module="raise KeyboardInterrupt",
    )
    with pytest.raises(KeyboardInterrupt):
        load_plugins()


@pytest.mark.parametrize("name", ["quiet", "harmonia-quiet", "Harmonia_Quiet"])
def test_a_disabled_plugin_is_never_imported(install: Install, name: str) -> None:
    entry = "[harmonia.plugins]\nquiet = quiet_module\n"
    install("Harmonia_Quiet", "2.0", entry, quiet_module="raise SystemExit('it was imported')")
    plugins = load_plugins(KernelSettings(disabled_plugins=(name,)))
    row = row_of(plugins, "Harmonia_Quiet")
    assert (row.status, row.stage, row.error) == ("disabled", "name", None)
    assert "quiet_module" not in sys.modules


def test_a_disabled_name_that_nobody_has_is_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    load_plugins(KernelSettings(disabled_plugins=("nobody",), plugins={"nothing": {"a": 1}}))
    assert "no plugin is named nobody" in caplog.text
    assert "settings for a plugin nothing" in caplog.text


def test_two_distributions_with_one_task_type_the_later_is_quarantined(install: Install) -> None:
    """Both are named `same` in the same group: stevedore itself would keep both and say nothing."""
    for distribution in ("harmonia-a", "harmonia-b"):
        module = f"{distribution[-1]}_same"
        entry = f"[harmonia.task_types]\nsame = {module}:task\n"
        install(distribution, "1.0", entry, **{module: GOOD.format(name="same")})
    plugins = load_plugins()
    assert row_of(plugins, "harmonia-a").status == "ok"
    row = row_of(plugins, "harmonia-b")
    assert (row.stage, row.status) == ("conflict", "quarantined")
    assert "harmonia-a 1.0" in str(row.error) and "harmonia-b 1.0" in str(row.error)
    assert plugins.registry.origin("task_types", "same").distribution == "harmonia-a"


def test_nobody_takes_the_name_of_a_built_in(install: Install) -> None:
    module = GOOD.format(name="noop")
    install("aaa-first", "1.0", "[harmonia.task_types]\nnoop = aaa_noop:task\n", aaa_noop=module)
    plugins = load_plugins()
    assert row_of(plugins, "aaa-first").stage == "conflict"
    assert plugins.registry.origin("task_types", "noop").distribution == "harmonia"


def test_strict_mode_refuses_to_start_and_lists_every_row(install: Install) -> None:
    entry = "[harmonia.task_types]\none = missing_a:x\ntwo = missing_b:y\n"
    install("harmonia-broken", "0.3", entry)
    with pytest.raises(PluginsRefused) as caught:
        load_plugins(KernelSettings(strict_plugins=True))
    assert sum("harmonia-broken 0.3" in row for row in caught.value.rows) == 2


def test_a_report_row_has_a_public_shape(install: Install) -> None:
    good(install, "shape")
    assert row_of(load_plugins(), "harmonia-shape").as_json() == {
        "distribution": "harmonia-shape",
        "version": "1.0",
        "group": "harmonia.task_types",
        "name": "shape",
        "stage": "ready",
        "status": "ok",
        "error": None,
        "contributes": {"task_types": ["shape"]},
    }


def test_a_source_tree_that_is_not_installed_still_has_its_built_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harmonia_core.plugins.load.installed", lambda: iter(()))
    [row] = load_plugins().report
    assert (row.distribution, row.name, row.status) == ("harmonia", "builtin", "ok")


def test_what_the_report_of_an_unplugged_observer_concerns_is_only_that_observer(install: Install) -> None:
    report = load_plugins().report
    before = report.rows
    report.unplugged("harmonia.plugins", "nobody", "x")
    assert report.rows == before
