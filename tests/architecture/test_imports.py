"""Who may import and call whom. The import rules stand in setup.cfg, the rest is read from the syntax."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

IMPURE = frozenset(
    [
        *("anyio", "asyncio", "concurrent", "contextvars", "glob", "io", "logging", "multiprocessing", "os"),
        *("pathlib", "queue", "random", "sched", "secrets", "selectors", "shutil", "signal", "socket"),
        *("sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid"),
    ]
)
IMPURE_CALLS = frozenset({"breakpoint", "input", "open", "print", ".now", ".today", ".utcnow"})
BESIDE_THE_LOG = {"documents", "appends", "blobs", "promotions", "requests"}
PURE_PARTS = ("harmonia_core.ids", "harmonia_core.errors", "harmonia_core.model", "harmonia_core.expressions")


def test_import_contracts_of_setup_cfg_are_kept(root: Path) -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_package_is_under_the_contracts(distributions: list[Any]) -> None:
    root, *plugins = distributions
    expected = {package.name for distribution in distributions for package in distribution.packages}
    inside = {package.name for plugin in plugins for package in plugin.packages}
    libraries = {package.name for plugin in plugins if plugin.is_library for package in plugin.packages}
    assert set(root.lines("importlinter", "root_packages")) == expected
    assert set(root.lines("importlinter:contract:plugin-door", "source_modules")) == inside
    assert set(root.lines("importlinter:contract:plugins-apart", "modules")) == inside - libraries
    assert set(root.lines("importlinter:contract:libraries", "source_modules")) == libraries
    assert inside - libraries <= set(root.lines("importlinter:contract:libraries", "forbidden_modules"))
    for contract in ("kernel-libraries", "api-door"):
        assert inside <= set(root.lines(f"importlinter:contract:{contract}", "forbidden_modules"))


def test_there_are_no_import_cycles(product: list[Any]) -> None:
    names = {module.name for module in product}
    graph = {module.name: set(imported(module.tree, names)) for module in product}
    for name, found in graph.items():
        found.discard(name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' <- '.join(error.args[1])}")


def imported(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """Yield the product's modules that a tree imports, late imports included, TYPE_CHECKING left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in names else str(node.module)
        else:
            yield from imported(node, names)


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the name (of a method: with its dot) and the line of everything that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield f".{node.func.attr}", node.lineno
            elif isinstance(node.func, ast.Name):
                yield node.func.id, node.lineno


def appends(tree: ast.AST) -> Iterator[str]:
    """Yield what moves an execution: a unit with more than documents and blobs, a head, a submission."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called == "Unit" and (node.args or {word.arg for word in node.keywords} - BESIDE_THE_LOG):
            yield f"{node.lineno} makes a unit that appends"
        elif called == "HeadWrite" or called.endswith("backend.submit"):
            yield f"{node.lineno} calls {called}"


def test_only_record_appends_events(product: list[Any]) -> None:
    judged = ("harmonia_core.engine", "harmonia_core.host", "harmonia_core.plugins", "harmonia_api")
    found = {
        module.name: [f"{module.place}:{fault}" for fault in appends(module.tree)]
        for module in product
        if module.within(*judged)
    }
    assert found.pop("harmonia_core.engine.record")
    assert [fault for faults in found.values() for fault in faults] == []


def test_only_publish_notifies(product: list[Any]) -> None:
    allowed = ("harmonia_core.engine.publish", "harmonia_core.plugins")
    faults = [
        f"{module.place}:{node.lineno}"
        for module in product
        if module.within("harmonia_core", "harmonia_api") and not module.within(*allowed)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in {"harmonia_events_recorded", "events_recorded"}
    ]
    assert faults == []


def test_pure_modules_contain_nothing_impure(product: list[Any], pure_seeds: list[str]) -> None:
    by_name = {module.name: module for module in product}
    judged = {name for name in by_name if by_name[name].within(*PURE_PARTS)}
    judged |= reached(pure_seeds, by_name)
    assert len(judged) > 10
    assert [fault for name in sorted(judged) for fault in impurities(by_name[name])] == []


def reached(seeds: list[str], by_name: dict[str, Any]) -> set[str]:
    """Return the engine's modules that the pure ones import, directly or through each other."""
    engine = {name for name in by_name if by_name[name].within("harmonia_core.engine")}
    found, waiting = set(), [seed for seed in seeds if seed in by_name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(imported(by_name[name].tree, engine))
    return found


def impurities(module: Any) -> Iterator[str]:
    waits = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    for node in ast.walk(module.tree):
        if isinstance(node, waits):
            yield f"{module.place}:{node.lineno} is async"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for name in modules:
                if name.partition(".")[0] in IMPURE:
                    yield f"{module.place}:{node.lineno} imports {name}"
    for name, line in calls(module.tree):
        if name in IMPURE_CALLS:
            yield f"{module.place}:{line} calls {name}"


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import time", "imports time"),
        ("def f():\n    from os import path", "imports os"),
        ("async def f(): ...", "is async"),
        ("x = datetime.now()", "calls .now"),
        ("open('x')", "calls open"),
    ],
)
def test_impurities_are_found(source: str, fault: str) -> None:
    class Sample:
        place = "sample"
        tree = ast.parse(source)

    assert any(fault in found for found in impurities(Sample()))


def test_cycles_are_found_in_late_imports_too() -> None:
    tree = ast.parse("def f():\n    from a import b\nif TYPE_CHECKING:\n    import c")
    assert list(imported(tree, {"a.b", "a", "c"})) == ["a.b"]
