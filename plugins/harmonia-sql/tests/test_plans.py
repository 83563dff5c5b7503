"""No statement of a working engine reads a whole table, and no listing sorts one: what plans say."""

import re
import sqlite3
from contextlib import closing

import anyio
import psycopg
import pytest
from sqlalchemy import Engine as CoreEngine
from sqlalchemy.event import listen, remove

from harmonia_core import DocumentQuery, FinishedQuery, task_type
from harmonia_core.host import (
    Engine,
    ExecutionQuery,
    KernelSettings,
    Pruner,
    SystemClock,
    create_backend,
    load_plugins,
)
from harmonia_core.testing.state_backend_rows import ENGINE, execution_id, head_row
from harmonia_sql import POSTGRES
from harmonia_sql.postgres.wire import Wire
from harmonia_sql.sqlite import opening, writing

# Tables of a few rows, whatever the store holds; the index of what goes on; parameters as rows.
SMALL = ("engine", "pruning", "sqlite_master", "alembic_version", "upload", "request")
GOING_ON = "execution USING INDEX execution_unfinished"
ALLOWED = re.compile(rf"SCAN ({'|'.join(SMALL)}|{GOING_ON}|moved|ids|\d+ CONSTANT ROWS?|CONSTANT ROW)\b")
# What waits for one execution is found by an index, and then put in order.
SORTED = re.compile(r"FROM (request|timer)\b")
# The one listing without a filter goes along the key and stops after a page.
NEWEST_FIRST = "FROM execution ORDER BY execution.execution_id DESC"

# Parameters are filled in: an x'...' of a mebibyte is none of a plan's business.
LITERAL = re.compile(r"x?'[^']*'|(?<=[ (,])-?\d[\d.e+]*|\(\?(?:, ?\?)*\)(?:, \(\?(?:, ?\?)*\))*")
# What makes room in the write-ahead log works on a table of its own and is undone.
ROOM = " room"

QUERIES = [
    ExecutionQuery(namespace, status, workflow, 50, cursor)
    for namespace in (None, "default")
    for workflow in (None, "greet", "rare")
    for status in ((), ("failed",), ("running",), ("completed", "failed", "queued", "continued"))
    for cursor in (None, execution_id(50_000))
]

LABEL, PRESENT = ("team", "a"), ("env", None)
SEARCHES = [
    ExecutionQuery(namespace, status, cursor=cursor, **given)
    for namespace in (None, "default")
    for status in ((), ("failed",), ("running", "completed"))
    for cursor in (None, execution_id(50_000))
    for given in (
        {"labels": (LABEL,)},
        {"labels": (PRESENT,)},
        {"labels": (PRESENT, LABEL), "workflow": "greet", "created_from": 1.0},
        {"parent": execution_id(7)},
        {"root": execution_id(7)},
        {"origin": execution_id(7)},
        {"definition_hash": "sha256:1", "version": "1.0.0"},
        {"error_text": "x", "workflow": "greet"},
        {"error_code": "x"},
        {"labels": (LABEL,), "parent": execution_id(7), "actor": "ada"},
    )
] + [
    ExecutionQuery(namespace, status, cursor=cursor, by_end=True, **given)
    for namespace in (None, "default")
    for status in ((), ("failed",))
    for cursor in (None, f"50000.0 {execution_id(50_000)}")
    for given in ({}, {"workflow": "greet", "ended_from": 4.0}, {"labels": (LABEL, PRESENT)})
]

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


async def work_through(url):
    """Have an engine do everything that engines do, and look at it from outside."""
    settings = KernelSettings(retention=[{"keep_last": 1}], inline_limit=1000)
    plugins = load_plugins(settings, extra=[large, flaky])
    engine = Engine(create_backend(url, plugins, settings), plugins, settings)
    async with engine:
        async with anyio.create_task_group() as group:
            ids = [await engine.start(STEPS, {}) for _ in range(12)]
            for execution_id in ids:
                group.start_soon(engine.wait, execution_id)
        await engine.get(ids[-1])
        await engine.output(ids[-1])
        assert [event async for event in engine.events(ids[-1])]
        await engine.recover()
        await work_with_names(engine)
        pruner = Pruner(engine.backend, settings.retention, SystemClock())
        async for doomed in pruner.due():
            await pruner.prune(doomed)
        await pruner.sweep()


