"""A log that cannot be read says so, and where: what a newer version wrote, or what somebody changed."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from checks import catalog, graph_of
from history import History, stored
from playing import Stage, put

from harmonia_core.contracts.rows import EventRow
from harmonia_core.engine.catalog import Catalog
from harmonia_core.errors import StateCorrupt

pytestmark = pytest.mark.anyio
HARMONIA = Path(sys.executable).with_name("harmonia")
HISTORIES = {history.id: history for history in stored()}
LOG = HISTORIES["0.1.0.dev1/adopted-twice"]
HEALTHY = HISTORIES["0.1.0.dev1/in-flight"]
# The task types of both, as an operator would have them.
PLUGIN = """
from harmonia_core import task_type


@task_type("add")
async def add(ctx, input):
    return {"n": input["n"] + 1}


@task_type("hold")
async def hold(ctx, input):
    return input["value"]
"""


@pytest.fixture(scope="module")
def known() -> Catalog:
    return catalog()


def changed(seq: int, **changes: Any) -> Callable[[list[EventRow]], None]:
    """Return what changes fields of one row."""

    def change(rows: list[EventRow]) -> None:
        rows[seq - 1] = rows[seq - 1]._replace(**changes)

    return change


def without(seq: int) -> Callable[[list[EventRow]], None]:
    """Return what removes one row."""

    def change(rows: list[EventRow]) -> None:
        del rows[seq - 1]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without(1), "lacks seq 1"),
        (without(6), "lacks seq 6"),
        (without(10), "lacks seq 10"),
        (list.clear, "lacks seq 1"),
        (changed(5, type="ExecutionRenamed"), "seq 5: ExecutionRenamed v1 .* upgrade Harmonia"),
        (changed(5, v=7), "seq 5: ExecutionAdopted v7 .*reads up to v2.* upgrade Harmonia"),
        (changed(5, v=0), "seq 5: ExecutionAdopted v0 cannot be read"),
        (
            changed(3, data='{"path":"first","attempt":1,"output":1,"mood":1}'),
            "seq 3: TaskSucceeded v1 .*mood",
        ),
        (changed(3, data='{"path":"first","attempt":1}'), "seq 3: TaskSucceeded v1 .*output"),
        (changed(3, data='{"path":"fir'), "seq 3: TaskSucceeded v1 cannot be read"),
        (changed(3, data="[]"), "seq 3: TaskSucceeded v1 cannot be read"),
        (changed(3, actor="{"), "seq 3: "),
        (changed(3, data='{"path":"nobody","attempt":1,"output":1}'), "seq 3: TaskSucceeded v1 does not fit"),
        (
            changed(3, data='{"path":"first[x]","attempt":1,"output":1}'),
            "seq 3: TaskSucceeded v1 does not fit",
        ),
    ],
)
async def test_it_is_corrupt_and_says_where(
    change: Callable[[list[EventRow]], None], said: str, known: Catalog
) -> None:
    execution_id = LOG.head.execution_id
    async with Stage(now=LOG.events[-1].at).engine() as harness:
        for history in (LOG, HEALTHY):
            await put(harness.engine.backend, history, graph_of(history, known))
        change(harness.engine.backend._store.events[execution_id])  # type: ignore[attr-defined]
        with pytest.raises(StateCorrupt, match=f"xecution {execution_id}.*{said}"):
            await harness.engine.get(execution_id)
        report = await harness.engine.recover()
        assert report.adopted == [HEALTHY.head.execution_id] and report.refused.keys() == {execution_id}
        assert (await harness.finish(HEALTHY.head.execution_id))["status"] == "completed"
        with pytest.raises(StateCorrupt):
            await harness.engine.cancel(execution_id, wait=False)
        assert len(await harness.engine.backend.events(execution_id)) <= LOG.head.seq


class Shop:
    """A database with the rows of two histories, one of them with a record of a newer version."""

    def __init__(self, folder: Path, histories: list[History], known: Catalog) -> None:
        self.folder, self.database = folder, folder / "store.db"
        anyio.run(self._fill, histories, known)
        self.change("UPDATE event SET v = 7 WHERE execution_id = ? AND seq = 5", LOG.head.execution_id)
        (folder / "kinds.py").write_text(PLUGIN)

    async def _fill(self, histories: list[History], known: Catalog) -> None:
        async with Stage(f"sqlite:///{self.database}").engine() as harness:
            for history in histories:
                await put(harness.engine.backend, history, graph_of(history, known))

    def change(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            assert connection.execute(statement, values).rowcount == 1

    def call(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `harmonia` on this store."""
        environment = {**os.environ, "HARMONIA_PLUGIN_FILES": str(self.folder / "kinds.py")}
        command = [str(HARMONIA), *words, "--db", f"sqlite:///{self.database}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, known: Catalog) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"), [LOG, HEALTHY], known)


@pytest.mark.parametrize("command", ["show", "events", "cancel"])
def test_an_older_harmonia_refuses_what_a_newer_one_wrote(shop: Shop, command: str) -> None:
    done = shop.call("executions", command, LOG.head.execution_id)
    assert done.returncode == 4
    assert f"Execution {LOG.head.execution_id}, seq 5: ExecutionAdopted v7" in done.stderr
    assert "upgrade Harmonia. [store-corrupt]" in done.stderr


def test_it_goes_on_with_what_it_can_read(shop: Shop) -> None:
    listed = shop.call("executions", "list")
    assert listed.returncode == 0 and LOG.head.execution_id in listed.stdout
    done = shop.call("recover")
    assert done.returncode == 1
    assert f"{HEALTHY.head.execution_id}: completed\n" in done.stdout
    assert "upgrade Harmonia" in done.stderr + done.stdout
    assert shop.call("executions", "show", HEALTHY.head.execution_id).returncode == 0
