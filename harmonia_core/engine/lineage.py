"""Where executions come from, and what came of them: origins upwards; successors, forks, children below."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic_core import from_json

from harmonia_core.clock import rfc3339
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.state_backend import ExecutionQuery
from harmonia_core.engine.inquiry import Inquiry
from harmonia_core.engine.views import event_view

MOST = 1_000
"""Executions that one tree shows; what is below those is counted as not shown."""
PAGE = 200


class Relation(NamedTuple):
    """Say how an execution came from another one: the fields of its node that tell it.

    adopted: how many tasks of that one it can undo, which that one then cannot.
    """

    relation: str
    seq: int | None = None
    path: str | None = None
    parent_id: str | None = None
    adopted: int = 0


class Tree:
    """Build the tree node by node. complete: until there are more executions than it may show."""

    def __init__(self, limit: int) -> None:
        self._limit, self.count, self.complete = limit, 0, True

    def add(
        self, row: ExecutionRow, relation: Relation, above: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the node of an execution, put below another one unless there is no more room."""
        node = {
            "id": row.execution_id,
            **relation._asdict(),
            "status": row.status,
            "reason": row.reason,
            "workflow": {"name": row.workflow, "version": row.version, "hash": row.definition_hash},
            "created_at": rfc3339(row.created_at),
            "ended_at": None if row.ended_at is None else rfc3339(row.ended_at),
            "gone": False,
            "descendants": [],
        }
        self.complete = self.count < self._limit
        if self.complete:
            self.count += 1
            if above is not None:
                above["descendants"].append(node)
        return node


def pruned(execution_id: str, below: dict[str, Any]) -> dict[str, Any]:
    """Return the node of an execution that is not there any more, over that of one which went on from it."""
    return {**dict.fromkeys(below), "id": execution_id, "gone": True, "descendants": [below]}


def _of_origin(row: ExecutionRow) -> Relation:
    origin = from_json(row.origin or "{}")
    kind, adopted = origin.get("kind", "continued"), origin.get("adopted", 0)
    return Relation(kind, origin.get("seq"), adopted=adopted)


class Lineage(Inquiry):
    """Follow origins; the part of an engine that knows families of executions."""

    async def lineage(self, execution_id: str, *, limit: int = MOST) -> dict[str, Any]:
        """Return the tree that an execution stands in, from the oldest origin that is still there.

        `{id, root, count, complete}`; each node has `id, relation, seq, path, adopted, status, reason,
        workflow, created_at, ended_at, gone, descendants`. relation: `start`, `continued`, `fork`, `rerun`,
        `restore`, `upgrade` or `child`; seq: where in its origin it begins; path: of the task that a
        child carries out; adopted: how many tasks of its origin it can undo instead; gone: pruned.
        limit: nodes at most. Raises ExecutionNotFound.
        """
        row = await self._head(execution_id)
        top, gone = await self._oldest(row)
        tree = Tree(limit)
        root = tree.add(top, await self._relation(top))
        waiting = deque([root])
        while waiting and tree.complete:
            node = waiting.popleft()
            async for below, relation in self._below(node["id"]):
                if tree.complete:
                    waiting.append(tree.add(below, relation, node))
        whole = root if gone is None else pruned(gone, root)
        return {"id": execution_id, "root": whole, "count": tree.count, "complete": tree.complete}

    async def ancestry(self, execution_id: str) -> tuple[list[tuple[ExecutionRow, int]], str | None]:
        """Return the executions that one goes on from, oldest first, and itself, each with its last seq
        that counts; beside them the id of the oldest if that is gone. Raises ExecutionNotFound.
        """
        row = await self._head(execution_id)
        found = [(row, row.seq)]
        while row.origin is not None:
            origin = from_json(row.origin)
            above = await self.backend.head(origin["execution"])
            if above is None:
                return found[::-1], origin["execution"]
            row = above
            found.append((row, origin["seq"]))
        return found[::-1], None

    async def history(self, execution_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the events that led to where an execution stands, those of its origins first.

        Of each origin only those that count, as far as it has not been pruned; behind them those that
        `events` gives. Raises ExecutionNotFound.
        """
        for row, last in (await self.ancestry(execution_id))[0][:-1]:
            after = 0
            while after < last and (
                page := await self._loader.events(row.execution_id, after, min(500, last - after))
            ):
                for recorded in page:
                    yield event_view(recorded)
                after = page[-1].seq
        async for event in self.events(execution_id):
            yield event

    async def _oldest(self, row: ExecutionRow) -> tuple[ExecutionRow, str | None]:
        found, gone = await self.ancestry(row.execution_id)
        return found[0][0], gone

    async def _relation(self, row: ExecutionRow) -> Relation:
        if row.origin is not None:
            return _of_origin(row)
        return await self._of_child(row) if row.parent_id is not None else Relation("start")

    async def _of_child(self, row: ExecutionRow) -> Relation:
        """Return which task an execution carries out; its first event alone says so."""
        first = await self._loader.events(row.execution_id, 0, 1)
        path = getattr(first[0].event, "parent_path", None) if first else None
        return Relation("child", None, path, row.parent_id)

    async def _below(self, execution_id: str) -> AsyncIterator[tuple[ExecutionRow, Relation]]:
        """Yield what began from a state of an execution, then what its tasks have started, oldest first."""
        async for row in self._rows(ExecutionQuery(None, limit=PAGE, origin=execution_id)):
            yield row, _of_origin(row)
        async for row in self._rows(ExecutionQuery(None, limit=PAGE, parent=execution_id)):
            if row.origin is None:  # what goes on from a child stands below that
                yield row, await self._of_child(row)

    async def _rows(self, query: ExecutionQuery) -> AsyncIterator[ExecutionRow]:
        found: list[ExecutionRow] = []
        while True:
            rows, cursor = await self.backend.find(query)
            found += rows
            if cursor is None or len(found) > MOST:
                break
            query = replace(query, cursor=cursor)
        for row in reversed(found):
            yield row
