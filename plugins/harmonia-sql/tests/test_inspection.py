"""Damage done with SQL, or to the file itself, is found exactly and named."""

import sqlite3

import pytest
from inspecting import end_one, found, inspector

from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ended(path):
    """Return the id of an execution that has ended in the file."""
    return await end_one(f"sqlite:///{path}")


def damage(path, statement):
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


DAMAGE = {
    "UPDATE execution SET status = 'failed', workflow = 'x'": [
        ("projection-differs", "{id}/execution/status"), ("projection-differs", "{id}/execution/workflow"),
    ],
    "UPDATE task SET position = 9 WHERE path = 'm[2]'": [
        ("projection-differs", "{id}/task/m[2]"), ("projection-differs", "{id}/task/m[2]"),
    ],
    "UPDATE task SET attempt = 'many' WHERE path = 'a'": [("projection-differs", "{id}/task/a/attempt")],
    "UPDATE task SET position = 'odd' WHERE path = 'a'": [
        ("projection-differs", "{id}/task/a"), ("projection-differs", "{id}/task/a"),
    ],
    "DELETE FROM task WHERE path = 'w'": [("projection-differs", "{id}/task/w")],
    "INSERT INTO timer SELECT execution_id, 'w', 'wait', 1.5 FROM execution": [
        ("projection-differs", "{id}/timer/w:wait")
    ],
    "INSERT INTO timer VALUES ('nobody', 'w', 'wait', 1.5)": [("row-orphaned", "nobody/timer")],
    "INSERT INTO execution_label SELECT execution_id, 'team', 'x' FROM execution": [
        ("projection-differs", "{id}/execution/labels")
    ],
    "INSERT INTO execution_label VALUES ('nobody', 'team', 'x')": [
        ("row-orphaned", "nobody/execution_label")
    ],
    "INSERT INTO blob_reference SELECT execution_id, namespace, 'sha256:x' FROM execution": [
        ("blob-missing", "{id}/blob/sha256:x")
    ],
    "DELETE FROM blob_reference": [("reference-missing", "{id}/blob/{definition}")],
    "DELETE FROM event WHERE seq = 2": [("log-gap", "{id}/event/2")],
    "UPDATE event SET data = 'x' WHERE seq = 2": [("unreadable-event", "{id}/event/2")],
    "UPDATE blob_chunk SET data = zeroblob(length(data))": [
        ("definition-damaged", "{id}/definition/{definition}")
    ],
    "DELETE FROM blob_chunk": [
        ("blob-damaged", "default/blob/{definition}"), ("definition-damaged", "{id}/definition/{definition}"),
    ],
}  # fmt: skip
LOG = ("event", "blob_chunk")


@pytest.mark.parametrize("statement", DAMAGE)
async def test_damage_is_found_exactly_and_mended_where_it_follows_from_the_log(path, ended, statement):
    damage(path, statement)
    async with Harness(url=f"sqlite:///{path}") as harness:
        head = await harness.engine.backend.head(ended)
        names = {"id": ended, "definition": head.definition_hash}
        expected = [(code, place.format(**names)) for code, place in DAMAGE[statement]]
        assert await found(harness) == expected
        outcomes = [one.outcome async for one in inspector(harness).rebuild()]
        projected = "wait', 1.5 FROM" in statement or "execution_label SELECT" in statement
        if statement.startswith("INSERT INTO") and not projected:
            assert outcomes == ["unchanged"]
        elif any(f" {table}" in statement for table in LOG):
            assert outcomes == ["refused"] and await found(harness) == expected
        else:
            assert outcomes == ["rebuilt"] and await found(harness) == []


async def test_a_damaged_page_is_found_and_the_rest_is_checked(path, ended):
    connection = sqlite3.connect(path)
    [(page,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'event'")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    [(size,)] = connection.execute("PRAGMA page_size")
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    async with Harness(url=f"sqlite:///{path}") as harness:
        codes = await found(harness)
        assert ("store-damaged", ended) in codes and ("store-damaged", str(path)) in codes
        assert [one.outcome async for one in inspector(harness).rebuild()] == ["refused"]


async def test_executions_on_their_way_out_are_no_fault(path, ended):
    for statement in (
        "INSERT INTO pruning SELECT 'execution', execution_id FROM execution",
        "DELETE FROM execution",
    ):
        damage(path, statement)
    async with Harness(url=f"sqlite:///{path}") as harness:
        assert await found(harness) == []


async def test_a_description_says_how_large_the_file_is(path, ended):
    async with Harness(url=f"sqlite:///{path}") as harness:
        facts = await inspector(harness).status()
        assert facts["backend"] == "sqlite" and facts["place"] == str(path)
        assert facts["bytes"]["file"] == path.stat().st_size and set(facts["bytes"]) == {
            "file",
            "log",
            "free",
        }
        assert facts["finished"]["oldest"] == facts["finished"]["newest"] and facts["schema"]
