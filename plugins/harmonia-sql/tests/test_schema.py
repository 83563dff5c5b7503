"""The schema: made, compared, upgraded after a backup, refused with what to do."""

import shutil
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from harmonia_core import ExecutionQuery, SchemaMismatch
from harmonia_core.testing.state_backend_rows import execution_id, head_row, start
from harmonia_sql.schema import HEAD, MIGRATIONS, core_over
from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.connection import connect
from harmonia_sql.sqlite.schema import ensure_schema
from harmonia_sql.tables import metadata

NEXT = f"{int(HEAD) + 1:04}"


def address(path):
    return Address.parse(f"sqlite:///{path}")


def described(path):
    """Return everything SQLite says about the tables and indexes of a database."""
    with closing(sqlite3.connect(path)) as connection:
        names = sorted(
            connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        )
        found = {}
        for kind, name in names:
            if kind == "table":
                found[name] = (
                    connection.execute(f"PRAGMA table_xinfo({name})").fetchall(),
                    connection.execute(f"SELECT wr FROM pragma_table_list('{name}')").fetchall(),
                )
            else:
                where = connection.execute(
                    "SELECT tbl_name, substr(sql, instr(sql, ' WHERE ')) FROM sqlite_master WHERE name = ?",
                    (name,),
                )
                found[name] = (
                    where.fetchall(),
                    connection.execute(f"PRAGMA index_xinfo({name})").fetchall(),
                )
        version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        return found, version


def migrate_from_nothing(path, to="head"):
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with closing(connect(address(path), new=True)) as connection, core_over("sqlite://", connection) as core:
        config.attributes["connection"] = core
        command.upgrade(config, to)


def test_a_new_database_equals_a_migrated_one(tmp_path):
    ensure_schema(address(tmp_path / "new.db"))
    migrate_from_nothing(tmp_path / "migrated.db")
    assert described(tmp_path / "new.db") == described(tmp_path / "migrated.db")
    tables, version = described(tmp_path / "new.db")
    assert version == [(HEAD,)]
    assert {table.name for table in metadata.sorted_tables} <= set(tables)


def test_a_database_is_made_with_its_settings(path):
    ensure_schema(address(path))
    with closing(connect(address(path))) as connection:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "auto_vacuum", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "auto_vacuum": 2, "synchronous": 2}


def test_processes_that_make_it_at_once_agree(path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ensure_schema(address(path)), range(8)))
    assert described(path)[1] == [(HEAD,)]


def test_a_file_that_another_process_is_making_is_waited_for(path, monkeypatch):
    """Before its first switch to the write-ahead log SQLite refuses at once where it waits later."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    other.execute("BEGIN IMMEDIATE")
    waited = []

    def wait(seconds):
        waited.append(seconds)
        other.close()

    monkeypatch.setattr("harmonia_sql.sqlite.connection.time.sleep", wait)
    with closing(connect(address(path))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert len(waited) == 1


def test_opening_imports_no_alembic_and_the_plugin_no_sqlalchemy(path):
    ensure_schema(address(path))
    program = f"""
        import sys, anyio, harmonia_sql
        assert "sqlalchemy" not in sys.modules, "sqlalchemy was imported with the plugin"
        backend = harmonia_sql.SQLITE.create("sqlite:///{path}", "auto")
        async def main():
            await backend.open(None)
            await backend.close()
        anyio.run(main)
        assert "alembic" not in sys.modules, "alembic was imported though nothing had to be upgraded"
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=60)


async def test_a_newer_schema_is_refused_and_left_alone(path, opened):
    ensure_schema(address(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaMismatch, match=rf"has schema 9999; .* up to {HEAD}. Use the version"):
        await opened()
    assert described(path)[1] == [("9999",)]
    assert [file.name for file in path.parent.glob("*.backup")] == []


async def test_a_strangers_database_is_left_exactly_as_it_is(path, opened):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match=r"not one of Harmonia's.*--db"):
        await opened()
    assert path.read_bytes() == before


