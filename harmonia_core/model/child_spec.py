"""How an author names the workflow that a task starts. Pure."""

import re
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from harmonia_core.ids import NAME

SUBWORKFLOW = "subworkflow"
SELF = "self"
"""Stands for the workflow in which it is written."""

OnCancel = Literal["cancel", "abandon"]
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_NUMBERS = r"(0|[1-9]\d{0,17})(\.(0|[1-9]\d{0,17})){0,2}"
_REFERENCE = re.compile(
    rf"{NAME.pattern}(@(latest|\^?{_NUMBERS}|{_NUMBERS}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?))?", re.ASCII
)
_NO_REFERENCE = "this names no published workflow; write NAME, NAME@1.4.0, NAME@^1.4 or NAME@1"
_FORMS = "'workflow' is a definition, the name of a published one, {file: …}, {hash: …} or the word self"


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
        return _reference(value)
    if not isinstance(value, dict):
        raise PydanticCustomError("type-wrong", _FORMS)
    if named(value, "file"):
        message = "a file is read with the file that names it; here only the definition itself can stand"
        raise PydanticCustomError("file-not-read", message)
    if named(value, "hash"):
        _check_hash(value)
    elif by_name(value):
        version = value.get("version")
        return _reference(str(value["name"]) if version is None else f"{value['name']}@{version}")
    return value


def _reference(text: str) -> str:
    if _REFERENCE.fullmatch(text) is None:
        raise PydanticCustomError("reference-invalid", _NO_REFERENCE)
    return text


def _check_hash(value: dict[str, Any]) -> None:
    if len(value) > 1 or not isinstance(value["hash"], str) or not _HASH.fullmatch(value["hash"]):
        raise PydanticCustomError("value-wrong", "a hash stands alone: {hash: 'sha256:' and 64 hex digits}")
