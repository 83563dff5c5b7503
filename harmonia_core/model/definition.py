"""The definition model: what an author may write, whatever the format it was written in. Pure.

Only the shape is checked here, key by key. What needs the whole (dependencies,
expressions, task types) is checked by `engine.compile`.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic import Field, PrivateAttr

from harmonia_core.model.control import HIGHEST_PRIORITY, LOWEST_PRIORITY
from harmonia_core.model.definition_values import Json, JsonObject, Name, Version
from harmonia_core.model.placing import Positions
from harmonia_core.model.pointer import Pointer
from harmonia_core.model.policies import OnFailure, RetryPolicySpec, Spec, TimeLimit
from harmonia_core.model.task_spec import Block, HandlerSpec, TaskSpec


class File(NamedTuple):
    """Name a file, with the positions of its text by pointer."""

    name: str
    positions: Positions | None


class WorkflowDefinition(Spec):
    """Hold one workflow, its tasks as a list in the author's order, whichever form they had.

    vars: names with their first values, which are plain JSON.
    timeout: from the start of an execution to its deadline.
    retry_policy: of every task that has none of its own.
    catch, finally: what is done about errors of its tasks, and at the end in any case.
    on_failure: what comes before the execution fails, or (hold) before one of its own tasks does.
    priority: of its executions, where executions queue; a start may give another one.
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
    catch: tuple[HandlerSpec, ...] | None = None
    last: Block | None = Field(None, alias="finally")
    on_failure: OnFailure | None = None
    priority: int = Field(0, ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY, strict=True)
    labels: dict[str, str] = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)

    _keys: Mapping[Pointer, tuple[str | int, ...]] = PrivateAttr(default_factory=dict)
    _canonical: bytes | None = PrivateAttr(None)
    _file: File | None = PrivateAttr(None)

    @property
    def file(self) -> File | None:
        """Return the file from which it was read because another definition names it, if it was."""
        return self._file

    def read_from(self, file: File) -> "WorkflowDefinition":
        """Return the definition, remembering the file that it was read from."""
        self._file = file
        return self

    def as_data(self) -> dict[str, Any]:
        """Return the definition as JSON in its normal form: tasks listed, durations in seconds, no defaults.

        Reading the result gives an equal definition; its canonical JSON is what an
        execution is pinned to.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

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

    def place(self, pointer: Pointer) -> Pointer:
        """Return where the author wrote what stands at a place of the model: by key, where that was a map."""
        found: Pointer = ()
        for number, part in enumerate(pointer):
            keys = self._keys.get(pointer[:number]) if isinstance(part, int) else None
            found += (part,) if keys is None else (keys[part],)  # type: ignore[index]
        return found

    def written_as(self, keys: Mapping[Pointer, tuple[str | int, ...]]) -> "WorkflowDefinition":
        """Return the definition, remembering the keys or list positions under which tasks were written.

        keys: by the place of their list in the model.
        """
        self._keys = keys
        return self
