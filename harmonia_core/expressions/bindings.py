"""Build the data that an expression is given: only the places it reads, as trees per root. Pure."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

from harmonia_core.errors import ExpressionError
from harmonia_core.model.paths import JSON, Path

Missing: TypeAlias = dict[Path, ExpressionError]
"""Per place that does not exist, the error that says so."""


def bind(reads: tuple[Path, ...], read: Callable[[Path], JSON]) -> tuple[dict[str, JSON], Missing]:
    """Read every place once and return the trees, and which places are missing.

    What lies above a missing place is an empty map, so that a guard (`has(...)`, `.?`)
    finds nothing there instead of failing; values are shared with the reader, not copied.
    """
    bindings: dict[str, JSON] = {}
    missing: Missing = {}
    for path in outermost(reads):
        tree, key = bindings, path.root
        for step in path.steps:
            tree = tree.setdefault(key, {})
            key = str(step)
        try:
            tree[key] = read(path)
        except ExpressionError as error:
            if error.error_code != "path-missing":
                raise
            missing[path] = error
    return bindings, missing


@lru_cache(maxsize=4096)
def outermost(reads: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the reads that do not lie below another one: the others come with those."""
    return tuple(
        path for path in reads if not any(path != other and path.starts_with(other) for other in reads)
    )


def explain(error: ExpressionError, missing: Missing) -> ExpressionError:
    """Return the better explanation of an absent place: the reader's, if it is that place."""
    for path, better in missing.items():
        last: Sequence[object] = path.steps or (path.root,)
        if f'"{last[-1]}"' in str(error):
            return better
    return error
