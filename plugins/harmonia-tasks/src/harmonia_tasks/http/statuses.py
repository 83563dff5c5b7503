"""Statuses that a task expects: `2xx`, `200-204`, `404`, alone or in a list. Pure."""

import re
from collections.abc import Sequence
from typing import TypeAlias

Expected: TypeAlias = int | str | Sequence[int | str]

_FORM = re.compile(r"([1-5])xx|([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")


def ranges(expected: Expected) -> tuple[tuple[int, int], ...]:
    """Return what is expected as inclusive ranges; raise ValueError for anything else."""
    listed = [expected] if isinstance(expected, int | str) else list(expected)
    if not listed:
        raise ValueError("a list of statuses needs at least one")
    return tuple(_range(one) for one in listed)


def is_expected(status: int, expected: Expected) -> bool:
    """Tell whether a status is among those expected."""
    return any(low <= status <= high for low, high in ranges(expected))


def _range(one: int | str) -> tuple[int, int]:
    found = _FORM.fullmatch(str(one).strip().lower())
    if found is None:
        raise ValueError(f"{one!r} is no status; write 200, '2xx' or '200-204'")
    if found[1]:
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    low, high = int(found[2]), int(found[3] or found[2])
    if low > high:
        raise ValueError(f"the range {one!r} runs backwards")
    return low, high
