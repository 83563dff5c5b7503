"""The definition model: what an author may write, whatever the format it was written in. Pure.

Only the shape is checked here, key by key. What needs the whole (dependencies,
expressions, task types) is checked by `engine.compile`.
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from harmonia_core.ids import is_name
from harmonia_core.model.pointer import Pointer, path_text
from harmonia_core.model.policies import Join, JoinSpec, RetryPolicySpec, Spec, TimeLimit

NOT_YET_IN_WORKFLOW = frozenset(("on_failure", "concurrency"))
NOT_YET_IN_TASK = frozenset(
    ("action", "catch", "compensate", "component", "finally", "on_failure", "runs_on", "vars")
)
NOT_YET_TYPES = frozenset(
    ("approval", "component", "decision", "emit", "event", "loop", "parallel", "race", "set", "try")
) | {"subworkflow"}
"""Words of the language whose behaviour this version does not have; refused, never ignored."""

NOT_IN_MAP_TASK = frozenset(("id", "depends_on", "when", "join"))
UNKNOWN_TYPE = ""
"""Stands for a type that was missing or unreadable, so that the rest can still be checked."""

_VERSION = re.compile(r"\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)


def _name(text: str) -> str:
    if not is_name(text):
        raise PydanticCustomError(
            "name-invalid",
            "{text} is no name; use letters, digits, '_' and '-', not beginning with a digit, at most 64",
            {"text": repr(text[:80])},
        )
    return text


def _version(text: str) -> str:
    if _VERSION.fullmatch(text) is None or len(text) > 64:
        message = "{text} is no version; write numbers such as '1.4.0', perhaps with '-rc.1' behind"
        raise PydanticCustomError("version-invalid", message, {"text": repr(text[:80])})
    return text


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _json(value: Any) -> Any:
    for pointer, fault in _not_json(value, ()):
        place = f" at {path_text(pointer)}" if pointer else ""
        raise PydanticCustomError(
            "not-json", "{reason}", {"reason": f"{fault!r:.80}{place} is no JSON value"}
        )
    return value


def _not_json(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _not_json(inner, (*pointer, key))
            else:
                yield pointer, key
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _not_json(inner, (*pointer, position))
    elif not (
        value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))
    ):
        yield pointer, value


def _input(value: Any) -> Any:
    if not isinstance(value, dict | str):
        raise PydanticCustomError(
            "type-wrong", "an input is an object, or one expression for the whole of it"
        )
    return value


def _when(value: Any) -> Any:
    if not isinstance(value, str | bool):
        raise PydanticCustomError("type-wrong", "'when' is one expression, or true or false")
    return value


Name = Annotated[str, AfterValidator(_name)]
Version = Annotated[str, AfterValidator(_version)]
Json = Annotated[Any, AfterValidator(_json)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_json)]
# Checked by functions, because a union of types answers a fault with one complaint per member.
Input = Annotated[Any, AfterValidator(_input)]
When = Annotated[Any, AfterValidator(_when)]


class WorkSpec(Spec):
    """Hold what every task has, also the one a map does for each item.

    type: name of a task type. input: an object, or one expression that yields one.
    timeout, heartbeat_timeout: per attempt; total_timeout: from first schedule to end.
    idempotent: None leaves it to the task type.
    """

    type: str = Field(max_length=200)
    input: Input = Field(default_factory=dict)
    retry_policy: RetryPolicySpec | None = None
    timeout: TimeLimit | None = None
    total_timeout: TimeLimit | None = None
    heartbeat_timeout: TimeLimit | None = None
    idempotent: bool | None = Field(None, strict=True)
    description: str = ""
    metadata: JsonObject = Field(default_factory=dict)


class TaskSpec(WorkSpec):
    """Hold one task as its author wrote it.

    when: one expression, with or without `${...}` around it, or a plain boolean.
    task, max_concurrency: of a map only: what to do for each item, and for how many at once.
    """

    id: str
    depends_on: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    when: When = None
    join: Join = JoinSpec()
    task: WorkSpec | None = None
    max_concurrency: int | None = Field(None, ge=1, strict=True)


class WorkflowDefinition(Spec):
    """Hold one workflow, its tasks as a list in the author's order, whichever form they had.

    vars: names with their first values, which are plain JSON.
    timeout: from the start of an execution to its deadline.
    retry_policy: of every task that has none of its own.
    """

    name: Name
    version: Version = "1.0.0"
    description: str = ""
    input_schema: JsonObject | None = None
    output_schema: JsonObject | None = None
    output: Json = None
    vars: dict[Name, Json] = Field(default_factory=dict)
    tasks: tuple[TaskSpec, ...]
    timeout: TimeLimit | None = None
    retry_policy: RetryPolicySpec | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)

    _keys: tuple[str | int, ...] | None = PrivateAttr(None)
    _canonical: bytes | None = PrivateAttr(None)

    def as_data(self) -> dict[str, Any]:
        """Return the definition as JSON in its normal form: tasks listed, durations in seconds, no defaults.

        Reading the result gives an equal definition; its canonical JSON is what an
        execution is pinned to.
        """
        return self.model_dump(mode="json", exclude_defaults=True)

    def canonical(self) -> bytes:
        """Return the normal form as JSON text, keys sorted: equal definitions give equal bytes.

        Raises ValueError for what JSON text cannot hold (half a surrogate pair).
        """
        if self._canonical is None:
            text = json.dumps(
                self.as_data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
            )
            self._canonical = text.encode()
        return self._canonical

    def content_hash(self) -> str:
        """Return `sha256:<hex>` of `canonical`, to which an execution is pinned."""
        return f"sha256:{sha256(self.canonical()).hexdigest()}"

    def places(self) -> list[Pointer]:
        """Return where the author wrote each task, in the order of `tasks`."""
        return [("tasks", key) for key in self._keys or range(len(self.tasks))]

    def written_as(self, keys: tuple[str | int, ...]) -> "WorkflowDefinition":
        """Return the definition, remembering the key or list position under which each task was written."""
        self._keys = keys
        return self
