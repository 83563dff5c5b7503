"""What a compiled sub-workflow is: the definition to carry out, and what becomes of it with its task."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harmonia_core.model.graph import Graph


@dataclass(frozen=True, slots=True)
class Child:
    """Hold what a task starts.

    definition_hash: None for the workflow itself (recursion). graph, text: compiled, and as it is
        stored; None if it is the workflow itself or is pinned by its hash alone.
    reference: names a published workflow; what it means is known when the task begins.
    detach: the task does not wait. abandon: it goes on when the task is cancelled.
    """

    definition_hash: str | None = None
    graph: "Graph | None" = None
    text: bytes | None = None
    detach: bool = False
    abandon: bool = False
    reference: str | None = None

    @property
    def pinned(self) -> bool:
        """Tell whether the definition is named by its hash and has to be in the store."""
        return self.definition_hash is not None and self.graph is None
