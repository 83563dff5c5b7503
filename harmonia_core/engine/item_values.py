"""What the items of a map are: values of a list or numbers of a range, one by one or in batches. Pure."""

from collections.abc import Sequence
from typing import Any


def width_of(input: Any, batch: int | None) -> int | None:
    """Return the number of items of a map's input, batches counted as one; None if it names no items."""
    values = values_of(input)
    return None if values is None else -(-len(values) // (batch or 1))


def item_at(input: Any, index: int, batch: int | None) -> Any:
    """Return one item; with batches the list of the values that are in it."""
    values = values_of(input) or ()
    return values[index] if batch is None else list(values[index * batch : (index + 1) * batch])


def values_of(input: Any) -> Sequence[Any] | None:
    """Return what a map's input lists; a range is not written out."""
    if not isinstance(input, dict):
        return None
    if "range" in input:
        return _range(input["range"])
    items = input.get("items")
    return items if isinstance(items, list) else None


def _range(wish: Any) -> range | None:
    if not isinstance(wish, dict):
        return None
    numbers = [wish.get("start", 0), wish.get("stop"), wish.get("step", 1)]
    whole = all(type(number) is int for number in numbers)
    return range(*numbers) if whole and numbers[2] != 0 else None
