"""Delete ended executions: small ones together, large ones piece by piece. Runs on the writer's thread.

A large one is noted in the table `pruning` when its head goes, in one transaction: from then on
it is gone for everybody, and whoever finds the note deletes what is left. An execution's
references to blobs go with it, and with the last reference to a blob the blob.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, select, text

from harmonia_core import Pruned
from harmonia_sql import pruning_texts, tables
from harmonia_sql.dialect import Cursor
from harmonia_sql.pruning_texts import OWN
from harmonia_sql.statements import Statements

Place = tuple[str, str]
# Bytes of an upload up to which its chunks go at once; rows that weigh as much as a mebibyte of blobs.
SMALL_UPLOAD, ROWS_PER_MIB = 1024 * 1024, 500
# Rows of these tables weigh so many times as much as others.
HEAVY = {tables.snapshot.name: 500, tables.blob_chunk.name: 500, tables.blob_reference.name: 4}
# From where pieces are taken, by the kind of a note.
TABLES: dict[str, Sequence[Table]] = {
    "execution": (*OWN, tables.blob_reference),
    "upload": (tables.blob_chunk,),
}

_execution, _blob, _reference = tables.execution.c, tables.blob.c, tables.blob_reference.c


class Weight(NamedTuple):
    """Say how much has to be deleted for an execution: rows, with about as many for its blobs, and these."""

    execution_id: str
    rows: int
    blobs: Sequence[Place]


def weigh(core: Connection, execution_ids: Sequence[str]) -> list[Weight]:
    """Return those that have ended, in the order given, with their weights."""
    ids = list(dict.fromkeys(execution_ids))
    ended = (_execution.execution_id.in_(ids), text(tables.ENDED))
    seqs = dict(core.execute(select(_execution.execution_id, _execution.seq).where(*ended)).all())
    places: dict[str, list[Place]] = {one: [] for one in seqs}
    sizes = dict.fromkeys(seqs, 0)
    for execution_id, namespace, address, size in core.execute(_blobs_of(list(seqs))):
        places[execution_id].append((namespace, address))
        sizes[execution_id] += size
    rows = {one: 2 * seqs[one] + ROWS_PER_MIB * sizes[one] // 2**20 for one in seqs}
    return [Weight(one, rows[one], places[one]) for one in ids if one in rows]


def _blobs_of(execution_ids: Sequence[str]) -> Select[Any]:
    both = (_reference.namespace == _blob.namespace) & (_reference.address == _blob.address)
    found = select(_reference.execution_id, _blob.namespace, _blob.address, _blob.size)
    return found.join_from(tables.blob_reference, tables.blob, both).where(
        _reference.execution_id.in_(execution_ids)
    )


def leftovers(core: Connection) -> list[Place]:
    """Return what is noted as half deleted: (kind, id)."""
    return [(row[0], row[1]) for row in core.execute(select(tables.pruning).order_by(*tables.pruning.c))]


def drop_small(cursor: Cursor, statements: Statements, waiting: Sequence[Weight]) -> Pruned:
    """Delete ended executions whole."""
    gone = _drop_heads(cursor, statements, padded([one.execution_id for one in waiting]))
    if not gone:
        return Pruned()
    if not statements.dialect.cascades:
        mine = padded([row[0] for row in gone])
        for table in TABLES["execution"]:
            cursor.execute(pruning_texts.rows(statements.dialect, table, len(mine)), mine)
    # Final as they were when they were weighed, they have come to refer to nothing else since.
    places = list({place for one in waiting for place in one.blobs})
    counted = Pruned(executions=len(gone), events=sum(row[1] for row in gone))
    return drop_blobs(cursor, statements, places) + counted


def begin_large(cursor: Cursor, statements: Statements, execution_id: str) -> Pruned:
    """Let a large execution vanish: its head goes, the rest is noted for `drop_piece`."""
    pruning_texts.note(statements.dialect).run(cursor, [("execution", execution_id)])
    # If somebody was quicker, the note is found to be about nothing.
    gone = _drop_heads(cursor, statements, [execution_id])
    return Pruned(executions=len(gone), events=sum(row[1] for row in gone))


def _drop_heads(cursor: Cursor, statements: Statements, ids: Sequence[str]) -> list[Any]:
    cursor.execute(pruning_texts.heads(statements.dialect, len(ids)), ids)
    return cursor.fetchall()


def drop_blobs(cursor: Cursor, statements: Statements, places: Sequence[Place]) -> Pruned:
    """Delete those of some blobs to which nothing refers any more.

    Who writes a reference holds a share of the blob's row until it is committed. So the rows are
    locked first: afterwards a new statement sees every reference that was being written (a statement
    sees what was committed when it began), and a later writer finds no blob and stores it anew.
    """
    gone = Pruned()
    for namespace in sorted({place[0] for place in places}):
        addresses = sorted({place[1] for place in places if place[0] == namespace})
        gone += _drop_blobs(cursor, statements, namespace, addresses)
    return gone


def _drop_blobs(cursor: Cursor, statements: Statements, namespace: str, addresses: Sequence[str]) -> Pruned:
    dialect, some = statements.dialect, padded(addresses)
    if dialect.turn:
        cursor.execute(pruning_texts.lock_blobs(dialect, len(some)), [namespace, *some])
        if not cursor.fetchall():
            return Pruned()
    cursor.execute(pruning_texts.blobs(dialect, len(some)), [namespace, *some])
    gone = cursor.fetchall()
    for upload_id, size, address in gone:
        if size <= SMALL_UPLOAD or upload_id.endswith(address):
            # What was stored under its address may be stored under it again at any time.
            cursor.execute(statements.drop_chunks, (upload_id,))
        else:
            pruning_texts.note(dialect).run(cursor, [("upload", upload_id)])
    return Pruned(blobs=len(gone), bytes=sum(row[1] for row in gone))


def drop_piece(
    cursor: Cursor, statements: Statements, note: Place, table: Table, weight: int
) -> tuple[bool, Pruned]:
    """Delete some rows of one table for a note; tell whether none are left in it.

    weight: of the rows that go, about; see `HEAVY`.
    """
    # One engine at a time: who finds less than was asked for must know that it is the rest.
    cursor.execute(pruning_texts.hold(statements.dialect), note)
    if cursor.fetchone() is None:
        return True, Pruned()
    count = max(1, weight // HEAVY.get(table.name, 1))
    cursor.execute(pruning_texts.piece(table), (note[1], count))
    rows = cursor.fetchall()
    places = [(row[0], row[1]) for row in rows] if table is tables.blob_reference else []
    return len(rows) < count, drop_blobs(cursor, statements, places)


def forget(cursor: Cursor, statements: Statements, note: Place) -> None:
    """Delete a note of which nothing is left."""
    cursor.execute(pruning_texts.forget(statements.dialect), note)


def padded(values: Sequence[Any]) -> list[Any]:
    """Repeat the last value up to a power of two, so that few texts serve any number."""
    return [*values, *[values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))]
