"""From a fault that pydantic found to a problem: a stable code, a plain message, the nearest key. Pure."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from harmonia_core.errors import Problem
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.paths import nearest
from harmonia_core.model.pointer import Pointer, path_text
from harmonia_core.model.policies import JoinSpec, RetryPolicySpec, Spec
from harmonia_core.model.task_spec import (
    NOT_IN_MAP_TASK,
    NOT_YET_IN_TASK,
    NOT_YET_IN_WORKFLOW,
    Block,
    BranchSpec,
    CaseSpec,
    HandlerSpec,
    NextSpec,
    TaskSpec,
    WorkSpec,
)

_EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "an object",
    "model": "an object",
    "tuple": "a list",
}
_MANY: Mapping[str, type[Spec]] = {
    "tasks": TaskSpec,
    "steps": TaskSpec,
    "branches": BranchSpec,
    "cases": CaseSpec,
    "catch": HandlerSpec,
    "next": NextSpec,
}
_ONE: Mapping[str, type[Spec]] = {
    "task": WorkSpec,
    "compensate": WorkSpec,
    "default": Block,
    "finally": Block,
    "retry_policy": RetryPolicySpec,
    "join": JoinSpec,
}
_EXPLAINED = {
    "output": "a task has no 'output'; what it returns is read as tasks.<id>.output",
    "dependencies": "dependencies are written as 'depends_on'",
    "if": "a condition is written as 'when'",
    "retry": "retries are written as 'retry_policy'",
    "name": "a task is named by its id; write a longer text as 'description'",
}


def known_keys(pointer: Sequence[str | int]) -> tuple[str, ...]:
    """Return the keys that may stand in the object at a place of the model."""
    return tuple(field.alias or name for name, field in _model_at(pointer).model_fields.items())


def nearest_key(key: str, pointer: Sequence[str | int]) -> str | None:
    """Return the key that was probably meant in the object at a place of the model."""
    return _nearest(key, known_keys(pointer))


@lru_cache(maxsize=512)
def _nearest(key: str, known: tuple[str, ...]) -> str | None:
    return nearest(key, known)


def _model_at(pointer: Sequence[str | int]) -> type[Spec]:
    """Follow a place down the model; what cannot be followed is taken for a task."""
    model: type[Spec] = WorkflowDefinition
    parts = iter(pointer)
    for part in parts:
        if part in _MANY:
            model = _MANY[str(part)]
            if next(parts, None) is None:
                break
        else:
            model = _ONE.get(str(part), TaskSpec)
    return model


def read_fault(fault: Mapping[str, Any], pointer: Pointer) -> Problem:
    """Return the problem of one entry of `ValidationError.errors()`; pointer is the author's place of it."""
    kind, path = fault["type"], path_text(pointer)
    if kind == "extra_forbidden":
        return _unknown_key(pointer)
    if kind == "missing":
        return Problem("key-missing", path, f"the key {str(pointer[-1])!r} is missing")
    if "-" in kind:
        return Problem(kind, path, fault["msg"])
    expected = _EXPECTED.get(kind.removesuffix("_type").split("_")[0]) if kind.endswith("_type") else None
    if expected is not None:
        return _wrong_type(path, expected, fault["input"])
    return Problem("value-wrong", path, fault["msg"].replace("Input should", "must", 1))


def _wrong_type(path: str, expected: str, value: Any) -> Problem:
    given = "null" if value is None else f"{value!r:.40}"
    hint = "write it in quotes" if expected == "text" and isinstance(value, int | float) else None
    return Problem("type-wrong", path, f"must be {expected}, not {given}", suggestion=hint)


def _unknown_key(pointer: Pointer) -> Problem:
    key, path, around = str(pointer[-1]), path_text(pointer), pointer[:-1]
    model = _model_at(around)
    later: Mapping[type[Spec], frozenset[str]] = {
        WorkflowDefinition: NOT_YET_IN_WORKFLOW,
        TaskSpec: NOT_YET_IN_TASK,
        WorkSpec: NOT_YET_IN_TASK,
    }
    if key in later.get(model, ()):
        return Problem("not-supported", path, f"the key {key!r} is not supported in this version")
    if model is WorkSpec and key in NOT_IN_MAP_TASK:
        message = f"no {key!r} here: this task stands alone; write it at the task that holds it"
        return Problem("key-misplaced", path, message)
    if issubclass(model, WorkSpec) and key in _EXPLAINED:
        return Problem("key-unknown", path, f"unknown key {key!r}: {_EXPLAINED[key]}")
    near = nearest_key(key, around)
    known = f"known keys: {', '.join(sorted(known_keys(around)))}"
    hint = f"did you mean {near!r}?" if near else known
    return Problem("key-unknown", path, f"unknown key {key!r}", suggestion=hint)
