"""How an author names the workflow that a task starts. Pure."""

import re
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

SUBWORKFLOW = "subworkflow"
SELF = "self"
"""Stands for the workflow in which it is written."""

OnCancel = Literal["cancel", "abandon"]
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_NO_NAMES = "workflows cannot be named in this version; give a file, a hash or a definition"
_FORMS = "'workflow' is a definition, {file: …}, {hash: …} or the word self"


def named(value: Any, key: str) -> bool:
    """Tell whether a workflow is named by `file` or `hash` rather than written out."""
    return isinstance(value, dict) and key in value and "tasks" not in value


def by_name(value: dict[str, Any]) -> bool:
    """Tell whether an object can only be meant as the name of a workflow."""
    return "name" in value and value.keys() <= {"name", "version"}


def read_workflow(value: Any) -> Any:
    """Return what was written if it can be a workflow; definitions inside are read by who reads the text."""
    if isinstance(value, BaseModel) or value is None or value == SELF:
        return value
    if isinstance(value, str):
        raise PydanticCustomError("not-supported", _NO_NAMES)
    if not isinstance(value, dict):
        raise PydanticCustomError("type-wrong", _FORMS)
    if named(value, "file"):
        message = "a file is read with the file that names it; here only the definition itself can stand"
        raise PydanticCustomError("file-not-read", message)
    if named(value, "hash"):
        _check_hash(value)
    elif by_name(value):
        raise PydanticCustomError("not-supported", _NO_NAMES)
    return value


def _check_hash(value: dict[str, Any]) -> None:
    if len(value) > 1 or not isinstance(value["hash"], str) or not _HASH.fullmatch(value["hash"]):
        raise PydanticCustomError("value-wrong", "a hash stands alone: {hash: 'sha256:' and 64 hex digits}")
