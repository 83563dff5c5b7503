"""`harmonia recover`: adopt executions whose engine is gone, and drive them until each rests."""

import json as json_text
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio

from harmonia_api.cli import exits
from harmonia_api.cli.board import board_of
from harmonia_api.cli.boards import Boards
from harmonia_api.cli.display import create_display
from harmonia_api.cli.files import FILES_LABEL, allow_files
from harmonia_api.cli.hints import recover_command, resume_command
from harmonia_api.cli.local import allow_local, announce_local
from harmonia_api.cli.modules import MODULES_LABEL, allow_modules, modules_in
from harmonia_api.cli.printing import json_line
from harmonia_api.cli.session import Session
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import clean
from harmonia_api.settings import default_store, read_settings
from harmonia_core import HarmoniaError, Problem
from harmonia_core.host import Engine, ExecutionQuery, KernelSettings, Recovery, create_backend, load_plugins


def recover_all(
    take_over: str | None, retry_lost: bool, folders: Sequence[Path], db: str | None, json: bool
) -> int:
    """Recover what can be recovered, or take one execution over; return the exit code."""
    if take_over and retry_lost:
        raise Refused([Problem("options-conflict", "", "give --take-over or --retry-lost, not both")])
    names = [name for folder in folders for name in modules_in(folder).names]
    given = read_settings()
    settings = allow_files(allow_local(allow_modules(given, names)), folders)
    plugins = load_plugins(settings)
    backend = create_backend(db or default_store(), plugins, settings)
    hint = recover_command(db, folders)

    async def drive() -> int:
        recovering = Recovering(Engine(backend, plugins, settings), given, hint, json, db)
        return await recovering.go(take_over, retry_lost)

    return anyio.run(drive)


class Recovering:
    """Adopt, show and wait. given: settings as the environment has them."""

    def __init__(self, engine: Engine, given: KernelSettings, hint: str, json: bool, db: str | None) -> None:
        self._db = db
        self._engine, self._given, self._hint, self._json = engine, given, hint, json
        self._ask = engine.patience.ask
        self._display = create_display(Boards(), json)
        self._session = Session(engine, self._display, hint)
        self._statuses: dict[str, str] = {}
        self._found = Recovery()
        self._parents: dict[str, str] = {}

    async def go(self, take_over: str | None, retry_lost: bool) -> int:
        """Return the exit code: 0 if all that was adopted completed, or nothing was."""

        async def work() -> int:
            return await self._work(take_over, retry_lost)

        code = await self._session.hold(work)
        return exits.FAILED if self._session.released else code

    async def _work(self, take_over: str | None, retry_lost: bool) -> int:
        if take_over:
            await self._engine.adopt(take_over, force=True)
            self._found = Recovery(adopted=[take_over])
        else:
            self._found = await self._engine.recover(retry_lost=retry_lost)
        for execution_id in self._found.adopted:
            view = await self._ask(self._engine.get, execution_id)
            self._display.add(board_of(view))
            if view.get("waited_for"):
                self._parents[execution_id] = view["parent_id"]
        announce_local(self._given, await self._task_types())
        async with anyio.create_task_group() as group:
            for execution_id in self._found.adopted:
                group.start_soon(self._wait, execution_id)
        await self._outlast()
        self._display.close()
        await self._report()
        # How a child ends that is waited for is its parent's to judge, if that is here as well.
        statuses = self._statuses.items()
        own = (status for key, status in statuses if self._parents.get(key) not in self._statuses)
        completed = all(status == "completed" for status in own)
        return exits.COMPLETED if completed and not self._found.refused else exits.FAILED

    async def _outlast(self) -> None:
        """Wait also for what adopted executions have started and do not wait for."""
        if others := self._engine.driving:
            await self._engine.rest()
            for head in await self._ask(self._engine.backend.heads, others):
                self._statuses[head.execution_id] = head.status

    async def _task_types(self) -> set[str]:
        """Return the task types that the definitions of adopted executions name, at any depth."""
        types: set[str] = set()
        heads = await self._ask(self._engine.backend.heads, self._found.adopted)
        for namespace, address in {(head.namespace, head.definition_hash) for head in heads}:
            text = await self._ask(self._engine.backend.blob, namespace, address)
            types |= set(_types(json_text.loads(text)["tasks"] if text else []))
        return types

    async def _wait(self, execution_id: str) -> None:
        try:
            status = await self._engine.wait(execution_id)
            output = await self._ask(self._engine.output, execution_id)
        except HarmoniaError as error:
            self._statuses[execution_id] = error.code
            self._display.say(str(error))
            return
        self._statuses[execution_id] = status
        board = self._display.boards.get(execution_id)
        if board is not None:
            self._display.result(board, board.result(status, output))

    async def _report(self) -> None:
        waiting, paused = await self._in("attention"), await self._in("paused")
        if self._json:
            print(json_line(self._document(waiting, paused)), flush=True)
            return
        for execution_id, status in self._statuses.items():
            print(f"{execution_id}: {status}")
        for execution_id, owner in self._found.living.items():
            print(f"{execution_id}: left alone, {await self._describe(owner)} is at work on it")
        for execution_id in (one for one in waiting if one not in self._statuses):
            print(f"{execution_id}: needs a person (attention); --retry-lost tries lost tasks again")
        for execution_id in (one for one in paused if one not in self._found.living):
            known = "" if execution_id in self._statuses else "paused; "
            print(f"{execution_id}: {known}`{resume_command(self._db, execution_id)}` lets it go on")
        for reason in self._found.refused.values():
            print(clean(reason), file=sys.stderr)
        await self._suggest_modules()
        if not self._statuses and not self._found.refused:
            print("Nothing to recover.")

    async def _in(self, status: str) -> list[str]:
        query = ExecutionQuery(namespace=None, status=(status,), limit=100)
        found, _ = await self._ask(self._engine.find, query)
        return [view["id"] for view in found]

    def _document(self, waiting: list[str], paused: list[str]) -> dict[str, Any]:
        return {
            "type": "recovery",
            "adopted": self._statuses,
            "living": self._found.living,
            "refused": self._found.refused,
            "attention": waiting,
            "paused": paused,
        }

    async def _describe(self, owner: str) -> str:
        engines = await self._ask(self._engine.backend.engines)
        engine = next((row for row in engines if row.engine_id == owner), None)
        return f"engine {owner}" + (f" (pid {engine.pid} on {engine.host})" if engine else "")

    async def _suggest_modules(self) -> None:
        """Name the folders of what refused executions were allowed when they were started."""
        folders = set()
        for execution_id in self._found.refused:
            head = await self._ask(self._engine.backend.head, execution_id)
            labels = json_text.loads(head.labels) if head is not None else {}
            folders |= {labels[name] for name in (MODULES_LABEL, FILES_LABEL) if name in labels}
        for folder in sorted(folders):
            print(
                f"If it is the modules or files in {folder} that are missing, and you trust them: "
                f"{self._hint} --modules {shlex.quote(folder)}",
                file=sys.stderr,
            )


def _types(part: Any) -> Iterator[str]:
    """Yield the task types in a part of a definition's normal form; inputs are data, not definition."""
    if isinstance(part, list):
        for one in part:
            yield from _types(one)
    elif isinstance(part, dict):
        if "type" in part:
            yield part["type"]
        for key, value in part.items():
            if key not in ("input", "output", "vars", "metadata"):
                yield from _types(value)
