"""Places in a document: a pointer is the tuple of keys and list positions that leads there. Pure.

People read the dotted form of the same place, `tasks.fetch.input.url` or `tasks[3].type`.
"""

from collections.abc import Sequence
from typing import TypeAlias

from harmonia_core.model.paths import read_path, write_steps

Pointer: TypeAlias = tuple[str | int, ...]


def path_text(pointer: Sequence[str | int]) -> str:
    """Return the dotted form of a place; keys that are no plain words stand quoted in brackets."""
    return write_steps("", pointer)


def read_pointer(path: str) -> Pointer:
    """Return the pointer that `path_text` wrote; the empty one for anything else."""
    found = read_path(f"at{path}" if path.startswith("[") else f"at.{path}")
    return found.steps if found else ()


def is_within(path: str, outer: str) -> bool:
    """Tell whether a dotted path is `outer` itself or lies below it; everything lies in the empty path."""
    return not outer or (path.startswith(outer) and path[len(outer) : len(outer) + 1] in ("", ".", "["))
