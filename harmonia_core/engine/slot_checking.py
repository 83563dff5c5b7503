"""Compare the rows of slots with what a log demands, and mend them. Pure.

Who of those that wait has been chosen to run is a truth of the rows, until its request is taken: a row
that holds though its task still waits is well, and is left as it is.
"""

from collections.abc import Iterable, Iterator

from harmonia_core.contracts.rows import SlotRow
from harmonia_core.contracts.slots import HOLDING
from harmonia_core.errors import Problem

_REBUILD = "harmonia db rebuild writes it anew"


def slot_problems(stored: Iterable[SlotRow], derived: Iterable[SlotRow]) -> Iterator[Problem]:
    """Yield what differs."""
    found, wanted = _by_key(stored), _by_key(derived)
    for key in sorted(found.keys() | wanted.keys()):
        row, other = found.get(key), wanted.get(key)
        place = f"{key[0]}/slot/{key[1] or 'execution'}:{key[2]}"
        if row is None:
            yield _problem(place, "the row is missing")
        elif other is None:
            yield _problem(place, "a row stands here that the log does not demand: it keeps others waiting")
        elif not _well(row, other):
            yield _problem(place, f"stored is {_said(row)}, the log demands {_said(other)}")


def mended(stored: Iterable[SlotRow], derived: Iterable[SlotRow]) -> dict[str, list[SlotRow]]:
    """Return the rows that are to stand at a path in place of those there, for each path that is not well."""
    found, wanted = _by_key(stored), _by_key(derived)
    paths = {key[1] for key in found.keys() | wanted.keys() if not _same(found.get(key), wanted.get(key))}
    return {path: [row for row in wanted.values() if row.path == path] for path in sorted(paths)}


def _by_key(rows: Iterable[SlotRow]) -> dict[tuple[str, str, str], SlotRow]:
    return {row[:3]: row for row in rows}


def _same(row: SlotRow | None, other: SlotRow | None) -> bool:
    return row is not None and other is not None and _well(row, other)


def _well(row: SlotRow, wanted: SlotRow) -> bool:
    fixed = row._replace(state="", moved=0.0) == wanted._replace(state="", moved=0.0)
    return fixed and (row.state in HOLDING or wanted.state not in HOLDING)


def _said(row: SlotRow) -> str:
    return f"{row.state} {row.units} since {row.since} at seq {row.seq}, priority {row.priority}"


def _problem(place: str, message: str) -> Problem:
    return Problem("projection-differs", place, message, suggestion=_REBUILD)
