"""Write documents: versions compared first, indexed fields beside them, streams in order.

An index row holds a field's value as text that sorts like the value: nothing, then
numbers, then text.
"""

import struct
from collections.abc import Sequence

from harmonia_core import DocumentWrite, StreamAppend, VersionConflict
from harmonia_sql.dialect import Cursor
from harmonia_sql.statements import Statements


def place_of(value: str | float | None) -> str:
    """Return a text that sorts among others as the value does: None, numbers, texts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return "t" + value
    (bits,) = struct.unpack(">Q", struct.pack(">d", float(value) + 0.0))
    # Negative numbers sort backwards by their bits, positive ones after them.
    bits = bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 0x8000000000000000)
    return f"n{bits:016x}"


def write_documents(cursor: Cursor, statements: Statements, writes: Sequence[DocumentWrite]) -> None:
    """Put and delete documents in order; raise VersionConflict at the first that does not fit."""
    for write in writes:
        key = (write.namespace, write.collection, write.key)
        cursor.execute(statements.version, key)
        found = cursor.fetchone()
        version = found[0] if found else 0
        if write.if_version is not None and write.if_version != version:
            raise VersionConflict(
                f"Document {write.key!r} of {write.collection!r} in namespace {write.namespace!r} stands at "
                f"version {version}, not {write.if_version}; read it again and decide anew."
            )
        if version:
            cursor.execute(statements.drop_index, key)
        if write.value is None:
            cursor.execute(statements.drop_document, key)
        else:
            _put(cursor, statements, write, version + 1)


def _put(cursor: Cursor, statements: Statements, write: DocumentWrite, version: int) -> None:
    key = (write.namespace, write.collection, write.key)
    # Only what is not there may be inserted: of two who found nothing, one is refused.
    write_document = statements.document if version > 1 else statements.new_document
    write_document.run(cursor, [(*key, write.value, version)])
    rows = [(*key[:2], name, place_of(value), write.key) for name, value in write.fields.items()]
    if rows:
        statements.index.run(cursor, rows)


def write_appends(cursor: Cursor, statements: Statements, appends: Sequence[StreamAppend]) -> None:
    """Append values to their streams, each at the next position.

    Where several write at once they take turns at a stream, so that a later position is never seen first.
    """
    if statements.dialect.turn:
        streams = sorted({f"stream {a.namespace} {a.stream}" for a in appends})
        cursor.executemany(statements.dialect.turn, [(stream,) for stream in streams])
    rows = [(a.namespace, a.stream, a.namespace, a.stream, a.value) for a in appends]
    cursor.executemany(statements.append, rows)
