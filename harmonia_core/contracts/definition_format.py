"""Contract of a definition format: text in, JSON with source positions out. Stable.

A format only reads. What the document means is checked once, by the definition
model, for every format alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from harmonia_core.errors import Problem

KIND_STABILITY = "stable"

Pointer: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """Hold what a format has read.

    data: JSON; None if `problems` made reading impossible.
    positions: pointer → (line, column), both from 1, of each key and list item that the
        format can place; the empty pointer is the document. May be empty.
    problems: everything wrong with the text itself (syntax, duplicate keys, too many aliases).
    """

    data: Any
    positions: Mapping[Pointer, tuple[int, int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class DefinitionFormat:
    """Register a format.

    suffixes: lower-case file endings with the dot (`.yaml`), each taken by one format only.
    read: `read(text, source)`; source names the text in messages (a path, `<request>`). Never
        raises for bad text: returns problems. Bounded in time and memory for any text.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[str, str], ParsedDocument]
