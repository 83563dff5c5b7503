"""Give an SQLite file's free space back to the file system."""

import sqlite3
import time
from collections.abc import Iterable

from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.errors import translate
from harmonia_sql.sqlite.life import living
from harmonia_sql.sqlite.writing import SqliteWriting
from harmonia_sql.writer import PATIENCE

# Pages that are given back at a time, and seconds between two times, while others are at work.
SLICE, PAUSE = 256, 0.005


def shrink(address: Address, connection: SqliteWriting, own: str | None) -> None:
    """Write the file anew if nobody else is at work, else cut free pages off its end. Blocks.

    own: id of the engine that asks. Writing anew keeps all others waiting until its end.
    """
    try:
        if _others(address, own):
            while _cut(connection):
                time.sleep(PAUSE)
        else:
            with connection.lock:
                connection.rewrite(PATIENCE)
    except sqlite3.Error as error:
        raise translate(error, address.path) from error


def _cut(connection: SqliteWriting) -> bool:
    with connection.lock:
        return connection.vacuum(SLICE, PATIENCE)


def _others(address: Address, own: str | None) -> set[str]:
    names: Iterable[str] = (
        (path.name for path in address.engines.iterdir()) if address.engines.is_dir() else ()
    )
    return living(address.engines, names) - {own}