async def test_an_old_schema_is_upgraded_after_a_backup_copy(path, tmp_path, opened):
    backend = await opened()
    await backend.commit(start(1))
    await backend.close()
    migrations = with_next_revision(tmp_path, "op.create_table('extra', sa.Column('x', sa.Text()))")
    ensure_schema(address(path), head=NEXT, migrations=migrations)
    tables, version = described(path)
    assert version == [(NEXT,)] and "extra" in tables
    [copy] = path.parent.glob("*.backup")
    assert described(copy)[1] == [(HEAD,)]
    with closing(sqlite3.connect(copy)) as connection:
        rows = connection.execute("SELECT execution_id FROM execution").fetchall()
    assert rows == [(execution_id(1),)]


async def test_executions_of_the_first_schema_refer_to_their_definition_afterwards(path, opened):
    migrate_from_nothing(path, "0001")
    rows = [head_row(number, definition_hash=f"sha256:{number % 2}") for number in range(3)]
    places = ",".join("?" * len(rows[0]))
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(f"INSERT INTO execution VALUES ({places})", rows)
        connection.execute("INSERT INTO blob VALUES ('default', 'sha256:0', 2, 'application/json', 'u')")
        connection.executemany("INSERT INTO blob_chunk VALUES (?, 0, x'7b7d')", [("u",), ("abandoned",)])
        # One of them was the first to store it, and is noted already.
        connection.execute("INSERT INTO blob_reference VALUES (?, 'default', 'sha256:0')", rows[0][:1])
        connection.commit()
    backend = await opened()
    assert await backend.head(execution_id(2)) == rows[2]
    with closing(sqlite3.connect(path)) as connection:
        references = connection.execute("SELECT execution_id FROM blob_reference ORDER BY 1").fetchall()
        uploads = connection.execute("SELECT upload_id, engine_id FROM upload").fetchall()
    assert references == [(execution_id(0),), (execution_id(2),)]
    assert uploads == [("abandoned", None)]


async def test_an_upgrade_that_fails_changes_nothing(path, tmp_path, opened):
    backend = await opened()
    await backend.commit(start(1))
    await backend.close()
    before = described(path)
    faulty = "op.create_table('extra', sa.Column('x', sa.Text()))\n    raise RuntimeError('no')"
    with pytest.raises(RuntimeError, match="no"):
        ensure_schema(address(path), head=NEXT, migrations=with_next_revision(tmp_path, faulty))
    assert described(path) == before
    assert await (await opened()).head(execution_id(1)) == head_row(1)


def with_next_revision(folder, upgrade):
    """Copy the migrations and add one behind the last."""
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    (migrations / "versions" / f"{NEXT}_next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '{NEXT}'\ndown_revision = '{HEAD}'\nbranch_labels = depends_on = None\n"
        f"def upgrade():\n    {upgrade}\n"
    )
    return migrations


async def test_executions_of_the_second_schema_are_found_by_label_and_origin_afterwards(path, opened):
    migrate_from_nothing(path, "0002")
    rows = [
        head_row(1, labels='{"team": "a", "n": "1"}'),
        head_row(2, labels="{}", origin=f'{{"execution": "{execution_id(1)}", "seq": 3}}'),
        head_row(3, labels='{"team": "a"}', parent_id=execution_id(1)),
        *(head_row(number, labels='{"many": "x"}') for number in range(10, 1020)),
    ]
    places = ",".join("?" * len(rows[0]))
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(f"INSERT INTO execution VALUES ({places})", rows)
        connection.commit()
    backend = await opened()
    for query, expected in (
        (ExecutionQuery(labels=(("team", "a"),)), [rows[2], rows[0]]),
        (ExecutionQuery(labels=(("team", "a"), ("n", None))), [rows[0]]),
        (ExecutionQuery(origin=execution_id(1)), [rows[1]]),
        (ExecutionQuery(parent=execution_id(1)), [rows[2]]),
    ):
        assert (await backend.find(query))[0] == expected
    assert len((await backend.find(ExecutionQuery(labels=(("many", "x"),), limit=2000)))[0]) == 1010
