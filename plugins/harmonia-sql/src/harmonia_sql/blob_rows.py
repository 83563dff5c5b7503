"""Write blobs: an address, its chunks of 1 MiB, and who refers to it.

Chunks are keyed by an upload id, and the address names it: closing an upload copies nothing.
"""

import time
from collections.abc import Sequence

from harmonia_core import BlobRow, StateCorrupt
from harmonia_sql.dialect import Cursor
from harmonia_sql.statements import Statements

CHUNK = 1024 * 1024


def write_chunk(
    chunk: tuple[str, int, bytes], engine_id: str | None, cursor: Cursor, statements: Statements
) -> None:
    """Store one chunk of an upload, and note whose it is until a blob names it."""
    statements.chunk.run(cursor, [chunk])
    statements.upload.run(cursor, [(chunk[0], engine_id, time.time())])


def write_blobs(cursor: Cursor, statements: Statements, blobs: Sequence[BlobRow]) -> None:
    """Store blobs that are new and note the references; an address already stored is left alone."""
    for blob in {(blob.namespace, blob.address, blob.upload_id): blob for blob in blobs}.values():
        cursor.execute(statements.stored_blob, (blob.namespace, blob.address))
        stored = cursor.fetchone()
        if stored is None:
            _store(cursor, statements, blob)
        # The same unit may come twice: the chunks that the stored blob itself names stay.
        elif blob.upload_id is not None and stored[0] != blob.upload_id:
            cursor.execute(statements.drop_chunks, (blob.upload_id,))
            cursor.execute(statements.close_upload, (blob.upload_id,))
    statements.reference.run(cursor, [(blob.execution_id, blob.namespace, blob.address) for blob in blobs])


def _store(cursor: Cursor, statements: Statements, blob: BlobRow) -> None:
    upload_id = blob.upload_id
    if blob.data is not None:
        # The space keeps it apart from the ids of uploads, and two namespaces from each other.
        upload_id = f"{blob.namespace} {blob.address}"
        starts = range(0, len(blob.data), CHUNK)
        rows = [(upload_id, place, blob.data[at : at + CHUNK]) for place, at in enumerate(starts)]
        for row in rows:
            statements.chunk.run(cursor, [row])
    elif _uploaded(cursor, statements, upload_id) != blob.size:
        raise StateCorrupt(f"Upload {upload_id} does not hold the {blob.size} bytes of {blob.address}.")
    else:
        cursor.execute(statements.close_upload, (upload_id,))
    statements.blob.run(cursor, [(blob.namespace, blob.address, blob.size, blob.media_type, upload_id)])


def _uploaded(cursor: Cursor, statements: Statements, upload_id: str | None) -> int:
    cursor.execute(statements.uploaded, (upload_id,))
    size: int = cursor.fetchone()[0]
    return size
