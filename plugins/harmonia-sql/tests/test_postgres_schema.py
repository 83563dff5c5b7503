"""The schema on PostgreSQL: made once, compared, upgraded whole, refused with what to do."""

import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from harmonia_core import EngineRow, SchemaMismatch, StateUnavailable
from harmonia_core.testing.state_backend_rows import execution_id, start
from harmonia_sql import POSTGRES
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import SETTINGS, connect
from harmonia_sql.postgres.schema import CORE, ensure_schema
from harmonia_sql.schema import HEAD, MIGRATIONS, core_over, plan, upgrade
from harmonia_sql.tables import metadata

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, collation_name, is_identity, identity_generation
FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, ordinal_position
"""
INDEXES = """
SELECT tablename, indexname, replace(indexdef, current_schema(), 'here') FROM pg_indexes
WHERE schemaname = current_schema() ORDER BY 1, 2
"""
OPTIONS = """
SELECT relname, reloptions FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = current_schema() AND relkind = 'r' ORDER BY 1
"""


@pytest.fixture
def url(postgres_url):
    return postgres_url


def described(url):
    """Return everything about the tables that could differ."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = [connection.execute(text).fetchall() for text in (COLUMNS, INDEXES, OPTIONS)]
        version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return found, version


def emptied(url):
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.execute("SELECT current_schema()").fetchone()[0]
        connection.execute(f"DROP SCHEMA {name} CASCADE")
        connection.execute(f"CREATE SCHEMA {name}")


def test_a_new_database_equals_a_migrated_one(url):
    address = Address.parse(url)
    ensure_schema(address, make=True)
    new = described(url)
    emptied(url)
    with closing(connect(address, SETTINGS)) as connection:
        connection.autocommit = False
        with core_over(CORE, connection) as core:
            upgrade(core, plan("x", HEAD, HEAD, MIGRATIONS), HEAD)
    assert described(url) == new
    tables, version = new
    assert version == [(HEAD,)]
    assert {table.name for table in metadata.sorted_tables} == {row[0] for row in tables[0]}
    texts = {(row[0], row[1], row[4]) for row in tables[0] if row[2] == "text"}
    assert {collation for _, _, collation in texts} == {"C"}
    assert dict(tables[2])["execution"] == ["fillfactor=70"]


def test_processes_that_make_it_at_once_agree(url):
    address = Address.parse(url)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: ensure_schema(address, make=True), range(6)))
    assert described(url)[1] == [(HEAD,)]


def test_two_engines_that_start_at_once_on_an_empty_database(url):
    program = """
        import sys, anyio
        from harmonia_core import EngineRow
        from harmonia_sql import POSTGRES

        async def main(url, name):
            backend = POSTGRES.create(url, "auto")
            await backend.open(EngineRow(name, 1, "here", 1.0))
            print(sorted(row.engine_id for row in await backend.engines()))
            await backend.close()

        anyio.run(main, *sys.argv[1:])
    """
    commands = [[sys.executable, "-c", textwrap.dedent(program), url, name] for name in "abc"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    told = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert all(name in text for name, text in zip("abc", told, strict=True))


def test_neither_the_plugin_nor_opening_imports_what_is_not_needed(url):
    ensure_schema(Address.parse(url), make=True)
    program = """
        import sys, anyio, harmonia_sql
        assert "psycopg" not in sys.modules and "sqlalchemy" not in sys.modules
        backend = harmonia_sql.POSTGRES.create(sys.argv[1], "auto")
        async def main():
            await backend.open(None)
            await backend.close()
        anyio.run(main)
        assert "alembic" not in sys.modules, "alembic was imported though nothing had to be upgraded"
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), url], check=True, timeout=60)


async def refused(url, name="engine-a"):
    backend = POSTGRES.create(url, "auto")
    try:
        await backend.open(EngineRow(name, 1, "here", 1.0) if name else None)
    finally:
        await backend.close()


async def test_a_newer_schema_is_refused_and_left_alone(url):
    ensure_schema(Address.parse(url), make=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatch, match=r"has schema 9999; .* Use the version"):
        await refused(url)
    assert described(url)[1] == [("9999",)]


async def test_a_strangers_schema_is_left_as_it_is(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (x int)")
        with pytest.raises(SchemaMismatch, match=r"not Harmonia's.*options=-csearch_path%3Dharmonia"):
            await refused(url)
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        assert tables.fetchall() == [("theirs",)]


async def test_a_schema_that_is_not_there_is_named(url):
    with pytest.raises(StateUnavailable, match="CREATE SCHEMA"):
        await refused(f"{url.partition('?')[0]}?options=-csearch_path%3Dnowhere")


async def test_what_is_not_there_is_not_made_by_a_reader(url):
    with pytest.raises(StateUnavailable, match="is empty; the first run makes"):
        await refused(url, name=None)


async def test_an_upgrade_that_fails_changes_nothing(url, tmp_path):
    backend = POSTGRES.create(url, "auto")
    await backend.open(EngineRow("engine-a", 1, "here", 1.0))
    await backend.commit(start(1))
    await backend.close()
    before, next_one = described(url), f"{int(HEAD) + 1:04}"
    shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    script = tmp_path / "migrations" / "versions" / f"{next_one}_next.py"
    body = (
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '{next_one}'\ndown_revision = '{HEAD}'\nbranch_labels = depends_on = None\n"
        "def upgrade():\n    op.create_table('extra', sa.Column('x', sa.Text()))\n"
    )
    address = Address.parse(url)
    script.write_text(body + "    raise RuntimeError('no')\n")
    with pytest.raises(RuntimeError, match="no"):
        ensure_schema(address, make=True, head=next_one, migrations=tmp_path / "migrations")
    assert described(url) == before
    script.write_text(body)
    ensure_schema(address, make=True, head=next_one, migrations=tmp_path / "migrations")
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM extra").fetchone() == (0,)
        rows = connection.execute("SELECT execution_id FROM execution").fetchall()
    assert rows == [(execution_id(1),)]


@pytest.mark.parametrize(
    ("url", "shown", "local"),
    [
        ("postgresql://ada:s3cret@db.example:5433/work", "'work' on db.example:5433", False),
        ("postgres://127.0.0.1/work?sslmode=require", "'work' on 127.0.0.1", True),
        ("postgresql:///work?host=/run/postgresql", "'work' on /run/postgresql", True),
        ("postgresql://[::1]:5432/work", "'work' on ::1:5432", True),
        ("postgresql:///work", "'work' on the local socket", True),
        ("postgresql://a,127.0.0.1/work", "'work' on a,127.0.0.1", False),
    ],
)
def test_addresses(url, shown, local):
    address = Address.parse(url)
    assert (str(address), address.local) == (shown, local)
    assert "s3cret" not in repr(address)


@pytest.mark.parametrize(
    "url", ["postgresql://ada:s3cret@[::1/x", "postgresql://ada:s3cret@host/x?nonsense=1"]
)
def test_an_address_that_is_refused_shows_no_password(url):
    with pytest.raises(StateUnavailable, match="USER:PASSWORD@HOST") as caught:
        POSTGRES.create(url, "auto")
    assert "s3cret" not in str(caught.value) and caught.value.__cause__ is None


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StateUnavailable, match=r"pip install 'harmonia-sql\[postgres\]'"):
        POSTGRES.create("postgresql:///x", "auto")
