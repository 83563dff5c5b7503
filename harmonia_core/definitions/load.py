"""From data to a definition: what is wrong key by key, and the most that can still be understood.

A part that is wrong is reported and left out, so that the rest is checked as well
and one answer names every problem. Pure; reading files is a host's business.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harmonia_core.contracts.definition_format import DefinitionFormat
from harmonia_core.definitions.reading import MAX_DEPTH, Reading, deeper_than
from harmonia_core.errors import Problem
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.pointer import Pointer, is_within, read_pointer

Positions = Mapping[Pointer, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Hold what could be understood of a definition.

    definition: None if nothing could. With problems it lacks what they name: it may be
        checked for more problems, never run.
    left_out: paths of values that could not be read; problems below them say nothing new.
    """

    definition: WorkflowDefinition | None
    problems: tuple[Problem, ...] = ()
    positions: Positions | None = None
    left_out: tuple[str, ...] = ()


def load_text(text: str, source: str, definition_format: DefinitionFormat) -> Loaded:
    """Read a text and then its data; problems carry line and column where the format knows them.

    source: names the text in messages, such as a file name.
    """
    document = definition_format.read(text, source)
    if document.data is None:
        return Loaded(None, document.problems or (Problem("document-empty", "", f"{source} is empty"),))
    loaded = load_data(document.data)
    left_out = tuple(p.path for p in document.problems if p.path and _value_at(document.data, p.path) is None)
    later = without_consequences(loaded.problems, left_out)
    problems = place_problems((*document.problems, *later), document.positions)
    return Loaded(loaded.definition, tuple(problems), document.positions, left_out)


def load_data(data: Any, positions: Positions | None = None) -> Loaded:
    """Read plain data (JSON as Python values), such as a parsed text or a program's own dict."""
    definition, problems = definition_from_data(data, positions or {})
    return Loaded(definition, problems, positions)


def definition_from_data(
    data: Any, positions: Positions | None = None
) -> tuple[WorkflowDefinition | None, tuple[Problem, ...]]:
    """Return the definition, or what could be understood of it, and every problem of its shape.

    A definition that comes with problems may be checked further, never run.
    """
    if not isinstance(data, dict):
        return None, (Problem("type-wrong", "", "a definition is an object with 'name' and 'tasks'"),)
    if deeper_than(data, MAX_DEPTH):
        return None, (Problem("too-deep", "", f"a definition may be nested {MAX_DEPTH} levels deep"),)
    reading = Reading(data)
    definition = reading.definition()
    return definition, tuple(place_problems(reading.problems, positions or {}))


def place_problems(problems: Iterable[Problem], positions: Positions) -> Iterable[Problem]:
    """Return the problems in the order of the text, with line and column of the nearest known place."""
    placed = [_placed(problem, positions) for problem in problems]
    return sorted(placed, key=lambda problem: (problem.line or 0, problem.column or 0))


def _placed(problem: Problem, positions: Positions) -> Problem:
    position = None if problem.line is not None else _position(problem.path, positions)
    if position is None:
        return problem
    line, column = position
    return replace(problem, line=line, column=column)


def _position(path: str, positions: Positions) -> tuple[int, int] | None:
    if not positions:
        return None
    pointer = read_pointer(path)
    for length in range(len(pointer), -1, -1):
        found = positions.get(pointer[:length])
        if found is not None:
            return found
    return None


def without_consequences(problems: Iterable[Problem], left_out: Sequence[str]) -> Iterable[Problem]:
    """Drop problems that only say again that a value which was refused and left out is missing."""
    if not left_out:
        return problems
    return [p for p in problems if not any(is_within(p.path, path) for path in left_out)]


def _value_at(data: Any, path: str) -> Any:
    for part in read_pointer(path):
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None
    return data
