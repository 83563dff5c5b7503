"""The part of the backend that makes a store smaller: in short transactions, with time between them."""

import time
from collections.abc import Callable, Sequence
from typing import Concatenate

import anyio

from harmonia_core import ExecutionRow, FinishedQuery, Pruned
from harmonia_sql import pruning, queries, sweeping
from harmonia_sql.access import Rest, SqlAccess, Value
from harmonia_sql.dialect import Cursor
from harmonia_sql.opened import Database
from harmonia_sql.slices import TOGETHER, Slices
from harmonia_sql.statements import Statements

# Ids in one question.
MANY = 200


class SqlPruning(SqlAccess):
    """Find, prune, sweep and vacuum; part of `SqlBackend`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._slices = Slices()

    async def finished(self, query: FinishedQuery) -> tuple[list[ExecutionRow], str | None]:
        return await self._ask(queries.finished, query)

    async def prune(self, execution_ids: Sequence[str]) -> Pruned:
        gone = await self._finish()
        for start in range(0, len(execution_ids), MANY):
            waiting = await self._ask(pruning.weigh, execution_ids[start : start + MANY])
            while waiting:
                count = self._slices.next(waiting)
                if count:
                    gone += await self._slice(pruning.drop_small, waiting[:count])
                else:
                    gone += await self._slice(pruning.begin_large, waiting[0].execution_id)
                    gone += await self._finish()
                waiting = waiting[count or 1 :]
        await self._database.tidy(gone.executions)
        return gone

    async def sweep(self, before: float) -> Pruned:
        gone = await self._finish()
        living = self._require().living
        uploads = await self._ask(sweeping.abandoned, before)
        alive = await living([engine_id for _, engine_id in uploads if engine_id is not None])
        for upload_id, engine_id in uploads:
            if engine_id not in alive:
                await self._slice(sweeping.drop_upload, upload_id)
        await self._slice(sweeping.drop_requests, before)
        for table in sweeping.STRAYS:
            while ids := await self._ask(sweeping.orphans, table, TOGETHER):
                gone += await self._slice(sweeping.drop_strays, table, ids)
        gone += await self._sweep_blobs()
        await self._sweep_engines()
        return gone + await self._finish()

    async def _sweep_blobs(self) -> Pruned:
        gone, after = Pruned(), ("", "")
        while places := await self._ask(sweeping.unreferenced, after, TOGETHER):
            after = places[-1]
            gone += await self._slice(pruning.drop_blobs, places)
        return gone

    async def _sweep_engines(self) -> None:
        idle = await self._ask(sweeping.idle_engines)
        alive = await self._require().living(idle)
        for engine_id in idle:
            if engine_id not in alive and await self._database.bury(engine_id):
                await self._slice(sweeping.drop_engine, engine_id)

    async def vacuum(self) -> None:
        await self._database.vacuum(self._require())

    async def _finish(self) -> Pruned:
        """Delete the rest of what is noted as half deleted, by whomever."""
        gone = Pruned()
        while notes := await self._ask(pruning.leftovers):
            for note in notes:
                for table in pruning.TABLES[note[0]]:
                    done = False
                    while not done:
                        done, part = await self._slice(pruning.drop_piece, note, table, self._slices.rows)
                        gone += part
                await self._slice(pruning.forget, note)
        return gone

    async def _slice(
        self,
        work: Callable[Concatenate[Cursor, Statements, Rest], Value],
        *arguments: Rest.args,
        **no: Rest.kwargs,
    ) -> Value:
        """Do a transaction of upkeep, then leave the store alone for as long as that took."""
        outcome: list[tuple[Value, float]] = []

        def write(cursor: Cursor, statements: Statements) -> None:
            start = time.perf_counter()
            value = work(cursor, statements, *arguments, **no)
            outcome.append((value, time.perf_counter() - start))

        await self._write(write)
        value, seconds = outcome[-1]
        self._slices.took(seconds)
        await anyio.sleep(seconds)
        return value
