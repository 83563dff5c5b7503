"""No statement of a working engine reads a whole table, and no listing sorts one: SQLite's plans."""

import re
import sqlite3
from contextlib import closing

import anyio
import pytest

from harmonia_core import FinishedQuery, task_type
from harmonia_core.host import Engine, ExecutionQuery, KernelSettings, create_backend, load_plugins
from harmonia_core.testing.state_backend_rows import ENGINE
from harmonia_sql.sqlite import opening, writing

# Tables of a few rows, whatever the store holds; the index of what goes on; parameters as rows.
SMALL = ("engine", "pruning", "sqlite_master", "alembic_version", "upload", "request")
GOING_ON = "execution USING INDEX execution_unfinished"
ALLOWED = re.compile(rf"SCAN ({'|'.join(SMALL)}|{GOING_ON}|moved|ids|\d+ CONSTANT ROWS?|CONSTANT ROW)\b")
# What waits for one execution is found by an index, and then put in order.
SORTED = re.compile(r"FROM (request|timer)\b")
# The one listing without a filter goes along the key and stops after a page.
ALL_NEWEST_FIRST = "FROM execution ORDER BY execution.execution_id DESC"

# Parameters are filled in: an x'...' of a mebibyte is none of a plan's business.
LITERAL = re.compile(r"x?'[^']*'|(?<=[ (,])-?\d[\d.e+]*|\(\?(?:, ?\?)*\)(?:, \(\?(?:, ?\?)*\))*")
# What makes room in the write-ahead log works on a table of its own and is undone.
ROOM = " room"

STEPS = {
    "name": "steps",
    "tasks": {
        "large": {"type": "plans.large"},
        "later": {"type": "plans.flaky", "depends_on": ["large"], "retry_policy": {"initial_delay": 0.01}},
        "items": {
            "type": "map",
            "input": {"items": "${[1, 2, 3]}"},
            "task": {"type": "plans.large"},
            "depends_on": ["later"],
        },
    },
    "output": {"all": "${tasks.items.output}"},
}


@task_type("plans.large")
async def large(ctx, input):
    """Return more than a log holds; leave a file, a heartbeat and a log line."""
    ctx.heartbeat({"page": 1})
    ctx.log("info", "at work")
    with ctx.artifact("file") as file:
        file.write(b"x" * 5000)
    return {"text": "x" * 2000}


@task_type("plans.flaky")
async def flaky(ctx, input):
    if ctx.attempt == 1:
        raise RuntimeError("once more")
    return 1


@pytest.fixture
def statements(monkeypatch):
    """Return the statements that connections run from now on, parameters filled in, each shape once."""
    seen = {}

    def note(sql):
        seen.setdefault(LITERAL.sub("?", " ".join(sql.split())), sql)

    for module in (opening, writing):
        connect = module.connect

        def traced(*arguments, connect=connect, **options):
            connection = connect(*arguments, **options)
            connection.set_trace_callback(note)
            return connection

        monkeypatch.setattr(module, "connect", traced)
    return seen


def scans(path, statements):
    """Return the steps of plans that read a whole table or sort, with their statements."""
    found = []
    with closing(sqlite3.connect(path)) as connection:
        for sql in statements:
            if not sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")) or ROOM in sql[:30]:
                continue
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}"):
                scan = step.startswith("SCAN") and not ALLOWED.match(step)
                if scan and step == "SCAN execution" and ALL_NEWEST_FIRST in " ".join(sql.split()):
                    continue
                sort = step.startswith("USE TEMP B-TREE FOR ORDER BY") and not SORTED.search(sql)
                if scan or sort:
                    found.append((step, " ".join(sql.split())[:160]))
    return found


async def test_no_statement_of_a_working_engine_reads_a_whole_table(path, statements):
    settings = KernelSettings(retention=[{"keep_last": 1}], inline_limit=1000)
    plugins = load_plugins(settings, extra=[large, flaky])
    engine = Engine(create_backend(f"sqlite:///{path}", plugins, settings), plugins, settings)
    async with engine:
        async with anyio.create_task_group() as group:
            ids = [await engine.start(STEPS, {}) for _ in range(12)]
            for execution_id in ids:
                group.start_soon(engine.wait, execution_id)
        await engine.get(ids[-1])
        await engine.output(ids[-1])
        assert [event async for event in engine.events(ids[-1])]
        await engine.recover()
        async for doomed in engine._pruner.due():
            await engine._pruner.prune(doomed)
        await engine._pruner.sweep()
    assert scans(path, statements.values()) == []
    text = " ".join(statements.values())
    for table in ("event", "execution", "task", "timer", "request", "blob", "blob_chunk", "heartbeat"):
        assert f" {table} " in text, f"nothing was done with {table}"


async def test_no_listing_reads_or_sorts_a_whole_table(path, opened, statements):
    backend = await opened(ENGINE.engine_id)
    for namespace in (None, "default"):
        for workflow in (None, "greet"):
            for status in ((), ("failed",), ("running",), ("completed", "failed", "queued", "continued")):
                for cursor in (None, "0190"):
                    query = ExecutionQuery(namespace, status, workflow, 50, cursor)
                    assert await backend.find(query) == ([], None)
    for before in (None, 5.0):
        for cursor in (None, "4.5 0190"):
            assert await backend.finished(FinishedQuery(before, 50, cursor)) == ([], None)
    await backend.unfinished()
    assert scans(path, statements.values()) == []
    listings = [sql for sql in statements.values() if "ORDER BY execution.execution_id DESC" in sql]
    assert len(listings) > 20
