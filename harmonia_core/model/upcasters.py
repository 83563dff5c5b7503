"""What an old record says in today's words: one pure function per event and version. Pure.

Each takes the data of its version and gives the data of the next one; a record passes through all that
lie before it. None is ever changed or removed, for logs that hold its version stay. It sees one record
and nothing else: what that record does not say is unknown, never guessed.
"""

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]
Upcaster = Callable[[Data], Data]


def adopted_for_a_cause(data: Data) -> Data:
    """Turn ExecutionAdopted v1 into v2: it did not say who was replaced, nor why."""
    return {**data, "previous": None, "cause": "unknown"}


def lost_and_counted(data: Data) -> Data:
    """Turn AttemptLost v1 into v2: that a process had been fruitful meant that its loss does not count."""
    rest = {name: value for name, value in data.items() if name != "fruitful"}
    return {**rest, "counted": not data.get("fruitful", False)}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {
    ("ExecutionAdopted", 1): adopted_for_a_cause,
    ("AttemptLost", 1): lost_and_counted,
}
"""From (type, version of the record) to what gives the data of the next version."""


def cast_up(kind: str, version: int, to: int, data: Data) -> Data:
    """Return a record's data as the version `to` would have written it; KeyError if a step is missing."""
    for old in range(version, to):
        data = UPCASTERS[kind, old](data)
    return data
