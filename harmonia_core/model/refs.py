"""References that stand in the state and the log instead of large values."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Stand for a value kept as a blob. size: bytes of its JSON."""

    address: str
    size: int

    def as_json(self) -> dict[str, Any]:
        """Return the public shape."""
        return {"$blob": self.address, "size": self.size}


@dataclass(frozen=True, slots=True)
class ItemsRef:
    """Stand for the outputs of a map's items, in item order; they are rows in the store.

    execution: whose rows they are, if another one goes on from its state. first: index of the first; only
        a whole list is ever recorded. prior: outputs that were taken over, as pairs of index and output; they
        stand for the rows that are missing, and an item without either has the output null.
    """

    path: str
    count: int
    execution: str | None = None
    first: int = 0
    prior: "BlobRef | tuple[()] | None" = None

    def as_json(self) -> dict[str, Any]:
        """Return the public shape."""
        shape: dict[str, Any] = {"$items": self.path, "count": self.count}
        if self.prior is not None:
            shape["prior"] = self.prior.as_json() if self.prior else []
        return shape if self.execution is None else {**shape, "execution": self.execution}


# JSON, or one of the references above; a NewType would force casts on every hot line.
Stored = Any
REFS = (BlobRef, ItemsRef)


def public(value: Stored) -> Any:
    """Return a value as JSON, references in their public shape."""
    return value.as_json() if isinstance(value, REFS) else value
