"""Expressions as data: which language a source is in and what it reads. Pure.

A source that matches the path grammar whole is a path, anything else is CEL. Deciding so
needs no CEL library; `expressions.cel.check` has the last word on a CEL source.
"""

from dataclasses import dataclass

from harmonia_core.errors import Problem
from harmonia_core.model.paths import JSON, ROOTS, Path, read_path
from harmonia_core.model.reads import CLOSED, Fault, root_fault, scan
from harmonia_core.model.tokens import closing_brace

MAX_SOURCE = 16_384
"""Characters that one expression may have."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Hold one parsed expression.

    language: `path`, or the name of an expression language (`cel`).
    path: what a plain path names, else None.
    reads: the deepest places known without evaluating, in normal form, each once.
    optional: those of `reads` that the expression itself guards (`has(...)`, `.?`).
    """

    source: str
    language: str
    path: Path | None
    reads: tuple[Path, ...]
    optional: tuple[Path, ...] = ()


def parse_expression(source: JSON, pointer: str, problems: list[Problem]) -> Expression | None:
    """Parse a place that holds one expression (`when`), with or without `${...}` around it.

    Returns None after adding to `problems`. The literals true and false are accepted.
    """
    if isinstance(source, bool):
        source = "true" if source else "false"
    if not isinstance(source, str):
        report(Fault("expression-invalid", "an expression is a text"), pointer, problems)
        return None
    inner = _unwrap(source.strip())
    if inner is None:
        message = "one expression is expected here: write the whole condition in one `${...}`, or without it"
        report(Fault("expression-invalid", message), pointer, problems)
        return None
    return parse_source(inner, pointer, problems)


def parse_source(source: str, pointer: str, problems: list[Problem]) -> Expression | None:
    """Parse what stands between `${` and `}`; a secret is refused here."""
    source = source.strip()
    faults = _source_faults(source)
    path = None if faults else read_path(source)
    found = scan(source) if path is None and not faults else None
    faults += path_faults(path) if path else found.faults if found else []
    for fault in faults:
        report(fault, pointer, problems)
    if faults:
        return None
    if path:
        return Expression(source, "path", path, (path,))
    assert found is not None
    return Expression(source, "cel", None, tuple(found.reads), tuple(found.optional))


def path_faults(path: Path) -> list[Fault]:
    """Return what is wrong with a path: its root, a missing task id, a negative position."""
    if path.root not in ROOTS or path.root in CLOSED:
        return [root_fault(path.root)]
    faults = []
    if path.root == "tasks" and not (path.steps and isinstance(path.steps[0], str)):
        faults.append(Fault("expression-invalid", "`tasks` needs the id of a task", "tasks.<id>"))
    if any(isinstance(step, int) and step < 0 for step in path.steps):
        faults.append(Fault("expression-invalid", "a position counts from 0 and cannot be negative"))
    return faults


def report(fault: Fault, pointer: str, problems: list[Problem]) -> None:
    """Add a fault to the problems, with its place."""
    problems.append(Problem(fault.code, pointer, fault.message, suggestion=fault.suggestion))


def _source_faults(source: str) -> list[Fault]:
    if not source:
        return [Fault("expression-invalid", "the expression is empty; write `$${` for a literal `${`")]
    if len(source) > MAX_SOURCE:
        return [Fault("expression-invalid", f"the expression is longer than {MAX_SOURCE:,} characters")]
    return []


def _unwrap(text: str) -> str | None:
    """Return the expression of a text that is one `${...}`, or holds none; else None."""
    if not text.startswith("${"):
        return None if "${" in text else text
    end = closing_brace(text, 2)
    return text[2:end] if end == len(text) - 1 else None
