"""The state backend: the contract's methods, each handed to the writer or to a reader."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import anyio

from harmonia_core import (
    Document,
    DocumentQuery,
    EngineRow,
    EventRow,
    ExecutionQuery,
    ExecutionRow,
    HeartbeatRow,
    RequestRow,
    SlotQuery,
    SlotRow,
    TaskRow,
    TimerRow,
    TokenRow,
    Unit,
)
from harmonia_sql import document_queries, listings, queries, slot_rows
from harmonia_sql.activity_rows import ActivityRows
from harmonia_sql.blob_rows import CHUNK, write_chunk
from harmonia_sql.checking import SqlChecking
from harmonia_sql.health import Health, refusal
from harmonia_sql.letting_go import SqlPruning
from harmonia_sql.opened import Database
from harmonia_sql.transaction import Results


class SqlBackend(ActivityRows, SqlChecking, SqlPruning):
    """Keep executions, blobs and documents in one database."""

    def __init__(self, database: Database, commit_in_place: str = "auto") -> None:
        super().__init__(database)
        self._in_place = commit_in_place == "auto"
        self._wake: Callable[[], None] | None = None
        self._health: Health | None = None
        self._engine_id: str | None = None

    async def open(self, engine: EngineRow | None) -> None:
        if self._opened is None:
            opened = self._opened = await self._database.open(engine, self._in_place)
            self._health = Health(str(self._database), opened)
            self._engine_id = None if engine is None else engine.engine_id
            if self._wake is not None:
                self._opened.watch(self._wake)

    async def close(self) -> None:
        opened, self._opened, self._health = self._opened, None, None
        if opened is not None:
            with anyio.CancelScope(shield=True):
                await opened.close()

    def submit(self, units: Sequence[Unit], done: Callable[[Results], None]) -> None:
        if not units:
            return
        if self._opened is None:
            done([(unit, self._closed()) for unit in units])
        else:
            self._opened.writer.submit(units, done)

    async def commit(self, unit: Unit) -> None:
        results: Results = []
        finished = anyio.Event()

        def done(part: Results) -> None:
            results.extend(part)
            finished.set()

        self.submit([unit], done)
        if not results:
            await finished.wait()
        for _, error in results:
            if error is not None:
                raise error

    async def head(self, execution_id: str) -> ExecutionRow | None:
        return await self._ask(queries.head, execution_id)

    async def heads(self, execution_ids: Sequence[str]) -> list[ExecutionRow]:
        return await self._ask(queries.heads, execution_ids)

    async def events(self, execution_id: str, after: int = 0, limit: int | None = None) -> list[EventRow]:
        return await self._ask(queries.events, execution_id, after, limit)

    async def snapshot(self, execution_id: str, up_to: int | None = None) -> tuple[int, bytes] | None:
        return await self._ask(queries.snapshot, execution_id, up_to)

    async def tasks(self, execution_id: str, scope: str | None = None) -> list[TaskRow]:
        return await self._ask(queries.tasks, execution_id, scope)

    async def item_ends(self, execution_id: str, scope: str, start: int, stop: int) -> list[EventRow]:
        return await self._ask(queries.item_ends, execution_id, scope, start, stop)

    async def timers(self, execution_id: str) -> list[TimerRow]:
        return await self._ask(queries.timers, execution_id)

    async def find(self, query: ExecutionQuery) -> tuple[list[ExecutionRow], str | None]:
        return await self._ask(listings.page, query)

    async def unfinished(self) -> list[ExecutionRow]:
        return await self._ask(queries.unfinished)

    async def owners(self) -> set[str | None]:
        return await self._ask(queries.owners)

    async def requests(self, execution_ids: Sequence[str] | None = None) -> list[RequestRow]:
        return await self._ask(queries.requests, execution_ids)

    async def add_request(self, request: RequestRow) -> None:
        await self.commit(Unit(requests=[request]))
        # Others are told by the store; this engine has to be told here.
        if self._wake is not None:
            self._wake()

    async def slots(self, query: SlotQuery) -> list[SlotRow]:
        return await self._ask(slot_rows.slots, query)

    async def token(self, token_hash: str) -> TokenRow | None:
        return await self._ask(queries.token, token_hash)

    async def blob(self, namespace: str, address: str) -> bytes | None:
        return await self._ask(queries.blob, namespace, address)

    async def blob_chunk(self, namespace: str, address: str, number: int) -> bytes | None:
        return await self._ask(queries.blob_chunk, namespace, address, number)

    async def upload(self, upload_id: str, number: int, data: bytes) -> None:
        if len(data) > CHUNK:
            raise ValueError(f"a chunk holds at most {CHUNK} bytes, this one has {len(data)}")
        await self._write(partial(write_chunk, (upload_id, number, data), self._engine_id))

    async def beat(self, rows: Sequence[HeartbeatRow]) -> None:
        if rows:
            await self._write(lambda cursor, statements: statements.heartbeat.run(cursor, rows))

    async def heartbeat(self, execution_id: str, path: str) -> HeartbeatRow | None:
        return await self._ask(queries.heartbeat, execution_id, path)

    async def document(self, namespace: str, collection: str, key: str) -> Document | None:
        return await self._ask(document_queries.document, namespace, collection, key)

    async def find_documents(self, query: DocumentQuery) -> tuple[list[Document], str | None]:
        return await self._ask(document_queries.find_documents, query)

    async def stream(
        self, namespace: str, stream: str, after: int = 0, limit: int = 100
    ) -> list[tuple[int, Any]]:
        return await self._ask(document_queries.stream, namespace, stream, after, limit)

    async def engines(self) -> list[EngineRow]:
        return await self._ask(queries.engines)

    async def alive(self, engine_ids: Sequence[str]) -> set[str]:
        return await self._require().living(engine_ids)

    def watch(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        if self._opened is not None:
            self._opened.watch(wake)

    async def health(self) -> dict[str, Any]:
        health = self._health
        told = refusal(self._closed()) if health is None else await health.ask()
        return {**self._database.about, **told}
