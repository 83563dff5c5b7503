"""Keep named seqs of logs, and let them go with their executions."""

from collections.abc import AsyncIterator, Sequence

from harmonia_core.contracts.rows import Document, Unit
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.checkpoint_rows import ANY, deleted, named, of_execution, read_checkpoint
from harmonia_core.errors import ExecutionNotFound, InputInvalid, Problem, VersionConflict
from harmonia_core.model.checkpoints import Checkpoint, CheckpointExists, PointUnknown, is_checkpoint_name

LONGEST = 1_000


async def checkpoints_of(backend: StateBackend, execution_id: str) -> list[Checkpoint]:
    """Return the checkpoints of one log, by seq."""
    return [read_checkpoint(one) async for one in _documents(backend, execution_id)]


async def checkpoint_seq(backend: StateBackend, execution_id: str, name: str) -> int | None:
    """Return which seq of one log a checkpoint names; None if there is none of that name."""
    page, _ = await backend.find_documents(of_execution(execution_id, name))
    return read_checkpoint(page[-1]).seq if page else None


def check_words(name: str, description: str | None) -> None:
    """Raise InputInvalid for a name or a description that cannot be kept."""
    problems = []
    if not is_checkpoint_name(name):
        message = (
            f"{name!r:.80} cannot name a checkpoint: letters, digits, `_`, `-` and `.`, not first a digit, "
            "at most 64, and neither `start` nor `end`"
        )
        problems.append(Problem("checkpoint-name-invalid", "name", message))
    if description is not None and len(description) > LONGEST:
        message = f"a description has at most {LONGEST} characters"
        problems.append(Problem("description-too-long", "description", message))
    if problems:
        raise InputInvalid(problems)


async def put(backend: StateBackend, point: Checkpoint) -> None:
    """Keep a checkpoint that somebody names; raise CheckpointExists or ExecutionNotFound."""
    try:
        await backend.commit(Unit(documents=[named(point)]))
    except VersionConflict:
        seq = await checkpoint_seq(backend, point.execution, point.name)
        raise CheckpointExists(point.execution, point.name, point.seq if seq is None else seq) from None
    if await backend.head(point.execution) is None:  # it was pruned meanwhile
        await forget(backend, [point.execution])
        raise ExecutionNotFound(point.execution)


async def delete(backend: StateBackend, execution_id: str, name: str) -> None:
    """Delete a checkpoint, an automatic one too; raise PointUnknown if there is none of that name."""
    page, _ = await backend.find_documents(of_execution(execution_id, name))
    if not page:
        raise PointUnknown(execution_id, name, "it has no checkpoint of that name")
    await backend.commit(Unit(documents=[deleted(one.key) for one in page]))


async def forget(backend: StateBackend, execution_ids: Sequence[str]) -> None:
    """Delete all checkpoints of executions. Costs one look where nobody has any."""
    if not execution_ids or not (await backend.find_documents(ANY))[0]:
        return
    keys = [one.key for each in execution_ids async for one in _documents(backend, each)]
    if keys:
        await backend.commit(Unit(documents=[deleted(key) for key in keys]))


async def _documents(backend: StateBackend, execution_id: str) -> AsyncIterator[Document]:
    cursor = None
    while True:
        page, cursor = await backend.find_documents(of_execution(execution_id, cursor=cursor))
        for one in page:
            yield one
        if cursor is None:
            return
