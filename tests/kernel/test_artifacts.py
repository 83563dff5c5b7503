"""Artifacts: hashed and uploaded in chunks of 1 MiB, from a thread at once, on the loop later."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from harmonia_core.builtin.memory import MemoryBackend
from harmonia_core.contracts.rows import BlobRow, Unit
from harmonia_core.contracts.task_type import ArtifactWriter
from harmonia_core.engine.artifacts import CHUNK, SpoolingWriter
from harmonia_core.engine.masking import Masker
from harmonia_core.errors import PermanentError

pytestmark = pytest.mark.anyio

Chunks = dict[int, bytes]


def writer(
    chunks: Chunks, take: Callable[[int], bool] = lambda number: True, **options: Any
) -> SpoolingWriter:
    def upload(upload_id: str, number: int, chunk: bytes) -> bool:
        if take(number):
            chunks[number] = chunk
        return take(number)

    values = {"name": "report", "media_type": "text/plain", "limit": 10 * CHUNK, "masker": None} | options
    return SpoolingWriter(upload=upload, **values)


async def finish(artifact: SpoolingWriter, chunks: Chunks) -> None:
    async def upload(upload_id: str, number: int, chunk: bytes) -> None:
        chunks[number] = chunk

    await artifact.finish(upload)


def joined(chunks: Chunks) -> bytes:
    assert sorted(chunks) == list(range(len(chunks))) and all(len(one) <= CHUNK for one in chunks.values())
    return b"".join(chunks[number] for number in sorted(chunks))


DATA = bytes(range(256)) * (CHUNK // 100)


@pytest.mark.parametrize("take", [lambda n: True, lambda n: False, lambda n: n < 1, lambda n: n != 1])
@pytest.mark.parametrize("step", [333_333, CHUNK, 3 * CHUNK])
async def test_the_bytes_arrive_in_order_wherever_they_were_written(take: Any, step: int) -> None:
    chunks: Chunks = {}
    with writer(chunks, take) as artifact:
        for place in range(0, len(DATA), step):
            assert artifact.write(DATA[place : place + step]) == len(DATA[place : place + step])
    reference = artifact.reference["$artifact"]
    await finish(artifact, chunks)
    assert joined(chunks) == DATA
    digest = hashlib.sha256(DATA).hexdigest()
    assert reference == {"name": "report", "sha256": digest, "size": len(DATA), "media_type": "text/plain"}
    assert artifact.sealed is not None and artifact.sealed.address == f"sha256:{digest}"


async def test_an_empty_artifact_has_one_empty_chunk() -> None:
    chunks: Chunks = {}
    with writer(chunks) as artifact:
        pass
    assert chunks == {0: b""} and artifact.reference["$artifact"]["size"] == 0


async def test_leaving_by_an_exception_throws_it_away() -> None:
    chunks: Chunks = {}
    artifact = writer(chunks, lambda number: False)
    with pytest.raises(ValueError, match="half"), artifact:
        artifact.write(b"x" * 2 * CHUNK)
        raise ValueError("half")
    await finish(artifact, chunks)
    assert artifact.sealed is None and not chunks
    with pytest.raises(RuntimeError, match="not sealed"):
        _ = artifact.reference
    with pytest.raises(RuntimeError, match="closed"):
        artifact.write(b"more")


async def test_the_reference_is_known_only_after_the_block() -> None:
    with writer({}) as artifact, pytest.raises(RuntimeError, match="leave its `with` block first"):
        _ = artifact.reference
    with pytest.raises(RuntimeError, match="closed"):
        artifact.write(b"more")


async def test_the_limit_holds() -> None:
    with (
        pytest.raises(PermanentError, match="larger than 100 bytes") as caught,
        writer({}, limit=100) as artifact,
    ):
        artifact.write(b"x" * 60)
        artifact.write(b"x" * 60)
    assert caught.value.error_code == "artifact-too-large" and artifact.sealed is None


async def test_a_secret_across_writes_and_chunks_is_masked() -> None:
    chunks: Chunks = {}
    with writer(chunks, masker=Masker(["hunter2"]), name="of hunter2") as artifact:
        artifact.write(b"x" * (CHUNK - 3) + b"hun")
        artifact.write(b"ter2 and hunter")
    assert joined(chunks) == b"x" * (CHUNK - 3) + b"*** and hunter"
    assert artifact.reference["$artifact"]["sha256"] == hashlib.sha256(joined(chunks)).hexdigest()
    assert artifact.reference["$artifact"]["name"] == "of ***"


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 256])
async def test_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        writer({}, name=name)


async def test_any_buffer_is_taken() -> None:
    chunks: Chunks = {}
    with writer(chunks) as artifact:
        assert artifact.write(bytearray(b"ab")) == 2
        assert artifact.write(memoryview(b"cd")) == 2  # type: ignore[arg-type]
    assert chunks == {0: b"abcd"}


async def test_the_writer_keeps_the_contract() -> None:
    artifact: ArtifactWriter = writer({})
    assert artifact is not None


async def test_a_store_takes_the_row_that_a_sealed_artifact_describes() -> None:
    backend, chunks = MemoryBackend("memory://"), dict[int, bytes]()
    await backend.open(None)
    with writer(chunks, lambda number: False) as artifact:
        artifact.write(DATA)
    await artifact.finish(backend.upload)
    blob = artifact.sealed
    assert blob is not None
    row = BlobRow("default", blob.address, blob.size, blob.media_type, "e", None, blob.upload_id)
    await backend.commit(Unit(blobs=[row]))
    assert await backend.blob_chunk("default", blob.address, 1) == DATA[CHUNK : 2 * CHUNK]
    await backend.close()