async def work_with_names(engine):
    """Publish, find, mark and start definitions by name, and start by key."""
    definitions = engine.definitions
    for version in ("1.0.0", "1.1.0"):
        await definitions.publish({"name": "named", "version": version, "tasks": {"a": {"type": "noop"}}})
    await definitions.drafts.save({"name": "named"})
    await definitions.drafts.list()
    await definitions.archive("named@1.1.0")
    await definitions.workflows()
    await definitions.running("named")
    first = await engine.start("named@^1", key="k")
    assert first == await engine.start("named", key="k")
    await engine.wait(first)


@pytest.fixture
def statements(monkeypatch):
    """Return the statements that SQLite's connections run from now on, each shape once, as it was run."""
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
                if scan and step == "SCAN execution" and NEWEST_FIRST in " ".join(sql.split()):
                    continue
                sort = step.startswith("USE TEMP B-TREE FOR ORDER BY") and not SORTED.search(sql)
                if scan or sort:
                    found.append((step, " ".join(sql.split())[:160]))
    return found


async def test_no_statement_of_a_working_engine_reads_a_whole_table(path, statements):
    await work_through(f"sqlite:///{path}")
    assert scans(path, statements.values()) == []
    assert_everything_was_done(statements)


async def test_documents_are_found_along_the_index_of_a_field(path, opened, statements):
    backend = await opened(ENGINE.engine_id)
    statements.clear()
    for order, cursor in (("", None), ("", '["k"]'), ("-", None)):
        query = DocumentQuery("default", "things", (("name", "x"), ("size", 1.0)), order, cursor=cursor)
        assert await backend.find_documents(query) == ([], None)
    asked = [sql for sql in statements.values() if sql.startswith("SELECT")]
    assert len(asked) == 3
    with closing(sqlite3.connect(path)) as connection:
        for sql in asked:
            steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            assert "SEARCH condition0 USING PRIMARY KEY" in steps[0] and "place=?" in steps[0], steps
            assert not any("TEMP B-TREE" in step for step in steps), steps


def assert_everything_was_done(statements):
    text = " ".join(statements)
    for table in (
        "event",
        "execution",
        "task",
        "timer",
        "request",
        "blob",
        "blob_chunk",
        "heartbeat",
        "document",
    ):
        assert f" {table} " in text, f"nothing was done with {table}"


async def test_no_listing_reads_or_sorts_a_whole_table(path, opened, statements):
    backend = await opened(ENGINE.engine_id)
    for query in QUERIES:
        assert await backend.find(query) == ([], None)
    for before in (None, 5.0):
        for cursor in (None, "4.5 0190"):
            assert await backend.finished(FinishedQuery(before, 50, cursor)) == ([], None)
    for query in SEARCHES:
        assert await backend.find(query) == ([], None)
    await backend.unfinished()
    assert len(statements) > 40
    assert scans(path, statements.values()) == []


# What the server reads whole although it need not: it has a row or none.
SCANNED = re.compile(r"Seq Scan on (?!(?:engine|pruning|upload|request|pg_\w+)\b)\w+")
MANY = 100_000


def explained(url, sql, parameters, *settings, how=""):
    """Return the server's plan of a statement with `?` for each parameter."""
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        for setting in settings:
            connection.execute(setting)
        rows = connection.execute(f"EXPLAIN {how} {sql.replace('%', '%%').replace('?', '%s')}", parameters)
        return "\n".join(row[0] for row in rows)


@pytest.fixture
def sent(monkeypatch):
    """Return what is sent to a server from now on, with parameters: each question, each text of a write."""
    seen = {}
    send = Wire.send

    def noted(self, sql, parameters=()):
        seen[sql] = sql, list(parameters)
        return send(self, sql, parameters)

    def asked(connection, cursor, sql, parameters, context, many):
        values = parameters if isinstance(parameters, dict) else {}
        names = re.findall(r"%\((\w+)\)s", sql)
        seen[sql, repr(values)] = re.sub(r"%\((\w+)\)s", "?", sql), [values[name] for name in names]

    monkeypatch.setattr(Wire, "send", noted)
    listen(CoreEngine, "before_cursor_execute", asked)
    yield seen
    remove(CoreEngine, "before_cursor_execute", asked)


def plans(url, sent, *settings, how=""):
    """Return the plans of everything sent that has one."""
    kinds = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
    known = [(sql, values) for sql, values in sent.values() if sql.startswith(kinds) and "pg_" not in sql]
    return [(sql, explained(url, sql, values, *settings, how=how)) for sql, values in known]


async def test_no_statement_sent_to_a_server_needs_a_whole_table(postgres_url, sent):
    await work_through(postgres_url)
    assert_everything_was_done(sql for sql, _ in sent.values())
    # However few rows there are: a table is read whole only if there is no other way.
    found = plans(postgres_url, sent, "SET enable_seqscan = off")
    faults = [(sql, plan) for sql, plan in found if SCANNED.search(plan)]
    assert [fault for fault in faults if NEWEST_FIRST not in " ".join(fault[0].split())] == []


