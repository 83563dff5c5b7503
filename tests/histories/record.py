"""Record histories: run every scenario with the real engine, and write what the store holds then.

    python tests/histories/record.py VERSION [SCENARIO...]

VERSION names the folder; one that exists is never written again. Run by hand, with the code of that
version. Clock, ids and draws are fixed, so that recording twice gives the same files.
"""

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio
from history import FOLDER, History, end_of, stored, to_text
from playing import Crash, Stage, projected
from scenarios import SCENARIOS, Life, Scenario
from workers import SECRET

from harmonia_core.contracts.queries import ExecutionQuery
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.engine.id_maker import IdMaker
from harmonia_core.engine.loading import to_recorded
from harmonia_core.engine.rolling import blobs_in
from harmonia_core.engine.runner import Engine
from harmonia_core.model.codec import STORED
from harmonia_core.model.refs import BlobRef
from harmonia_core.testing.harness import Harness

LIMIT = 20.0


async def record(scenario: Scenario, version: str) -> History:
    """Play a scenario in memory, and return the history that it leaves behind."""
    with _fixed(scenario.name):
        stage = Stage(f"memory://history-{os.urandom(8).hex()}", True, scenario.settings)
        execution_id = await _live(stage, scenario)
        stage.settings, stage.holding = {}, False
        async with stage.engine() as harness:
            if scenario.chain:
                execution_id = (await harness.engine.get(execution_id))["id"]
            if scenario.fork:
                (newest,), _ = await harness.engine.backend.find(ExecutionQuery(limit=1))
                execution_id = newest.execution_id
            history = await _written(harness, scenario, version, execution_id, stage)
            await stage.take(harness, execution_id, scenario.steps)
            end = end_of(await harness.engine.get(execution_id))
        return _with(history, end=end)


async def _live(stage: Stage, scenario: Scenario) -> str:
    """Let the engines of a scenario live one after the other; return the id of the execution."""
    execution_id = ""
    async with AsyncExitStack() as stack:
        for life in scenario.lives:
            stage.holding = life.holding
            harness = await stack.enter_async_context(stage.engine())
            harness.engine._driver._draws = random.Random(scenario.name)
            crash = Crash(harness.engine.backend, life.until) if life.until else None
            if not execution_id:
                await stage.take(harness, "", scenario.before)
                execution_id = await harness.engine.start(
                    scenario.definition, scenario.input, labels=scenario.labels, actor=scenario.actor
                )
            await _spend(stage, life, harness, execution_id, crash)
            rows = await harness.engine.backend.events(execution_id)
            stage.now = rows[-1].at
            if not life.lingers:
                await stack.pop_all().aclose()
    return execution_id


async def _spend(stage: Stage, life: Life, harness: Harness, execution_id: str, crash: Crash | None) -> None:
    """Carry out what a life does; if it ends with a crash, wait for that."""
    with anyio.fail_after(LIMIT):
        if crash is None:
            await stage.take(harness, execution_id, life.steps)
            return
        async with anyio.create_task_group() as group:
            group.start_soon(stage.take, harness, execution_id, life.steps)
            await crash.happened.wait()
            group.cancel_scope.cancel()


async def _written(
    harness: Harness, scenario: Scenario, version: str, execution_id: str, stage: Stage
) -> History:
    engine, backend = harness.engine, harness.engine.backend
    head = await backend.head(execution_id)
    assert head is not None
    view = await engine.get(execution_id)
    view["owner"] = None  # whether its engine lives is no part of the log
    view.pop("successor", None)  # what goes on from there has a log of its own
    live = {path: token for path, token in stage.tokens.items() if await _usable(backend, token)}
    history = History(
        scenario.name,
        version,
        scenario.about,
        head,
        tuple(await backend.events(execution_id)),
        await _blobs(engine, head),
        view,
        {},
        scenario.steps,
        tuple(await backend.requests([execution_id])),
        live,
        await backend.snapshot(execution_id, None),
    )
    await _check_projections(harness, scenario, history)
    return history


async def _check_projections(harness: Harness, scenario: Scenario, history: History) -> None:
    """Refuse a history whose log does not give the rows that were stored beside it."""
    backend, execution_id = harness.engine.backend, history.head.execution_id
    tasks, timers = projected(harness.engine.compile(scenario.definition).graph, history)
    found = {row.path: row for row in await backend.tasks(execution_id)}
    due = {(row.path, row.kind): row for row in await backend.timers(execution_id)}
    if (found, due) != (tasks, timers):
        raise RuntimeError(f"the log of {history.name} does not give its task and timer rows")


async def _usable(backend: StateBackend, token: str) -> bool:
    return await backend.token(sha256(token.encode()).hexdigest()) is not None


async def _blobs(engine: Engine, head: ExecutionRow) -> dict[str, bytes]:
    """Return the definition and every value that the log refers to, or the state with which it begins."""
    backend, addresses = engine.backend, {head.definition_hash: None}
    graph = await engine._loader.graph(head, strict=True)
    since = await engine._loader.beginning(head.namespace, graph, head.execution_id)
    addresses.update({ref.address: None for ref in blobs_in(since)})
    for row in await backend.events(head.execution_id):
        event = to_recorded(row).event
        values = (getattr(event, name, None) for name in sorted(STORED))
        addresses.update({value.address: None for value in values if isinstance(value, BlobRef)})
    found = {address: await backend.blob(head.namespace, address) for address in addresses}
    return {address: data for address, data in found.items() if data is not None}


def _with(history: History, **changes: Any) -> History:
    return History(**{**vars(history), **changes})


@contextmanager
def _fixed(seed: str) -> Iterator[None]:
    """Fix the ids and tokens that engines draw."""
    draws = random.Random(seed)

    def maker(now: Callable[[], float], *_: Any) -> IdMaker:
        return IdMaker(now, draws.randbytes)

    token = patch("secrets.token_urlsafe", lambda size: f"{seed}-{draws.getrandbits(64):016x}")
    with patch(f"{Engine.__module__}.IdMaker", maker), token, patch.dict(os.environ, dict([SECRET])):
        yield


def write(version: str, names: list[str], folder: Path = FOLDER) -> list[Path]:
    """Write the histories of a version (all scenarios if no name is given); return the files.

    Raises FileExistsError if the version has been recorded: what a release wrote is never written again.
    """
    unknown = set(names) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        raise LookupError(f"there is no scenario {', '.join(sorted(unknown))}")
    wanted = [scenario for scenario in SCENARIOS if not names or scenario.name in names]
    target = folder / version
    if target.exists():
        raise FileExistsError(f"{target.name} has been recorded; histories are never rewritten")
    histories = [anyio.run(record, scenario, version) for scenario in wanted]
    target.mkdir(parents=True)
    files = [target / f"{history.name}.jsonl" for history in histories]
    for path, history in zip(files, histories, strict=True):
        path.write_text(to_text(history), "utf-8")
    return files


def main() -> None:
    """Record what the command line asks for, and say what was written."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    try:
        files = write(sys.argv[1], sys.argv[2:])
    except (FileExistsError, LookupError) as error:
        sys.exit(str(error))
    size = sum(path.stat().st_size for path in files)
    total = sum(path.stat().st_size for path in FOLDER.glob("*/*.jsonl"))
    print(f"{len(files)} histories, {size:,} bytes; {len(stored())} and {total:,} in all")


if __name__ == "__main__":
    main()
