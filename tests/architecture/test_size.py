"""Rooms stay small: modules, and the functions in them."""

import ast
from statistics import median
from typing import Any

LONGEST_MODULE, MEDIAN_MODULE = 300, 110
LONGEST_FUNCTION, MEDIAN_FUNCTION = 50, 8


def written(product: list[Any]) -> list[Any]:
    """Leave out empty modules and generated migrations."""
    return [m for m in product if m.source.strip() and "versions" not in m.path.parts]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines from `def` to its end, without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def functions(module: Any) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(module.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_module_is_long(product: list[Any]) -> None:
    sizes = {module.place: len(module.source.splitlines()) for module in written(product)}
    assert {place: size for place, size in sizes.items() if size > LONGEST_MODULE} == {}
    assert median(sizes.values()) <= MEDIAN_MODULE


def test_no_function_is_long(product: list[Any]) -> None:
    sizes = {
        f"{module.place}:{function.lineno} {function.name}": body_lines(function)
        for module in written(product)
        for function in functions(module)
    }
    assert {place: size for place, size in sizes.items() if size > LONGEST_FUNCTION} == {}
    assert median(sizes.values()) <= MEDIAN_FUNCTION