async def test_no_listing_on_a_server_reads_or_sorts_many_executions(postgres_url, sent):
    backend = POSTGRES.create(postgres_url, "auto")
    await backend.open(ENGINE)
    fill(postgres_url)
    sent.clear()
    for query in QUERIES:
        rows, _ = await backend.find(query)
        assert rows or query.workflow == "rare"
    for cursor in (None, "50000.0 0190"):
        for before in (None, 60_000.0):
            rows, _ = await backend.finished(FinishedQuery(before, 50, cursor))
            assert len(rows) == 50
    await backend.unfinished()
    await backend.close()
    found = [plan for _, plan in plans(postgres_url, sent, how="(ANALYZE)")]
    assert len(found) > 100
    assert [plan for plan in found if "Seq Scan" in plan or "Sort" in plan] == []
    passed = [int(count) for plan in found for count in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
    assert passed and max(passed) < 5000
    await what_few_have_is_found_among_many(postgres_url, sent)


async def what_few_have_is_found_among_many(url, sent):
    backend = POSTGRES.create(url, "auto")
    await backend.open(None)
    sent.clear()
    for query, count in (
        (ExecutionQuery(labels=(LABEL,)), 50),
        (ExecutionQuery(labels=(PRESENT,), limit=20), 20),
        (ExecutionQuery(origin="52"), 1),
        (ExecutionQuery(parent=execution_id(7)), 50),
        (ExecutionQuery(definition_hash="sha256:7"), 50),
    ):
        assert len((await backend.find(query))[0]) == count
    await backend.close()
    found = plans(url, sent, how="(ANALYZE)")
    assert len(found) == 5
    assert [plan for _, plan in found if "Seq Scan" in plan] == []


async def test_no_search_on_a_server_needs_a_whole_table(postgres_url, sent):
    backend = POSTGRES.create(postgres_url, "auto")
    await backend.open(ENGINE)
    sent.clear()
    for query in SEARCHES:
        if query.namespace is None:
            assert await backend.find(query) == ([], None)
    await backend.close()
    found = plans(postgres_url, sent, "SET enable_seqscan = off", "SET enable_sort = off")
    assert len(found) > 50
    # However it estimates: there is an index in the order of each.
    assert [plan for _, plan in found if SCANNED.search(plan) or "Sort" in plan] == []


def fill(url):
    """Put executions into a database: one in ten failed, one in a thousand goes on, five are rare."""
    row = head_row(1)._asdict()
    special = {
        "execution_id": "'0190a000-0000-7000-8000-' || lpad(n::text, 12, '0')",
        "status": "CASE WHEN n % 1000 = 0 THEN 'running' WHEN n % 10 = 1 THEN 'failed' ELSE 'completed' END",
        "ended_at": "CASE WHEN n % 1000 = 0 THEN NULL ELSE n END",
        "workflow": "CASE WHEN n % 20000 = 7 THEN 'rare' WHEN n % 3 = 0 THEN 'greet' ELSE 'other' END",
        "labels": """CASE WHEN n % 4 = 3 THEN '{"env": "prod", "team": "' ||
            CASE WHEN n % 100 = 3 THEN 'a' ELSE 'b' END || '"}' ELSE '{}' END""",
        "definition_hash": "'sha256:' || n % 1000",
        "parent_id": "CASE WHEN n % 50 = 1 THEN '0190a000-0000-7000-8000-000000000007' END",
        "origin": "CASE WHEN n % 50 = 2 THEN '{\"execution\": \"' || n || '\"}' END",
        "error": 'CASE WHEN n % 10 = 1 THEN \'{"code": "x"}\' END',
    }
    row |= special
    values = ", ".join(text if name in special else sql_literal(text) for name, text in row.items())
    with psycopg.connect(url, autocommit=True) as connection:
        numbers = f"generate_series(1, {MANY}) AS n"
        connection.execute(f"INSERT INTO execution SELECT {values} FROM {numbers}")
        for label in ("'team', CASE WHEN n % 100 = 3 THEN 'a' ELSE 'b' END", "'env', 'prod'"):
            connection.execute(
                f"INSERT INTO execution_label SELECT {row['execution_id']}, {label} "
                f"FROM {numbers} WHERE n % 4 = 3"
            )
        connection.execute("ANALYZE execution")
        connection.execute("ANALYZE execution_label")


def sql_literal(value):
    return "NULL" if value is None else repr(value) if isinstance(value, int | float) else f"'{value}'"
