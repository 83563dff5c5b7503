"""Fill templates and evaluate expressions on data. Pure; the reader supplies the data.

Values that data brings in are put in place as they are and never looked into for `${`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from harmonia_core.contracts.expression_language import ExpressionLanguage
from harmonia_core.errors import ExpressionError
from harmonia_core.expressions import cel_messages
from harmonia_core.expressions.bindings import bind, explain
from harmonia_core.expressions.cel import CEL
from harmonia_core.model.paths import JSON, Path, Step
from harmonia_core.model.values import Expression, Hole, SecretRef, Slot, Template

Reader: TypeAlias = Callable[[Path], JSON]
"""Returns what stands at a path; raises ExpressionError `path-missing` if nothing does."""

MAX_RESULT = 16 * 1024 * 1024
"""Characters that a text made from a template may have."""

BUILT_IN: Mapping[str, ExpressionLanguage] = {"cel": CEL}


class Filled(NamedTuple):
    """Hold a template's value on given data, and the places that secrets will fill."""

    value: JSON
    holes: tuple[Hole, ...]


def fill(template: Template, read: Reader, languages: Mapping[str, ExpressionLanguage] = BUILT_IN) -> Filled:
    """Return the template's value; places with a secret hold None and are listed as holes.

    The containers of the template are new on every call, what `read` returned is shared.
    Raises ExpressionError.
    """
    value = _copy(template.value)
    holes: list[Hole] = []
    for slot in template.slots:
        part = slot.parts[0]
        if len(slot.parts) == 1 and type(part) is Expression:
            path = part.path
            found = evaluate_expression(part, read, languages) if path is None else read(path)
        else:
            found = _text(slot, read, languages, holes)
        pointer = slot.pointer
        if len(pointer) == 1:
            value[pointer[0]] = found
        else:
            value = _put(value, pointer, found)
    return Filled(value, tuple(holes))


def evaluate_expression(
    expression: Expression, read: Reader, languages: Mapping[str, ExpressionLanguage] = BUILT_IN
) -> JSON:
    """Return the value of one expression; raises ExpressionError.

    A place that is missing counts only if the evaluation gets to it, so that conditions
    can guard what they read.
    """
    if expression.path is not None:
        return read(expression.path)
    bindings, missing = bind(expression.reads, read)
    try:
        return languages[expression.language].evaluate(expression.source, bindings)
    except ExpressionError as error:
        raise explain(error, missing) from None


def condition(
    expression: Expression, read: Reader, languages: Mapping[str, ExpressionLanguage] = BUILT_IN
) -> bool:
    """Return the truth of a condition; anything but true and false is an ExpressionError."""
    value = evaluate_expression(expression, read, languages)
    if value is True or value is False:
        return bool(value)
    kind = "null" if value is None else type(value).__name__
    source = cel_messages.brief(expression.source)
    raise ExpressionError("not-boolean", f"{source} gave {kind}, not true or false")


def fill_holes(value: JSON, holes: Sequence[Hole], reveal: Callable[[str], str]) -> JSON:
    """Return the value with every hole filled; containers on the way are copied.

    reveal: returns the secret of a name.
    """
    filled = _copy(value) if holes else value
    for hole in holes:
        text = "".join(part if isinstance(part, str) else reveal(part.name) for part in hole.parts)
        filled = _put(filled, hole.pointer, text)
    return filled


def as_text(value: JSON) -> str:
    """Return how a value stands inside a text: texts as they are, others as compact JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _text(
    slot: Slot, read: Reader, languages: Mapping[str, ExpressionLanguage], holes: list[Hole]
) -> str | None:
    """Join the parts of a slot; with a secret among them, add a hole and return None."""
    parts: list[str | SecretRef] = []
    size = 0
    for part in slot.parts:
        done = as_text(evaluate_expression(part, read, languages)) if isinstance(part, Expression) else part
        size += len(done) if isinstance(done, str) else 0
        parts.append(done)
    if size > MAX_RESULT:
        message = f"a text of {size:,} characters is over the limit of {MAX_RESULT:,}"
        raise ExpressionError("too-large", message)
    if any(isinstance(part, SecretRef) for part in parts):
        holes.append(Hole(slot.pointer, tuple(parts)))
        return None
    return "".join(part for part in parts if isinstance(part, str))


def _put(value: JSON, pointer: tuple[Step, ...], item: JSON) -> JSON:
    if not pointer:
        return item
    place = value
    for step in pointer[:-1]:
        place = place[step]
    place[pointer[-1]] = item
    return value


def _copy(value: JSON) -> JSON:
    kind = type(value)
    if kind is dict:
        return {key: _copy(item) for key, item in value.items()}
    if kind is list:
        return [_copy(item) for item in value]
    return value
