"""Find the artifacts that values speak of, so that who takes the values over refers to those, too. Pure."""

from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from harmonia_core.model.refs import BlobRef

_MARK = b'"$artifact"'


def artifacts_in(value: Any) -> Iterator[BlobRef]:
    """Yield the artifacts that a JSON value names, at any depth; what merely looks like one is left out."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            yield from _named(part.get("$artifact"))
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)


def artifacts_of(text: bytes) -> Iterator[BlobRef]:
    """Yield the artifacts that a value names which is kept as a blob."""
    if _MARK in text:
        yield from artifacts_in(from_json(text))


def _named(inner: Any) -> Iterator[BlobRef]:
    digest, size = (inner.get("sha256"), inner.get("size")) if isinstance(inner, dict) else (None, None)
    if isinstance(digest, str) and len(digest) == 64 and type(size) is int:
        yield BlobRef(f"sha256:{digest}", size)
