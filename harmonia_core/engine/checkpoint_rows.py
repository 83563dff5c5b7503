"""Checkpoints as documents: one each, found by execution. Pure.

They lie in one place for all namespaces, so that pruning finds those of an execution. Automatic ones take
the oldest one's place by their key alone, so that nothing need be read when one is written.
"""

import re
from collections.abc import Iterator, Sequence

from pydantic_core import to_json

from harmonia_core.contracts.rows import Document, DocumentWrite
from harmonia_core.contracts.state_backend import DocumentQuery
from harmonia_core.model.addresses import read_address
from harmonia_core.model.checkpoints import Checkpoint, CheckpointPolicy
from harmonia_core.model.events import Recorded, TaskSucceeded
from harmonia_core.model.state import ExecutionState

PLACE, COLLECTION = "harmonia", "harmonia.checkpoints"
_NUMBERS = re.compile(r"\[\d+\]")


def automatic(state: ExecutionState, recorded: Sequence[Recorded]) -> list[DocumentWrite]:
    """Return the checkpoints that a batch of an execution leads to by its definition."""
    policy = state.graph.checkpoints
    return [] if policy is None else [write for one in recorded for write in _of(policy, one)]


def _of(policy: CheckpointPolicy, recorded: Recorded) -> Iterator[DocumentWrite]:
    event, seq = recorded.event, recorded.seq
    if policy.every and seq % policy.every == 0:
        path = getattr(event, "path", "")
        what = f"{type(event).__name__}{f' of {path}' if path else ''}"
        yield _automatic(recorded, f"every:{seq}", f"every#{seq // policy.every % policy.keep}", what)
    if type(event) is TaskSucceeded and policy.after and event.path[-1:] != "]":
        bare = _NUMBERS.sub("", event.path)
        if bare in policy.after:
            slot = _round(event.path) % policy.keep
            what = f"{event.path} succeeded (attempt {event.attempt})"
            yield _automatic(recorded, f"after:{event.path}", f"after:{bare}#{slot}", what)


def _round(path: str) -> int:
    """Return the innermost number of an address: what counts up while its task is done again."""
    numbers = [number for part in read_address(path) for number in part.numbers]
    return numbers[-1] if numbers else 0


def _automatic(recorded: Recorded, name: str, key: str, what: str) -> DocumentWrite:
    at = recorded.at
    point = Checkpoint(recorded.execution_id, name, recorded.seq, at, "automatic", what, at)
    return _write(f"{point.execution}/{key}", point, None)


def named(point: Checkpoint) -> DocumentWrite:
    """Return the document of a checkpoint that somebody names; refused if there is one of that name."""
    return _write(f"{point.execution}/{point.name}", point, 0)


def deleted(key: str) -> DocumentWrite:
    """Return what deletes a checkpoint."""
    return DocumentWrite(PLACE, COLLECTION, key, None)


def _write(key: str, point: Checkpoint, version: int | None) -> DocumentWrite:
    fields: dict[str, str | float | None] = {
        "execution": point.execution,
        "name": point.name,
        "seq": point.seq,
    }
    return DocumentWrite(PLACE, COLLECTION, key, to_json(point._asdict()).decode(), version, fields)


def of_execution(execution_id: str, name: str | None = None, cursor: str | None = None) -> DocumentQuery:
    """Return how the checkpoints of one log are found, by seq; or the one of a name."""
    where: tuple[tuple[str, str | float | None], ...] = (("execution", execution_id),)
    if name is not None:
        where += (("name", name),)
    return DocumentQuery(PLACE, COLLECTION, where, "seq", 200, cursor)


ANY = DocumentQuery(PLACE, COLLECTION, limit=1)
"""How it is known whether there are checkpoints at all."""


def read_checkpoint(document: Document) -> Checkpoint:
    """Return the checkpoint of a document."""
    return Checkpoint(**document.value)
