"""Results that may stand for doing a task again: how an author says so, what a graph holds of it. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from harmonia_core.model.definition_values import Json
from harmonia_core.model.paths import Path
from harmonia_core.model.policies import Spec, TimeLimit
from harmonia_core.model.values import Template

MemoScope = Literal["namespace", "workflow"]
DAY = 86_400.0
_FORMS = "'memo' is true, or an object with 'ttl', 'key' and 'scope'"


def _scope(value: Any) -> Any:
    if value not in ("namespace", "workflow"):
        raise PydanticCustomError("value-wrong", "'scope' is one of namespace, workflow")
    return value


class MemoSpec(Spec):
    """Say that results of a task may be used again.

    ttl: for how long. key: what results are told apart by, instead of the input; it may hold expressions.
    scope: who may use them: every workflow of the namespace, or those of one name.
    """

    ttl: TimeLimit = DAY
    key: Json = None
    scope: Annotated[MemoScope, BeforeValidator(_scope)] = "namespace"


def read_memo(value: Any) -> Any:
    """Return the object that stands for what was written; false is as if nothing were."""
    if value is True:
        return {}
    if value is False or value is None:
        return None
    if not isinstance(value, dict | MemoSpec):
        raise PydanticCustomError("type-wrong", _FORMS)
    return value


class Memo(NamedTuple):
    """Hold what a graph knows: for how long results are kept, who may use them, what tells them apart."""

    ttl: float
    scope: MemoScope
    key: Template | None


class Recall(NamedTuple):
    """Ask for an earlier result of a task. workflow: whose; empty for any."""

    memo: Memo
    input: Template
    type: str
    workflow: str

    @property
    def reads(self) -> tuple[Path, ...]:
        """Return what the input and the key read."""
        return (*self.input.reads, *(self.memo.key.reads if self.memo.key else ()))


Reused = Mapping[str, Any]
"""Where a reused result comes from: `execution`, `path`, and `at` in epoch seconds."""
