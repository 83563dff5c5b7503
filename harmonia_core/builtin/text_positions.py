"""Places in a text, found only when somebody asks: most texts have no problem to place.

Parsing a second time is cheaper than keeping a tree of nodes for the life of a definition.
JSON is YAML, so this serves both.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from harmonia_core.builtin.yaml_compose import YamlFault, compose
from harmonia_core.builtin.yaml_nodes import NodePositions
from harmonia_core.contracts.definition_format import Pointer


class TextPositions(Mapping[Pointer, tuple[int, int]]):
    """Find lines and columns in a YAML or JSON text; knows none if the YAML parser cannot read it."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def root(self) -> Any:
        """Return the root node, or None."""
        try:
            return compose(self._text)
        except (YamlFault, UnicodeEncodeError):
            return None

    @cached_property
    def _known(self) -> Mapping[Pointer, tuple[int, int]]:
        return {} if self.root is None else NodePositions(self.root)

    def __getitem__(self, pointer: Pointer) -> tuple[int, int]:
        return self._known[pointer]

    def __iter__(self) -> Iterator[Pointer]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __bool__(self) -> bool:
        """Save the walk over all places to whoever asks whether there are any."""
        return self.root is not None
