"""The write-ahead log has its usual length before the first commit, and nothing else is changed by that."""

import sqlite3
from contextlib import closing

from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.connection import connect
from harmonia_sql.sqlite.log_room import ROOM, make_room


def log_of(path):
    return path.with_name(path.name + "-wal")


async def test_an_opened_store_has_room_in_its_log_and_none_of_it_in_the_database(opened, path):
    await opened()
    assert log_of(path).stat().st_size >= ROOM
    assert path.stat().st_size < ROOM / 8
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert "room" not in tables and "event" in tables


async def test_a_log_that_has_room_is_left_alone(opened, path):
    backend = await opened()
    before = log_of(path).stat().st_size
    backend._opened.writer.connection.make_room()
    assert log_of(path).stat().st_size == before


async def test_without_space_nothing_is_left_behind(opened, path):
    await opened()
    with closing(sqlite3.connect(path.with_name("small.db"), isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA max_page_count = 20")
        cache = connection.execute("PRAGMA cache_size").fetchone()
        make_room(connection, path.with_name("small.db"))
        assert not connection.in_transaction
        assert connection.execute("PRAGMA cache_size").fetchone() == cache
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


async def test_a_writer_elsewhere_is_not_waited_for(opened, path):
    await opened()
    with closing(connect(Address(path))) as busy:
        busy.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
            make_room(connection, path.with_name("elsewhere.db"))  # whose log is not there, so: short
            assert not connection.in_transaction
        busy.execute("ROLLBACK")
