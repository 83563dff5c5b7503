"""What executions run by, and what another version would mean for them."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json

from harmonia_core.contracts.state_backend import ExecutionQuery, StateBackend
from harmonia_core.definitions.compatibility import Compatibility, compatibility
from harmonia_core.model.graph import Graph
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

UNFINISHED = tuple(status.value for status in ExecutionStatus if status not in FINAL_EXECUTION)
PAGE = 500


class Running(NamedTuple):
    """Count the unfinished executions that run by one content. match: with the version asked about."""

    version: str
    hash: str
    executions: int
    match: Compatibility | None

    def as_json(self) -> dict[str, Any]:
        """Return the count in its public JSON shape; no match if the definition is not stored any more."""
        return {**self._asdict(), "match": None if self.match is None else self.match.as_json()}


async def running_on(backend: StateBackend, namespace: str, workflow: str) -> dict[tuple[str, str], int]:
    """Return how many unfinished executions of a workflow run by each (version, hash)."""
    found: Counter[tuple[str, str]] = Counter()
    cursor = None
    while True:
        query = ExecutionQuery(namespace, UNFINISHED, workflow, PAGE, cursor)
        rows, cursor = await backend.find(query)
        found.update((row.version, row.definition_hash) for row in rows)
        if cursor is None:
            return found


async def matched(
    backend: StateBackend,
    namespace: str,
    workflow: str,
    target: Graph,
    compiled: Callable[[Mapping[str, Any]], Graph],
) -> list[Running]:
    """Return what a version would mean for each content that executions run by; its own is left out."""
    found = []
    for (version, address), count in sorted((await running_on(backend, namespace, workflow)).items()):
        if address != target.definition_hash:
            data = await backend.blob(namespace, address)
            match = None if data is None else compatibility(compiled(from_json(data)), target)
            found.append(Running(version, address, count, match))
    return found
