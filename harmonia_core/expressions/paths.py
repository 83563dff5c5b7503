"""Resolve paths in JSON values: no copy, no guessing, a typed error when nothing is there. Pure."""

from collections.abc import Sequence

from harmonia_core.errors import ExpressionError
from harmonia_core.model.paths import JSON, Step, nearest, write_steps


def resolve(value: JSON, steps: Sequence[Step], written: str = "") -> JSON:
    """Return what stands at `steps` below `value`, itself and not a copy.

    written: how the place of `value` is called in an error (`tasks.fetch.output`).
    Raises ExpressionError `path-missing`, which names the longest part that exists.
    """
    found = value
    for step in steps:
        if type(found) is dict:
            if step not in found:
                raise missing(value, steps, written)
        elif type(found) is not list or type(step) is not int or not 0 <= step < len(found):
            raise missing(value, steps, written)
        found = found[step]
    return found


def missing(value: JSON, steps: Sequence[Step], written: str = "") -> ExpressionError:
    """Explain where a path ends before its last step: the part that exists, and the nearest key."""
    found, count = value, 0
    while count < len(steps) and _has(found, steps[count]):
        found = found[steps[count]]
        count += 1
    exists = write_steps(written, steps[:count]) or "the value"
    return ExpressionError(
        "path-missing", f"{write_steps(written, steps)} does not exist: {exists} {_lack(found, steps[count])}"
    )


def _has(value: JSON, step: Step) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def _lack(found: JSON, step: Step) -> str:
    """Say what is there instead of the step."""
    if isinstance(found, dict):
        keys = [key for key in found if isinstance(key, str)]
        near = nearest(step, keys) if isinstance(step, str) else None
        if near is not None:
            return f"has no key {step!r}; did you mean {near!r}?"
        known = ", ".join(map(repr, keys[:10])) or "none"
        return f"has no key {step!r} (it has {known}{', ...' if len(keys) > 10 else ''})"
    if isinstance(found, list):
        return f"is a list of {len(found)}" + ("" if isinstance(step, int) else f", it has no key {step!r}")
    kind = {type(None): "null", bool: "a boolean", str: "a text"}.get(type(found), "a number")
    return f"is {kind}"
