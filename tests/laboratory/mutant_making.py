"""Make the mutants of a module: one small change each, in the code of one function.

Conditions become true and false, comparisons their neighbours, operators their opposites; operands,
keywords, statements and `not` go, constants move, and what is returned becomes None. Left alone are
annotations, defaults, decorators, docstrings, texts for people (with a space in them) and whatever is
carried out when the module is imported.
"""

import ast
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

FLIPPED: dict[type, tuple[type, ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPPOSITES: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd,
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# What holds statements of its own: shown, and looked up, without them.
BLOCKS = (
    ast.If,
    ast.While,
    ast.For,
    ast.With,
    ast.Try,
    ast.ExceptHandler,
    ast.Match,
    ast.match_case,
    *FUNCTIONS,
)


LONG, AROUND = 120, 40
"""From how many characters a statement is shown in part, and how many around the change."""
LEFT_OUT = (ast.Expr, ast.Raise, ast.Continue, ast.Break, ast.Return, ast.Delete)


class Mutant(NamedTuple):
    """A changed function. line, last: of the statement that is changed."""

    module: str
    function: str
    line: int
    last: int
    was: str
    now: str
    code: CodeType

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what stays the same when lines move."""
        return f"{self.module}:{self.function}", self.was, self.now


class Place(NamedTuple):
    """Where a node stands: how it is put there, and in which statement and function."""

    node: ast.AST
    put: Callable[[Any], None]
    holder: ast.AST | None
    statement: ast.AST
    function: ast.AST


def mutants(module: str, path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its lines; one that does not compile is left out."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {key: code for code in codes(compile(tree, str(path), "exec")) for key in [key_of(code)]}
    for place in list(places(tree)):
        for change in changes(place):
            was = shown(place.statement)
            place.put(ast.copy_location(change, place.node))
            # A statement that is changed as a whole is shown in its new form.
            now = shown(change if place.node is place.statement else place.statement)
            code = compiled(tree, path, place.function, names)
            place.put(place.node)
            if code is not None and now != was:
                yield Mutant(module, code.co_qualname, *lines(place.statement), *shortened(was, now), code)


def compiled(tree: ast.Module, path: Path, function: ast.AST, names: dict[Any, CodeType]) -> CodeType | None:
    """Return the code of a function of the changed tree, if it can stand in for the old one."""
    ast.fix_missing_locations(tree)
    try:
        found = codes(compile(tree, str(path), "exec"))
    except (SyntaxError, ValueError):
        return None
    first = min([function.lineno, *(one.lineno for one in getattr(function, "decorator_list", ()))])  # type: ignore[attr-defined]
    name = getattr(function, "name", "<lambda>")
    new = [one for one in found if one.co_firstlineno == first and one.co_name == name]
    if len(new) != 1 or new[0].co_freevars != names[key_of(new[0])].co_freevars:
        return None
    return new[0]


def codes(code: CodeType) -> list[CodeType]:
    """Return all code objects inside one."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return inner + [found for one in inner for found in codes(one)]


def key_of(code: CodeType) -> tuple[str, int]:
    """Return what tells a function from the others of its module."""
    return code.co_qualname, code.co_firstlineno


def places(tree: ast.Module) -> Iterator[Place]:
    """Yield what lies in the bodies of functions, with the outermost function that holds it."""
    yield from _below(tree, None, None)


def _below(node: ast.AST, statement: ast.AST | None, function: ast.AST | None) -> Iterator[Place]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
            continue
        within = function or (node if isinstance(node, FUNCTIONS) and name == "body" else None)
        for child, put in children(node, name, value):
            here = child if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) else statement
            if within is not None and not is_docstring(child):
                yield Place(child, put, node, here or child, within)
            yield from _below(child, here, within)


def children(node: ast.AST, name: str, value: Any) -> Iterator[tuple[ast.AST, Callable[[Any], None]]]:
    """Yield the nodes in a field, each with how to put another in its place."""
    if isinstance(value, ast.AST):
        yield value, lambda new: setattr(node, name, new)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, ast.AST):
                yield child, lambda new, index=index: value.__setitem__(index, new)


