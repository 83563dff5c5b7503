"""What a tree of YAML nodes tells besides its values: its size once expanded, and places.

Aliases make the tree a graph, so both work on nodes by identity and never on copies.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from harmonia_core.contracts.definition_format import Pointer

MAX_NODES = 1_000_000
MAX_COPIED = 100_000
MAX_DEPTH = 100


def is_collection(node: Any) -> bool:
    """Tell whether a node is a mapping or a sequence."""
    return bool(node.id != "scalar")


class Sizes:
    """Count the nodes below a node as if every alias were written out, each node looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def of(self, node: Any) -> int:
        """Return the expanded size, MAX_COPIED + 1 for anything larger; an alias within itself counts 1."""
        if not is_collection(node):
            return 1
        known = self._known.get(id(node))
        if known is not None:
            return known
        self._known[id(node)] = 1
        children = (child for entry in node.value for child in (entry if node.id == "mapping" else (entry,)))
        size = min(1 + sum(self.of(child) for child in children), MAX_COPIED + 1)
        self._known[id(node)] = size
        return size


class NodePositions(Mapping[Pointer, tuple[int, int]]):
    """Find the line and column, both from 1, of a key or list item; work is done only when asked."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._indexes: dict[int, dict[str, tuple[Any, Any]]] = {}

    def __getitem__(self, pointer: Pointer) -> tuple[int, int]:
        marked = node = self._root
        for part in pointer:
            marked, node = self._child(node, part, pointer)
        return marked.start_mark.line + 1, marked.start_mark.column + 1

    def _child(self, node: Any, part: str | int, pointer: Pointer) -> tuple[Any, Any]:
        """Return the node that marks the place (the key, the item) and the node with the value."""
        if node.id == "mapping" and isinstance(part, str):
            found = self._index(node).get(part)
        elif node.id == "sequence" and isinstance(part, int) and 0 <= part < len(node.value):
            found = (node.value[part], node.value[part])
        else:
            found = None
        if found is None:
            raise KeyError(pointer)
        return found

    def _index(self, node: Any) -> dict[str, tuple[Any, Any]]:
        index = self._indexes.get(id(node))
        if index is None:
            # Of a key that stands twice the first counts, as in the values.
            pairs = reversed([pair for pair in node.value if pair[0].id == "scalar"])
            index = self._indexes[id(node)] = {key.value: (key, value) for key, value in pairs}
        return index

    def __iter__(self) -> Iterator[Pointer]:
        """Yield every place, aliases expanded, MAX_NODES at most and none within itself."""
        return islice(self._below(self._root, (), frozenset()), MAX_NODES)

    def _below(self, node: Any, pointer: Pointer, around: frozenset[int]) -> Iterator[Pointer]:
        yield pointer
        if not is_collection(node) or id(node) in around or len(around) > MAX_DEPTH:
            return
        parts: Any = self._index(node) if node.id == "mapping" else range(len(node.value))
        for part in parts:
            child = self._child(node, part, pointer)[1]
            yield from self._below(child, (*pointer, part), around | {id(node)})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """Save the walk over all places to whoever asks whether there are any."""
        return True
