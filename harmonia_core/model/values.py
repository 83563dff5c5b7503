"""Templates: JSON values of a definition with slots for what is only known later. Pure.

A definition is parsed once; afterwards slots and holes are data of the definition. Text
that arrives at run time is never parsed, so data can make neither a slot nor a hole.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from harmonia_core.errors import Problem
from harmonia_core.ids import is_name
from harmonia_core.model.expression import Expression, parse_expression, parse_source, report
from harmonia_core.model.paths import JSON, Path, Step, read_path, write_steps
from harmonia_core.model.reads import Fault
from harmonia_core.model.tokens import closing_brace

__all__ = (
    "JSON",
    "Expression",
    "Hole",
    "Path",
    "SecretRef",
    "Slot",
    "Template",
    "parse_expression",
    "parse_template",
)

MAX_DEPTH = 100
"""Levels of nesting that a template may have."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Name a secret of the namespace; its value is never part of a definition or an event."""

    name: str


Part: TypeAlias = str | Expression | SecretRef


@dataclass(frozen=True, slots=True)
class Slot:
    """Mark a place of a template that is filled from data.

    pointer: keys and positions from the template's top; empty for the whole value.
    parts: one expression or secret (the value keeps its type), or several that are
        joined to a text.
    """

    pointer: tuple[Step, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """Mark a place of a recorded input that only the dispatcher fills; the input has null there."""

    pointer: tuple[Step, ...]
    parts: tuple[str | SecretRef, ...]

    def as_json(self) -> dict[str, JSON]:
        """Return the shape that stands beside a recorded input."""
        parts = [part if isinstance(part, str) else {"secret": part.name} for part in self.parts]
        return {"pointer": list(self.pointer), "parts": parts}

    @classmethod
    def from_json(cls, data: dict[str, JSON]) -> "Hole":
        """Read the shape that `as_json` writes."""
        parts = tuple(part if isinstance(part, str) else SecretRef(part["secret"]) for part in data["parts"])
        return cls(tuple(data["pointer"]), parts)


@dataclass(frozen=True, slots=True)
class Template:
    """Hold a parsed value: `value` has None where a slot goes.

    secrets: names, each once. reads: what all slots read, each once.
    """

    value: JSON
    slots: tuple[Slot, ...] = ()
    secrets: tuple[str, ...] = ()
    reads: tuple[Path, ...] = ()

    @property
    def constant(self) -> bool:
        """Tell whether the value is known without any data."""
        return not self.slots

    @property
    def expressions(self) -> Iterator[tuple[tuple[Step, ...], Expression]]:
        """Yield every expression with the pointer of its slot."""
        for slot in self.slots:
            for part in slot.parts:
                if isinstance(part, Expression):
                    yield slot.pointer, part


def parse_template(
    value: JSON,
    pointer: str,
    *,
    secrets_allowed: bool,
    bare_expression: bool = False,
    problems: list[Problem],
) -> Template:
    """Parse a value of a definition; what is wrong is added to `problems`, nothing is raised.

    pointer: where the value stands in the definition (`tasks.fetch.input`).
    bare_expression: a text without `${...}` is itself an expression (the `items` of a map).
    """
    parser = _Parser(pointer, secrets_allowed, problems)
    if bare_expression and isinstance(value, str) and "${" not in value:
        value = f"${{{value}}}"
    parsed = parser.parse(value, ())
    return parser.template(parsed)


class _Parser:
    """Collect slots and problems while one template is walked."""

    def __init__(self, pointer: str, secrets_allowed: bool, problems: list[Problem]) -> None:
        self._pointer, self._secrets_allowed, self._problems = pointer, secrets_allowed, problems
        self._slots: list[Slot] = []

    def template(self, value: JSON) -> Template:
        """Return what was collected, with the walked value."""
        parts = [part for slot in self._slots for part in slot.parts]
        secrets = dict.fromkeys(part.name for part in parts if isinstance(part, SecretRef))
        reads = dict.fromkeys(read for part in parts if isinstance(part, Expression) for read in part.reads)
        return Template(value, tuple(self._slots), tuple(secrets), tuple(reads))

    def parse(self, value: JSON, at: tuple[Step, ...]) -> JSON:
        """Return a copy of the value with None for slots and escapes undone."""
        if isinstance(value, str):
            return self._text(value, at)
        if len(at) > MAX_DEPTH:
            return self._fault(Fault("too-deep", f"values may be nested {MAX_DEPTH} levels deep"), at)
        if isinstance(value, dict):
            return {self._key(key, at): self.parse(item, (*at, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.parse(item, (*at, index)) for index, item in enumerate(value)]
        if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        return self._fault(Fault("not-json", f"{value!r:.80} is no JSON value; write it as text"), at)

    def _key(self, key: JSON, at: tuple[Step, ...]) -> str:
        if not isinstance(key, str):
            self._fault(Fault("not-json", f"the key {key!r:.80} is no text; put it in quotes"), at)
        elif "${" in key.replace("$${", ""):
            message = f"the key {key!r:.80} holds an expression; expressions stand in values only"
            self._fault(Fault("expression-invalid", message), at)
        return str(key).replace("$${", "${")

    def _text(self, text: str, at: tuple[Step, ...]) -> JSON:
        if "${" not in text:
            return text
        parts = tuple(self._parts(text, at))
        if all(isinstance(part, str) for part in parts):
            return "".join(str(part) for part in parts)
        self._slots.append(Slot(at, _joined(parts)))
        return None

    def _parts(self, text: str, at: tuple[Step, ...]) -> Iterator[Part]:
        """Yield the literal texts, expressions and secrets of a text in order."""
        place = 0
        while (start := text.find("${", place)) >= 0:
            if start > place and text[start - 1] == "$":
                yield text[place : start - 1] + "${"
                place = start + 2
                continue
            if start > place:
                yield text[place:start]
            end = closing_brace(text, start + 2)
            if end is None:
                message = "the expression is not closed with `}`; write `$${` for a literal `${`"
                self._fault(Fault("expression-invalid", message), at)
                return
            yield from self._part(text[start + 2 : end], at)
            place = end + 1
        if place < len(text):
            yield text[place:]

    def _part(self, source: str, at: tuple[Step, ...]) -> Iterator[Part]:
        path = read_path(source.strip())
        if path is not None and path.root == "secrets":
            yield from self._secret(path, at)
            return
        expression = parse_source(source, self._place(at), self._problems)
        if expression is not None:
            yield expression

    def _secret(self, path: Path, at: tuple[Step, ...]) -> Iterator[SecretRef]:
        name = path.steps[0] if len(path.steps) == 1 else None
        if not self._secrets_allowed:
            message = f"`{path}` is allowed only in the input of a task"
            self._fault(Fault("secret-not-allowed", message), at)
        elif not isinstance(name, str) or not is_name(name):
            self._fault(Fault("expression-invalid", f"`{path}` is no secret; write `secrets.<name>`"), at)
        else:
            yield SecretRef(name)

    def _fault(self, fault: Fault, at: tuple[Step, ...]) -> None:
        report(fault, self._place(at), self._problems)

    def _place(self, at: tuple[Step, ...]) -> str:
        return write_steps(self._pointer, at)


def _joined(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Join literal texts that stand side by side."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)
