"""Checking, mending and describing a PostgreSQL store; what its extension amcheck adds."""

import psycopg
import pytest
from inspecting import WORK, end_one, found, inspector

from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
# What is said where the extension amcheck is not there.
UNCHECKED = "not-verified"


@pytest.fixture
async def ended(postgres_url):
    """Return the id of an execution that has ended in the schema."""
    return await end_one(postgres_url, UNCHECKED)


def run(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement)


DAMAGE = {
    "UPDATE execution SET status = 'failed', ended_at = NULL": [
        ("projection-differs", "{id}/execution/ended_at"), ("projection-differs", "{id}/execution/status"),
    ],
    "UPDATE task SET position = 9 WHERE path = 'm[2]'": [("projection-differs", "{id}/task/m[2]")] * 2,
    "DELETE FROM task WHERE path = 'w'": [("projection-differs", "{id}/task/w")],
    "INSERT INTO timer SELECT execution_id, 'w', 'wait', 1.5 FROM execution": [
        ("projection-differs", "{id}/timer/w:wait")
    ],
    "INSERT INTO timer VALUES ('nobody', 'w', 'wait', 1.5)": [("row-orphaned", "nobody/timer")],
    "DELETE FROM blob_reference": [("reference-missing", "{id}/blob/{definition}")],
    "DELETE FROM event WHERE seq = 2": [("log-gap", "{id}/event/2")],
    "DELETE FROM blob_chunk": [
        ("blob-damaged", "default/blob/{definition}"), ("definition-damaged", "{id}/definition/{definition}"),
    ],
}  # fmt: skip
OUTCOMES = {
    "INSERT INTO timer VALUES": "unchanged",
    "DELETE FROM event": "refused",
    "DELETE FROM blob_chunk": "refused",
}


@pytest.mark.parametrize("statement", DAMAGE)
async def test_damage_is_found_exactly_and_mended_where_it_follows_from_the_log(
    postgres_url, ended, statement
):
    assert run(postgres_url, statement).rowcount > 0
    async with Harness(url=postgres_url) as harness:
        head = await harness.engine.backend.head(ended)
        names = {"id": ended, "definition": head.definition_hash}
        expected = [(code, place.format(**names)) for code, place in DAMAGE[statement]]
        assert await found(harness, UNCHECKED) == expected
        wanted = next((one for start, one in OUTCOMES.items() if statement.startswith(start)), "rebuilt")
        assert [one.outcome async for one in inspector(harness).rebuild()] == [wanted]
        assert await found(harness, UNCHECKED) == ([] if wanted == "rebuilt" else expected)


async def test_a_description_says_how_large_the_store_is_and_no_password(postgres_url, ended):
    async with Harness(url=postgres_url) as harness:
        facts = await inspector(harness).status()
        assert facts["backend"] == "postgresql" and facts["executions"] == {"completed": 1}
        assert 0 < facts["bytes"]["tables"] < facts["bytes"]["database"]
        assert facts["health"]["ok"] is True and facts["schema"]


async def test_without_amcheck_it_is_said_what_was_not_checked(postgres_url, ended):
    async with Harness(url=postgres_url) as harness:
        [note] = await inspector(harness).verify()
        assert note.code == "not-verified" and "amcheck" in note.message and "CREATE" in note.suggestion


async def test_amcheck_finds_damage_below_the_rows(own_postgres):
    url = own_postgres.create_database("damaged")
    own_postgres.psql("CREATE EXTENSION amcheck", "damaged")
    async with Harness(url=url) as harness:
        await harness.run(WORK)
        [note] = await inspector(harness).verify()
        assert note.code == "not-verified" and "may not run" in note.message
        own_postgres.psql("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC", "damaged")
        assert await inspector(harness).verify() == []
    spoil(own_postgres, "damaged", "timer_pkey")
    async with Harness(url=url) as harness:
        problems = await inspector(harness).verify()
        assert {one.code for one in problems} == {"store-damaged"}
        assert "timer_pkey" in problems[0].message and "REINDEX" in problems[0].suggestion
    spoil(own_postgres, "damaged", "activity")
    async with Harness(url=url) as harness:
        codes = [one.code for one in await inspector(harness).verify()]
        assert codes and set(codes) == {"store-damaged"}


def spoil(cluster, database, relation):
    """Overwrite the first page of a table or an index while the server is stopped."""
    file = cluster.psql(f"SELECT pg_relation_filepath('{relation}')", database).strip()
    if not (cluster.folder / "data" / file).stat().st_size:
        cluster.psql(f"INSERT INTO {relation} VALUES ('x', 1, 'p', 1, 'log', '', '{{}}')", database)
    cluster.psql("CHECKPOINT", database)
    cluster.stop()
    with (cluster.folder / "data" / file).open("r+b") as page:
        page.write(b"\xff" * 8192)
    cluster.start()
