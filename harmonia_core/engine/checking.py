"""Compare what is stored beside a log with what its fold demands. Pure.

Rows of tasks are compared by sums over blocks of positions, so that an execution of any
width needs little memory; only the blocks that differ are kept and compared row by row.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Any

from pydantic_core import from_json

from harmonia_core.contracts.rows import ExecutionRow, TaskRow, TimerRow
from harmonia_core.errors import Problem
from harmonia_core.model.child_events import ChildRequested
from harmonia_core.model.codec import STORED
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.snapshot import dump, load
from harmonia_core.model.state import PAGE_BITS, ExecutionState

Block = tuple[str, int]
MOST_BLOCKS = 64
"""How many blocks are compared row by row at once: 16,384 rows."""

_BITS = (1 << 64) - 1
_JSON = frozenset({"labels", "error", "actor"})
# Truths, not projections: what others compare with before they write, and where the data lies.
_KEPT = frozenset({"execution_id", "namespace", "seq", "epoch", "owner", "parent_id", "origin"})
_REBUILD = "harmonia db rebuild writes it anew"


class AllBlocks(Container[Block]):
    """Stand for every block: all rows are kept."""

    def __contains__(self, block: object) -> bool:
        return True


class Rows:
    """Gather task rows: whole in the blocks that are wanted, as sums in the others."""

    __slots__ = ("kept", "sums", "wanted")

    def __init__(self, wanted: Container[Block] = ()) -> None:
        self.wanted = wanted
        self.kept: dict[tuple[str, int], TaskRow] = {}
        self.sums: dict[Block, int] = {}

    def take(self, rows: Iterable[TaskRow]) -> None:
        """Add rows, in any order; of two with one key that are kept, the later one counts."""
        for row in rows:
            block = block_of(row)
            if block in self.wanted:
                self.kept[row.scope, row.position] = row
            else:
                self.sums[block] = self.sums.get(block, 0) + hash(row) & _BITS


def block_of(row: TaskRow) -> Block:
    """Return the block of a row: its scope and 256 positions."""
    position: object = row.position  # SQLite keeps whatever a damaged row holds
    return row.scope, position >> PAGE_BITS if isinstance(position, int) else -1


def differing(stored: Rows, derived: Rows) -> list[Block]:
    """Return the blocks whose sums differ, in order."""
    blocks = stored.sums.keys() | derived.sums.keys()
    return sorted(block for block in blocks if stored.sums.get(block, 0) != derived.sums.get(block, 0))


def head_problems(stored: ExecutionRow, derived: ExecutionRow) -> Iterator[Problem]:
    """Compare the projected fields of a head."""
    for name, found, wanted in zip(ExecutionRow._fields, stored, derived, strict=True):
        if name not in _KEPT and not _same(name, found, wanted):
            yield _differs(f"{stored.execution_id}/execution/{name}", found, wanted)


def row_problems(execution_id: str, stored: Rows, derived: Rows) -> Iterator[Problem]:
    """Compare the rows that both have kept."""
    for key in sorted(stored.kept.keys() | derived.kept.keys(), key=str):
        found, wanted = stored.kept.get(key), derived.kept.get(key)
        place = f"{execution_id}/task/{(found or wanted).path}"  # type: ignore[union-attr]
        if found is None or wanted is None:
            yield _present(place, found is not None)
            continue
        for name, one, other in zip(TaskRow._fields, found, wanted, strict=True):
            if one != other:
                yield _differs(f"{place}/{name}", one, other)


def timer_problems(
    execution_id: str, stored: Iterable[TimerRow], derived: Iterable[TimerRow]
) -> Iterator[Problem]:
    """Compare timers."""
    found = {(row.path, row.kind): row.due for row in stored}
    wanted = {(row.path, row.kind): row.due for row in derived}
    for path, kind in sorted(found.keys() | wanted.keys()):
        place = f"{execution_id}/timer/{path or 'execution'}:{kind}"
        if (path, kind) not in found or (path, kind) not in wanted:
            yield _present(place, (path, kind) in found)
        elif found[path, kind] != wanted[path, kind]:
            yield _differs(f"{place}/due", found[path, kind], wanted[path, kind])


def snapshot_problem(state: ExecutionState, text: bytes) -> Problem | None:
    """Compare a snapshot with the fold at its seq; one of another format is no fault, it is not read."""
    place = f"{state.execution_id}/snapshot/{state.seq}"
    try:
        loaded = load(state.graph, text)
    except Exception as error:  # whatever damaged bytes lead to
        return Problem("snapshot-differs", place, f"it cannot be read: {error!r}", suggestion=_REBUILD)
    if loaded is None or loaded == state or loaded == load(state.graph, dump(state)):
        return None
    fields = [
        name
        for name, one, other in zip(ExecutionState._fields, loaded, state, strict=True)
        if name != "graph" and one != other
    ]
    message = f"it is not the fold of the log: {', '.join(fields)} differ"
    return Problem("snapshot-differs", place, message, suggestion=_REBUILD)


def blobs_of(event: Any) -> Iterator[BlobRef]:
    """Yield the references to blobs in an event."""
    for name in STORED:
        value = getattr(event, name, None)
        if type(value) is BlobRef:
            yield value
    if type(event) is ChildRequested and not event.pinned:
        yield BlobRef(event.definition_hash, -1)


def capped(problems: Iterable[Problem], most: int, execution_id: str) -> list[Problem]:
    """Return at most so many problems, and one more that counts the rest."""
    found = list(problems)
    if len(found) <= most:
        return found
    more = f"{len(found) - most:,} more are not listed"
    return [*found[:most], Problem(found[most].code, execution_id, more)]


def span(first: int, last: int) -> str:
    """Return a range of seqs in words: `seq 3 is`, `seq 3 to 5 are`."""
    return f"seq {first} is" if first == last else f"seq {first} to {last} are"


def _same(name: str, one: Any, other: Any) -> bool:
    if one == other or name not in _JSON or one is None or other is None:
        return bool(one == other)
    try:
        return bool(from_json(one) == from_json(other))
    except ValueError:
        return False


def _present(place: str, stored: bool) -> Problem:
    message = "it stands there, the log knows nothing of it" if stored else "it is missing"
    return Problem("projection-differs", place, message, suggestion=_REBUILD)


def _differs(place: str, found: Any, wanted: Any) -> Problem:
    message = f"it says {_short(found)}, the log {_short(wanted)}"
    return Problem("projection-differs", place, message, suggestion=_REBUILD)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