def is_docstring(node: ast.AST) -> bool:
    """Tell whether a statement is nothing but a constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def changes(place: Place) -> Iterator[Any]:
    """Yield what may stand in a place instead."""
    node, holder = place.node, place.holder
    if isinstance(holder, ast.If | ast.IfExp | ast.While) and node is holder.test:
        yield from _decided(node, isinstance(holder, ast.While))
    elif isinstance(holder, ast.comprehension) and node in holder.ifs:
        yield from _decided(node, False)
    if isinstance(node, ast.expr):
        yield from _expressions(node, holder)
    elif isinstance(node, ast.stmt):
        yield from _statements(node, place.function)


def _decided(node: ast.AST, loops: bool) -> Iterator[ast.expr]:
    if not isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in ([False] if loops else [True, False]))


def _expressions(node: ast.expr, holder: ast.AST | None) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            for other in FLIPPED[type(op)]:
                ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp):
        for index in range(len(node.values)):
            rest = node.values[:index] + node.values[index + 1 :]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in OPPOSITES:
        yield ast.BinOp(node.left, OPPOSITES[type(node.op)](), node.right)
    elif isinstance(node, ast.Call):
        for index in range(len(node.keywords)):
            yield ast.Call(node.func, node.args, node.keywords[:index] + node.keywords[index + 1 :])
    elif isinstance(node, ast.Constant) and not isinstance(holder, ast.JoinedStr | ast.MatchValue):
        yield from _constants(node.value)


def _constants(value: Any) -> Iterator[ast.expr]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and " " not in value:
        yield ast.Constant(f"{value}?")


def _statements(node: ast.stmt, function: ast.AST) -> Iterator[ast.stmt]:
    if isinstance(node, ast.Return) and node.value is not None:
        # None for False would be the same to who asks, and both ways of a constant are tried anyway.
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool | None)):
            yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.AugAssign) and type(node.op) in OPPOSITES:
        yield ast.AugAssign(node.target, OPPOSITES[type(node.op)](), node.value)
        yield ast.Pass()
    elif isinstance(node, LEFT_OUT) or (isinstance(node, ast.Assign) and _replaces(node, function)):
        yield ast.Pass()


def _replaces(node: ast.Assign, function: ast.AST) -> bool:
    return all(_stood(target, node, function) for target in node.targets)


def _stood(target: ast.expr, node: ast.stmt, function: ast.AST) -> bool:
    """Tell whether there was something before a statement puts another value there."""
    if not isinstance(target, ast.Name):
        return not isinstance(target, ast.Tuple)
    writes = (
        one for one in ast.walk(function) if isinstance(one, ast.Name | ast.arg) and one.lineno < node.lineno
    )
    return any(
        one.arg == target.id
        if isinstance(one, ast.arg)
        else one.id == target.id and isinstance(one.ctx, ast.Store)
        for one in writes
    )


def lines(node: Any) -> tuple[int, int]:
    """Return the first and last line of a statement, of one that holds others: of its head."""
    last = node.end_lineno
    body = node.body if isinstance(node, BLOCKS) and isinstance(getattr(node, "body", None), list) else []
    if body:
        last = max(node.lineno, body[0].lineno - 1)
    return node.lineno, last


def shortened(was: str, now: str) -> tuple[str, str]:
    """Return two texts without most of what they have in common at both ends, if they are long."""
    if max(len(was), len(now)) <= LONG:
        return was, now
    head = alike(was, now)
    tail = alike(was[head:][::-1], now[head:][::-1])
    begin = max(0, head - AROUND)
    before, after = "…" * (begin > 0), "…" * (tail > AROUND)
    return tuple(  # type: ignore[return-value]
        f"{before}{text[begin : min(len(text), len(text) - tail + AROUND)]}{after}" for text in (was, now)
    )


def alike(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def shown(node: ast.AST) -> str:
    """Return a statement as text; of one that holds others only its head."""
    text = ast.unparse(ast.fix_missing_locations(node))
    return text.splitlines()[0] if isinstance(node, BLOCKS) and not isinstance(node, ast.Lambda) else text
