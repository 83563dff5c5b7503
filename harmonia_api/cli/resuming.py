"""`harmonia executions resume`: let a paused execution go on, here if no other process drives it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio

from harmonia_api.cli import exits
from harmonia_api.cli.board import board_of
from harmonia_api.cli.boards import Boards
from harmonia_api.cli.display import create_display
from harmonia_api.cli.files import allow_files
from harmonia_api.cli.hints import recover_command, resume_command
from harmonia_api.cli.local import allow_local
from harmonia_api.cli.modules import allow_modules, modules_in
from harmonia_api.cli.printing import json_line
from harmonia_api.cli.session import Session, actor
from harmonia_api.settings import default_store, read_settings
from harmonia_core.host import Engine, Steered, create_backend, load_plugins


def resume_one(execution_id: str, no_wait: bool, folders: Sequence[Path], db: str | None, json: bool) -> int:
    """Resume an execution and return the exit code; raise HarmoniaError if that is not possible."""
    names = [name for folder in folders for name in modules_in(folder).names]
    settings = allow_files(allow_local(allow_modules(read_settings(), names)), folders)
    plugins = load_plugins(settings)
    backend = create_backend(db or default_store(), plugins, settings)

    async def resume() -> int:
        engine = Engine(backend, plugins, settings)
        return await Resuming(engine, db, folders, json).go(execution_id, drive=not no_wait)

    return anyio.run(resume)


class Resuming:
    """Resume one execution, show it, and wait until it rests if it is driven here."""

    def __init__(self, engine: Engine, db: str | None, folders: Sequence[Path], json: bool) -> None:
        self._engine, self._db, self._json = engine, db, json
        self._display = create_display(Boards(), json)
        self._hint = recover_command(db, folders)
        self._session = Session(engine, self._display, self._hint)

    async def go(self, execution_id: str, *, drive: bool) -> int:
        """Return the exit code: of the request, or of the execution if it is driven here."""

        async def work() -> int:
            steered = await self._engine.resume(execution_id, actor=actor())
            return await (self._follow(steered) if drive else self._say(steered))

        return await self._session.hold(work)

    async def _follow(self, steered: Steered) -> int:
        view = await self._engine.get(steered.execution_id)
        if not steered.changed or (view["owner"] is not None and view["owner"]["alive"]):
            return await self._say(steered)
        self._display.add(board_of(view))
        await self._engine.drive(steered.execution_id)
        status = await self._engine.wait(steered.execution_id)
        output = await self._engine.patience.ask(self._engine.output, steered.execution_id)
        board = self._display.boards.get(steered.execution_id)
        if board is not None:
            self._display.result(board, board.result(status, output))
        self._display.close()
        await self._say(steered._replace(status=status))
        return exits.of_status(status)

    async def _say(self, steered: Steered) -> int:
        """Say how it stands, and how it goes on if nobody drives it."""
        self._display.close()
        id, status, changed = steered
        if self._json:
            shape: dict[str, Any] = {"type": "resumed", "id": id, "status": status, "changed": changed}
            print(json_line(shape), flush=True)
            return 0
        owner = (await self._engine.get(id))["owner"]
        owned = owner is not None and owner["alive"]
        notes = [] if changed else ["it was not paused"]
        if status == "paused":
            notes.append(f"`{resume_command(self._db, id)}` lets it go on")
        elif status == "running" and not owned:
            notes.append(f"`{self._hint}` goes on with it")
        elif status == "running" and changed:
            notes.append(f"engine {owner['engine']} goes on with it")
        print(f"{id}: {status}" + "".join(f"; {note}" for note in notes), flush=True)
        return 0
