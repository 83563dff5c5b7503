"""Distributions are complete, pinned, and fit each other."""

import ast
import importlib
import re
import sys
import tomllib
from importlib.metadata import entry_points, packages_distributions, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import harmonia_core


def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text("utf-8").splitlines()
    return {canonicalize_name(name): pin for name, _, pin in (line.partition("==") for line in lines)}


def requirements(distribution: Any) -> list[Requirement]:
    lines = distribution.lines("options", "install_requires")
    if distribution.setup.has_section("options.extras_require"):
        for extra in distribution.setup["options.extras_require"]:
            lines += distribution.lines("options.extras_require", extra)
    return [Requirement(line) for line in lines]


def declared_entry_points(distribution: Any) -> list[tuple[str, str, str]]:
    """Return (group, name, value) of every entry point in setup.cfg."""
    section = "options.entry_points"
    groups = distribution.setup[section] if distribution.setup.has_section(section) else {}
    rows = [(group, *line.partition("=")) for group in groups for line in distribution.lines(section, group)]
    return [(group, name.strip(), value.strip()) for group, name, _, value in rows]


def test_constraints_are_exact_versions_only(root: Path) -> None:
    pattern = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!]*")
    lines = (root / "constraints.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not pattern.fullmatch(line)] == []


def test_every_requirement_is_pinned_within_its_range(root: Path, distributions: list[Any]) -> None:
    known = pins(root)
    own = {canonicalize_name(distribution.name) for distribution in distributions}
    faults = [
        f"{distribution.name}: {requirement} but pinned {pin}"
        for distribution in distributions
        for requirement in requirements(distribution)
        if (name := canonicalize_name(requirement.name)) not in own
        and not ((pin := known.get(name, "")) and requirement.specifier.contains(pin))
    ]
    assert faults == []


def test_plugins_accept_this_version_of_the_kernel(distributions: list[Any]) -> None:
    for plugin in distributions[1:]:
        if plugin.is_library:
            assert "harmonia" not in {found.name for found in requirements(plugin)}, plugin.name
            continue
        ranges = [found.specifier for found in requirements(plugin) if found.name == "harmonia"]
        assert len(ranges) == 1, plugin.name
        assert ranges[0].contains(harmonia_core.__version__), plugin.name
        assert not ranges[0].contains("1000"), plugin.name


def test_installed_versions_are_those_of_the_tree(distributions: list[Any]) -> None:
    assert version("harmonia") == harmonia_core.__version__
    for plugin in distributions[1:]:
        assert version(plugin.name) == plugin.setup["metadata"]["version"]


def test_every_entry_point_is_installed_and_loads(distributions: list[Any]) -> None:
    for distribution in distributions:
        rows = declared_entry_points(distribution)
        assert rows or distribution.is_library, distribution.name
        for group, name, value in rows:
            module, _, attribute = value.partition(":")
            target = importlib.import_module(module)
            assert not attribute or callable(getattr(target, attribute)), value
            assert value in {found.value for found in entry_points(group=group, name=name)}, name


def test_every_plugin_has_the_same_skeleton(distributions: list[Any], root: Path) -> None:
    tox = (root / "tox.ini").read_text("utf-8")
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    for plugin in distributions[1:]:
        folder = plugin.folder
        assert plugin.name == folder.name
        assert [path.name for path in plugin.packages] == [folder.name.replace("-", "_")]
        expected = ("pyproject.toml", "README.md", f"src/{plugin.packages[0].name}/py.typed")
        assert [name for name in expected if not (folder / name).exists()] == []
        assert list(folder.glob("tests/test_*.py")), f"{plugin.name} has no tests"
        assert f"-e ./plugins/{folder.name}" in lines
        assert f"-e ./plugins/{folder.name}\n" in tox


def test_pyproject_holds_what_setup_cfg_cannot(distributions: list[Any]) -> None:
    for distribution in distributions:
        content = tomllib.loads((distribution.folder / "pyproject.toml").read_text("utf-8"))
        assert set(content) <= {"build-system", "tool"}, distribution.name
        assert set(content.get("tool", {})) <= {"ruff"}, distribution.name


def third_party(tree: ast.AST) -> set[str]:
    """Return the top-level names that a module imports from outside the standard library."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def test_every_imported_library_is_declared(product: list[Any], distributions: list[Any]) -> None:
    providers = packages_distributions()
    faults = []
    for distribution in distributions:
        declared = {canonicalize_name(found.name) for found in requirements(distribution)}
        own = {package.name for package in distribution.packages}
        for module in product:
            if module.within(*own):
                for name in third_party(module.tree) - own:
                    if not declared & {canonicalize_name(found) for found in providers.get(name, ())}:
                        faults.append(f"{module.place} imports {name}")
    assert faults == []
