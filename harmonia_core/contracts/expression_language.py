"""Contract of an expression language: text and data in, JSON out, bounded, no I/O. Provisional."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harmonia_core.errors import Problem

KIND_STABILITY = "provisional"


class ExpressionLanguage(Protocol):
    """Evaluate expressions that are no plain paths.

    Both methods may be called from several threads at once and must not read clock,
    environment, files or network: the same source and data give the same value.
    """

    @property
    def name(self) -> str:
        """Return the name by which an expression says which language it is in."""
        ...

    def check(self, source: str) -> Sequence[Problem]:
        """Return what is wrong with a source before any data is known; nothing is raised.

        The problems leave `path` empty; who asks knows where the source stands.
        """
        ...

    def evaluate(self, source: str, bindings: Mapping[str, Any]) -> Any:
        """Return the value of a source as JSON.

        bindings: per root (`input`, `tasks`, ...) a tree with only what the source reads.
            A place that does not exist is absent. The trees are not to be changed.
        Raises ExpressionError: `path-missing` when the evaluation needs an absent place,
        `too-large` past a bound of time or size, `not-evaluable` for everything else.
        """
        ...
