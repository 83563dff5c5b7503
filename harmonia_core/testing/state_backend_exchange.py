"""What a state backend owes the world outside an execution: requests, tokens, blobs, signs of life."""

from collections.abc import Callable

import anyio
import pytest

from harmonia_core.contracts.rows import BlobRow, EngineRow, HeartbeatRow, TokenRow, Unit
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.errors import StateBackendError
from harmonia_core.testing.state_backend_log import submit
from harmonia_core.testing.state_backend_rows import ENGINE, execution_id, request_row, start, step

MIB = 1024 * 1024


def _blob(address: str, data: bytes | None, size: int, upload_id: str | None = None) -> BlobRow:
    return BlobRow("default", address, size, "text/plain", execution_id(1), data, upload_id)


class ExchangeTests:
    """Judge requests, completion tokens, heartbeats, blobs, uploads, engines and wake-ups."""

    async def test_requests_wait_in_order_until_consumed(self, backend: StateBackend) -> None:
        rows = [request_row("z"), request_row("a", 2), request_row("m", actor='{"id": "ada"}')]
        await backend.add_request(rows[0])
        await backend.commit(Unit(requests=rows[1:]))
        assert await backend.requests() == rows
        assert await backend.requests([execution_id(1)]) == [rows[0], rows[2]]
        assert await backend.requests([]) == []
        many = [execution_id(number) for number in range(2, 2000)]
        assert await backend.requests(many) == [rows[1]]
        await backend.commit(Unit(consumed=["z", "a", "unknown"]))
        assert await backend.requests() == [rows[2]]

    async def test_a_request_given_twice_is_one_request(self, backend: StateBackend) -> None:
        await backend.add_request(request_row("r"))
        await backend.add_request(request_row("r", kind="retry"))
        await backend.commit(Unit(requests=[request_row("r", body="{}"), request_row("r", body="[]")]))
        assert await backend.requests() == [request_row("r")]

    async def test_a_request_is_consumed_only_with_its_unit(self, backend: StateBackend) -> None:
        await backend.commit(start(1))
        await backend.add_request(request_row("r"))
        refused = step(1, 9)
        refused.consumed = ["r"]
        [error] = await submit(backend, [refused])
        assert isinstance(error, StateBackendError)
        assert await backend.requests() == [request_row("r")]

    async def test_a_request_wakes_the_engine_of_its_own_and_of_another_backend(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        woken = anyio.Event()
        backend.watch(lambda: woken.set())
        with anyio.fail_after(5):
            await backend.add_request(request_row("own"))
            await woken.wait()
        other = create()
        await other.open(None)
        woken = anyio.Event()
        with anyio.fail_after(5):
            await other.add_request(request_row("other"))
            await woken.wait()
        assert [row.request_id for row in await backend.requests()] == ["own", "other"]
        await other.close()

    async def test_a_new_epoch_wakes_the_engines_of_other_backends(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        await backend.commit(start(1))
        other = create()
        await other.open(None)
        woken = anyio.Event()
        backend.watch(lambda: woken.set())
        with anyio.fail_after(5):
            await other.commit(step(1, 1, epoch=2, expected_epoch=1, owner="engine-b"))
            await woken.wait()
        await other.close()

    async def test_a_token_stands_for_its_attempt_until_closed(self, backend: StateBackend) -> None:
        token = TokenRow("hash-1", execution_id(1), "approve", 2)
        await backend.commit(Unit(tokens=[token, token._replace(token_hash="hash-2")]))
        assert await backend.token("hash-1") == token
        await backend.commit(Unit(closed_tokens=["hash-1", "unknown"]))
        assert await backend.token("hash-1") is None
        assert await backend.token("hash-2") == token._replace(token_hash="hash-2")

    async def test_the_last_heartbeat_stays(self, backend: StateBackend) -> None:
        row = HeartbeatRow(execution_id(1), "a", 1, 5.5, '{"page": 1}')
        other = row._replace(path="b")
        await backend.beat([row, other])
        await backend.beat([])
        await backend.beat([row._replace(attempt=2, at=6.5, details='{"page": 2}')])
        assert await backend.heartbeat(execution_id(1), "a") == row._replace(
            attempt=2, at=6.5, details='{"page": 2}'
        )
        assert await backend.heartbeat(execution_id(1), "b") == other
        assert await backend.heartbeat(execution_id(2), "a") is None

    async def test_a_blob_is_read_whole_and_in_chunks(self, backend: StateBackend) -> None:
        data = bytes(range(256)) * 4096 * 2 + b"end"
        assert len(data) == 2 * MIB + 3
        await backend.commit(Unit(blobs=[_blob("sha256:a", data, len(data)), _blob("sha256:e", b"", 0)]))
        assert await backend.blob("default", "sha256:a") == data
        assert [await backend.blob_chunk("default", "sha256:a", n) for n in range(4)] == [
            data[:MIB],
            data[MIB : 2 * MIB],
            b"end",
            None,
        ]
        assert await backend.blob("default", "sha256:e") == b""
        assert await backend.blob_chunk("default", "sha256:e", 0) is None
        assert await backend.blob("team", "sha256:a") is None
        assert await backend.blob("default", "sha256:b") is None

    async def test_a_blob_written_again_changes_nothing(self, backend: StateBackend) -> None:
        await backend.commit(Unit(blobs=[_blob("sha256:a", b"data", 4)]))
        again = _blob("sha256:a", b"data", 4)._replace(execution_id=execution_id(2))
        await backend.commit(Unit(blobs=[again, again]))
        assert await backend.blob("default", "sha256:a") == b"data"

    async def test_an_upload_becomes_a_blob_under_its_address(self, backend: StateBackend) -> None:
        chunks = [b"a" * MIB, b"b" * MIB, b"c" * 7]
        for number in (0, 2, 1, 1):
            await backend.upload("up-1", number, chunks[number])
        assert await backend.blob("default", "sha256:u") is None
        unit = Unit(blobs=[_blob("sha256:u", None, 2 * MIB + 7, "up-1")])
        await backend.commit(unit)
        assert await backend.blob("default", "sha256:u") == b"".join(chunks)
        assert await backend.blob_chunk("default", "sha256:u", 2) == chunks[2]
        # The same unit again, and the same content uploaded once more.
        await backend.commit(unit)
        await backend.upload("up-2", 0, chunks[0])
        await backend.commit(Unit(blobs=[_blob("sha256:u", None, 2 * MIB + 7, "up-2")]))
        assert await backend.blob("default", "sha256:u") == b"".join(chunks)

    async def test_an_upload_that_is_not_whole_refuses_the_unit(self, backend: StateBackend) -> None:
        await backend.upload("up-1", 0, b"abc")
        unit = start(1)
        unit.blobs = [_blob("sha256:u", None, 4, "up-1")]
        errors = await submit(backend, [unit, start(2)])
        assert isinstance(errors[0], StateBackendError) and errors[1] is None
        assert await backend.head(execution_id(1)) is None
        assert await backend.blob("default", "sha256:u") is None

    async def test_a_chunk_has_at_most_one_mebibyte(self, backend: StateBackend) -> None:
        with pytest.raises(ValueError, match="chunk"):
            await backend.upload("up-1", 0, b"a" * (MIB + 1))

    async def test_an_engine_is_alive_from_open_to_close(
        self, backend: StateBackend, create: Callable[[], StateBackend]
    ) -> None:
        other = create()
        second = EngineRow("engine-b", 4712, "there", 1_700_000_001.0)
        assert await backend.alive(["engine-a", "engine-b"]) == {"engine-a"}
        await other.open(second)
        assert {row.engine_id: row for row in await backend.engines()} == {
            "engine-a": ENGINE,
            "engine-b": second,
        }
        assert await backend.alive(["engine-b", "engine-a", "engine-c"]) == {"engine-a", "engine-b"}
        assert await other.alive(["engine-a"]) == {"engine-a"}
        await other.close()
        assert await backend.alive(["engine-a", "engine-b"]) == {"engine-a"}

    async def test_an_engine_that_ended_is_still_known_while_executions_name_it(
        self, create: Callable[[], StateBackend]
    ) -> None:
        first, second = create(), create()
        await first.open(ENGINE)
        await first.commit(start(1))
        await first.close()
        await second.open(EngineRow("engine-b", 2, "there", 2.0))
        assert ENGINE in await second.engines()
        assert await second.alive([ENGINE.engine_id]) == set()
        await second.close()
