"""Put problems in their place: line and column from a path, consequences left out. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from harmonia_core.errors import Problem
from harmonia_core.model.pointer import Pointer, is_within, read_pointer

Positions: TypeAlias = Mapping[Pointer, tuple[int, int]]


def place_problems(problems: Iterable[Problem], positions: Positions | None) -> list[Problem]:
    """Return the problems in the order of the text, with line and column of the nearest known place."""
    if positions is None:
        return list(problems)
    placed = [_placed(problem, positions) for problem in problems]
    return sorted(placed, key=lambda one: (one.source or "", one.line or 0, one.column or 0))


def _placed(problem: Problem, positions: Positions) -> Problem:
    known = problem.line is not None or problem.source is not None
    position = None if known else _position(problem.path, positions)
    if position is None:
        return problem
    line, column = position
    return replace(problem, line=line, column=column)


def _position(path: str, positions: Positions) -> tuple[int, int] | None:
    pointer = read_pointer(path)
    for length in range(len(pointer), -1, -1):
        found = positions.get(pointer[:length])
        if found is not None:
            return found
    return None


def without_consequences(problems: Iterable[Problem], left_out: Sequence[str]) -> list[Problem]:
    """Drop problems that only say again that a value which was refused and left out is missing."""
    return [p for p in problems if not any(is_within(p.path, path) for path in left_out)]
