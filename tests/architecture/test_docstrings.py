"""Every public name says what its signature cannot."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest

FIVE = ("When:", "Calls:", "Returns:", "Errors:", "Time:")
Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_public(name: str) -> bool:
    return not name.startswith("_")


def public_names(tree: ast.Module) -> Iterator[tuple[Documented, ast.ClassDef | None]]:
    """Yield public classes and functions of a module, and methods with their class; overloads once."""
    for node in tree.body:
        if isinstance(node, Documented) and is_public(node.name):
            yield node, None
            if isinstance(node, ast.ClassDef):
                yield from ((m, node) for m in node.body if isinstance(m, Function) and is_public(m.name))


def says(node: ast.Module | Documented) -> str:
    """Return the first paragraph of the docstring as one line."""
    return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


def is_marked(node: Documented, mark: str) -> bool:
    return any(mark in ast.unparse(decorator) for decorator in node.decorator_list)


def contracts(product: list[Any]) -> dict[str, set[str]]:
    """Return, by class name, the methods that the class documents itself."""
    found: dict[str, set[str]] = {}
    for module in product:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                own = {m.name for m in node.body if isinstance(m, Function) and says(m)}
                found.setdefault(node.name, set()).update(own)
    return found


def protocols(product: list[Any]) -> set[str]:
    """Return the names of methods that a Protocol documents: implementations need not repeat it."""
    return {
        method.name
        for module in product
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
        for method in node.body
        if isinstance(method, Function) and says(method)
    }


def base_names(owner: ast.ClassDef | None) -> list[str]:
    bases = owner.bases if owner else []
    return [ast.unparse(base).split(".")[-1].partition("[")[0] for base in bases]


def undocumented(product: list[Any]) -> Iterator[str]:
    by_class, by_protocol = contracts(product), protocols(product)
    for module in product:
        if module.source.strip() and not says(module.tree):
            yield module.place
        for node, owner in public_names(module.tree):
            if says(node) or is_marked(node, "overload") or is_marked(node, ".setter"):
                continue
            if node.name.startswith("test_"):  # a shipped suite's sentence is its name
                continue
            inherited = any(node.name in by_class.get(base, ()) for base in base_names(owner))
            if not inherited and not (owner and node.name in by_protocol):
                yield f"{module.place}:{node.lineno} {node.name}"


def test_every_public_name_is_documented(product: list[Any]) -> None:
    assert list(undocumented(product)) == []


def test_first_sentences_end(product: list[Any]) -> None:
    faults = [
        f"{module.place}:{getattr(node, 'lineno', 1)} {says(node)!r}"
        for module in product
        for node in (module.tree, *(found for found, _ in public_names(module.tree)))
        if says(node) and says(node)[-1] not in ".:;"
    ]
    assert faults == []


def hooks(product: list[Any]) -> list[ast.FunctionDef]:
    return [
        node
        for module in product
        if module.name == "harmonia_core.plugins.hookspecs"
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef) and is_marked(node, "hookspec")
    ]


def test_every_hook_answers_five_questions(product: list[Any]) -> None:
    found = hooks(product)
    assert len(found) >= 12
    missing = {
        hook.name: [word for word in FIVE if word not in (ast.get_docstring(hook) or "")] for hook in found
    }
    assert {name: words for name, words in missing.items() if words} == {}


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("'''M.'''\ndef f(): ...", "f"),
        ("'''M.'''\nclass C:\n    '''C.'''\n    def m(self): ...", "m"),
        ("'''M.'''\nclass C: ...", "C"),
    ],
)
def test_missing_docstrings_are_found(source: str, named: str) -> None:
    class Sample:
        place, tree = "sample", ast.parse(source)

    Sample.source = source  # type: ignore[attr-defined]
    assert [fault.split()[-1] for fault in undocumented([Sample()])] == [named]
