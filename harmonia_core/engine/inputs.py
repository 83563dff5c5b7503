"""Check a task's input against its task type, as far as it is written out. Pure.

Keys are always known; values are checked where no expression stands.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import AliasChoices, AliasPath, BaseModel, ValidationError

from harmonia_core.contracts.task_type import TaskType
from harmonia_core.engine.suggestions import Names
from harmonia_core.errors import Problem
from harmonia_core.model.graph import RetryPolicy
from harmonia_core.model.paths import Step, write_steps
from harmonia_core.model.policies import RetryPolicySpec
from harmonia_core.model.values import Template


class TypeFacts:
    """Hold what a task type says about inputs and outputs, found out once per compilation."""

    def __init__(self, task_type: TaskType) -> None:
        self.type = task_type
        self.retry = _declared_retry(task_type)
        model = task_type.input_model
        self._keys = None if model is None else _input_keys(model)
        self._required = frozenset() if model is None else _required(model)
        self._names = Names(sorted(self._keys or ()))
        fields = None if task_type.output_model is None else _output_fields(task_type.output_model)
        self._output = fields
        self._output_names = Names(sorted(fields or ()))

    def output_fault(self, step: Step) -> tuple[str, str | None] | None:
        """Return message and suggestion if the type's output cannot have such a field."""
        if self._output is None or not isinstance(step, str) or step in self._output:
            return None
        message = f"the output of {self.type.name!r} has no {step!r}"
        return message, self._output_names.hint(step)

    def check(self, template: Template, path: str, problems: list[Problem]) -> None:
        """Add what is wrong with an input: unknown keys, missing keys, constants of a wrong type."""
        value = template.value
        if not isinstance(value, dict):  # one expression for the whole input
            problems += self._refusals({}, path)
            return
        if self._keys is not None and not value.keys() <= self._keys:
            problems += [self._unknown(key, path) for key in value if key not in self._keys]
        if not self._required <= value.keys():
            problems += [self._missing(name, path) for name in self._names_missing(value)]
        if self._has_constants(template, value):
            problems += self._wrong_constants(template, path)
        problems += self._refusals(_constants(template, value), path)

    def _names_missing(self, value: Mapping[str, Any]) -> list[str]:
        return sorted(self._required - value.keys())

    def _unknown(self, key: str, path: str) -> Problem:
        message = f"the input of {self.type.name!r} has no {key!r}"
        return Problem(
            "input-key-unknown", write_steps(path, (key,)), message, suggestion=self._names.hint(key)
        )

    def _missing(self, key: str, path: str) -> Problem:
        message = f"the input of {self.type.name!r} needs {key!r}"
        return Problem("input-key-missing", write_steps(path, (key,)), message)

    def _has_constants(self, template: Template, value: Mapping[str, Any]) -> bool:
        slots = template.slots
        return not slots or len(slots) < len(value) or any(len(slot.pointer) > 1 for slot in slots)

    def _wrong_constants(self, template: Template, path: str) -> Iterator[Problem]:
        """Validate with null where expressions stand; believe only faults that no null can cause."""
        model = self.type.input_model
        if model is None:
            return
        try:
            model.model_validate(template.value)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                if fault["type"] in ("missing", "extra_forbidden") and len(fault["loc"]) == 1:
                    continue  # reported above, with the nearest name
                steps = _steps_within(template.value, fault["loc"])
                if not _may_be_caused_by_slot(steps, template):
                    yield Problem("input-invalid", write_steps(path, steps), _plain(fault["msg"]))
        except Exception as error:  # validators are code of plugins
            if template.constant:
                yield Problem("input-invalid", path, f"{type(error).__name__}: {error}"[:300])

    def _refusals(self, constants: Mapping[str, Any], path: str) -> Iterator[Problem]:
        """Ask the type's own check about the constant parts; there may be none."""
        check = self.type.check
        if check is None:
            return
        try:
            for found in check(constants):
                yield _below(found, path)
        except Exception as error:  # and so are checks
            message = f"the check of {self.type.name!r} failed: {type(error).__name__}: {error}"
            yield Problem("check-failed", path, message[:300])


def _constants(template: Template, value: Mapping[str, Any]) -> dict[str, Any]:
    variable = {slot.pointer[0] for slot in template.slots if slot.pointer}
    return {key: item for key, item in value.items() if key not in variable}


def _below(found: "str | Problem", path: str) -> Problem:
    if isinstance(found, str):
        return Problem("input-invalid", path, found)
    joint = "" if not found.path or found.path.startswith("[") else "."
    return Problem(found.code, f"{path}{joint}{found.path}", found.message, suggestion=found.suggestion)


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should", "must", 1)


def _may_be_caused_by_slot(steps: tuple[Step, ...], template: Template) -> bool:
    """Tell whether an expression stands at, below or above the place of a fault."""
    for slot in template.slots:
        shared = min(len(slot.pointer), len(steps))
        if slot.pointer[:shared] == steps[:shared]:
            return True
    return False


def _steps_within(value: Any, loc: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps of pydantic's `loc` that lead into the value; others name members of unions."""
    steps: list[Step] = []
    for step in loc:
        inside = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        if step in inside:
            value = value[step]
            steps.append(step)
    return tuple(steps)


def _input_keys(model: type[BaseModel]) -> frozenset[str] | None:
    """Return the keys that the model takes, None if it takes any."""
    if model.model_config.get("extra") == "allow":
        return None
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        aliases = field.validation_alias or field.alias
        choices = aliases.choices if isinstance(aliases, AliasChoices) else [aliases]
        if any(isinstance(choice, AliasPath) for choice in choices):
            return None
        keys.update(choice for choice in choices if isinstance(choice, str))
        if aliases is None or _by_name(model):
            keys.add(name)
    return frozenset(keys)


def _by_name(model: type[BaseModel]) -> bool:
    config = model.model_config
    return bool(config.get("populate_by_name") or config.get("validate_by_name"))


def _required(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys that must be there, of fields that have one name only."""
    return frozenset(
        str(field.validation_alias or field.alias or name)
        for name, field in model.model_fields.items()
        if field.is_required()
        and not isinstance(field.validation_alias, AliasChoices | AliasPath)
        and not (field.alias and _by_name(model))
    )


def _output_fields(model: type[BaseModel]) -> frozenset[str] | None:
    """Return the fields of the output, None if it may have others or other names."""
    fields = model.model_fields
    renamed = any(field.serialization_alias or field.alias for field in fields.values())
    if renamed or model.model_config.get("extra") == "allow" or "root" in fields:
        return None
    return frozenset(fields) | frozenset(model.model_computed_fields)


def _declared_retry(task_type: TaskType) -> RetryPolicy | None:
    declared = task_type.retry_policy
    return None if declared is None else retry_policy(RetryPolicySpec.model_validate(dict(declared)))


def retry_policy(spec: RetryPolicySpec) -> RetryPolicy:
    """Return the compiled form of a policy."""
    return RetryPolicy(**dict(spec))
