"""Holes of a recorded input, filled with secrets right before the function is called."""

from collections.abc import Callable, Iterable
from typing import Any

from harmonia_core.engine.failures import Refused, refused
from harmonia_core.engine.masking import SHORTEST, Masker
from harmonia_core.expressions.evaluator import fill_holes
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.values import Hole, SecretRef


def filled(
    data: Any, holes: Iterable[Hole], namespace: str, secret: Callable[[str, str], str | None]
) -> tuple[Any, Masker]:
    """Return the input with its secrets, and what masks them; `data` stays as it is.

    May block, as the provider may. Raises Refused with every secret that is missing.
    """
    holes = tuple(holes)
    names = {part.name: None for hole in holes for part in hole.parts if isinstance(part, SecretRef)}
    values = {name: _looked_up(namespace, name, secret) for name in names}
    known = {name: value for name, value in values.items() if value is not None}
    if missing := sorted(values.keys() - known.keys()):
        raise refused("secret-missing", f"The namespace {namespace!r} has no secret {_listed(missing)}.")
    if short := sorted(name for name, value in known.items() if len(value) < SHORTEST):
        text = f"Secret {_listed(short)} is shorter than {SHORTEST} characters and could not be masked."
        raise refused("secret-too-short", text)
    return fill_holes(data, holes, known.__getitem__), Masker(known.values())


def _looked_up(namespace: str, name: str, secret: Callable[[str, str], str | None]) -> str | None:
    try:
        return secret(namespace, name)
    except Exception as error:
        # The provider's own words are left out: they may quote what it knows.
        text = f"The secret provider failed for {name!r} with {type(error).__name__}."
        raise Refused(ErrorInfo("infrastructure", "secret-unavailable", text)) from None


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))
