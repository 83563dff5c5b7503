"""`harmonia run FILE` and `harmonia run NAME[@VERSION]`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from harmonia_api.cli import exits
from harmonia_api.cli.board import Board, board_of
from harmonia_api.cli.boards import Boards
from harmonia_api.cli.display import create_display
from harmonia_api.cli.files import allow_files, announce_files
from harmonia_api.cli.hints import explain_command, recover_command, resolve_command, resume_command
from harmonia_api.cli.inputs import read_input
from harmonia_api.cli.local import allow_local, announce_local
from harmonia_api.cli.modules import MODULES_LABEL, Modules, allow_modules, modules_beside, modules_in
from harmonia_api.cli.named import is_name, read_published
from harmonia_api.cli.printing import indented
from harmonia_api.cli.session import Session, actor
from harmonia_api.cli.source import read_definition
from harmonia_api.cli.text import clean, counted, duration
from harmonia_api.settings import default_store, read_settings
from harmonia_core.host import FINAL_EXECUTION, Engine, ExecutionFinished, Start, create_backend, load_plugins


@dataclass(frozen=True, slots=True)
class Wish:
    """Hold what a person wants to be run. what: a file, or NAME[@VERSION]. folders: of modules."""

    what: Path
    pairs: tuple[str, ...] = ()
    input_file: Path | None = None
    key: str | None = None
    folders: tuple[Path, ...] = ()
    priority: int | None = None


def run_one(wish: Wish, db: str | None, json: bool) -> int:
    """Run a definition to its end and return the exit code. Raises HarmoniaError."""
    named = is_name(wish.what)
    modules = [modules_in(folder) for folder in wish.folders]
    modules += [] if named else [modules_beside(wish.what)]
    given_settings = read_settings()
    names = [name for found in modules for name in found.names]
    folders = [found.folder for found in modules]
    settings = allow_files(allow_local(allow_modules(given_settings, names)), folders)
    plugins = load_plugins(settings)
    if named:
        definition, graph = read_published(str(wish.what), db, plugins, settings)
    else:
        definition, graph = read_definition(wish.what, plugins, settings)
    given = read_input(wish.pairs, wish.input_file, graph.input_schema, plugins)
    backend = create_backend(db or default_store(), plugins, settings)
    board = Board("", f"{graph.name} {graph.version}", ((task.id, task.type) for task in graph.root.tasks))
    labels: dict[str, str] = {}
    for found in modules:
        labels |= _announce(found) if "python" in graph.task_types else {}
        labels |= announce_files(found.folder, graph.task_types)
    announce_local(given_settings, graph.task_types)

    async def drive() -> int:
        engine = Engine(backend, plugins, settings)
        return await Run(engine, board, db, json, definition, given, labels, wish.key, wish.priority).go()

    return anyio.run(drive)


def _announce(modules: Modules) -> dict[str, str]:
    """Say which modules may be called because they lie beside the definition; return what to remember."""
    for name in modules.hidden:
        print(
            f"{name} in {modules.folder} is hidden by another module of that name; it is not used.",
            file=sys.stderr,
        )
    if not modules.names:
        return {}
    names = ", ".join(modules.names[:8]) + (", …" if len(modules.names) > 8 else "")
    print(f"Tasks may call the modules beside the definition: {names}.", file=sys.stderr)
    return {MODULES_LABEL: str(modules.folder)}


class Run:
    """Start one execution, show it, and wait until it rests.

    board: of what is to be started; None if it is not known before that.
    """

    def __init__(
        self,
        engine: Engine,
        board: Board | None,
        db: str | None,
        json: bool,
        definition: Any,
        given: Any,
        labels: dict[str, str],
        key: str | None = None,
        priority: int | None = None,
    ) -> None:
        self._engine, self._json, self._key, self._priority = engine, json, key, priority
        self._board = board or Board("", "", ())
        self._definition, self._input, self._labels, self._db = definition, given, labels, db
        self._joined: str | None = None
        self._display = create_display(Boards(board), json)
        self._hint = recover_command(db, sorted({*labels.values()}))
        self._session = Session(engine, self._display, self._hint, self._cancel)
        self._code: int | None = None

    async def go(self) -> int:
        """Return the exit code of the execution."""
        code = await self._session.hold(self._work)
        return code if self._code is None else self._code

    async def _work(self) -> int:
        start = await self._start()
        if start.existing:
            await self._join(start.execution_id)
        execution_id = start.execution_id
        status = await self._engine.wait(execution_id)
        if start.existing:
            self._board = board_of(await self._engine.patience.ask(self._engine.get, execution_id))
        output = await self._engine.patience.ask(self._engine.output, execution_id)
        self._code = exits.of_status(status)
        result = self._result(self._board.result(status, output))
        self._display.result(self._board, {**result, "existing": True} if start.existing else result)
        self._display.close()
        if not self._json:
            self._say_end(status)
            if status == "completed" and output is not None:
                print(indented(output), flush=True)
        await self._outlast()
        return self._code

    def _result(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the result as it is printed with --json."""
        return document

    async def _outlast(self) -> None:
        """Go on until the executions have ended, too, that tasks have started and not waited for."""
        if others := self._engine.driving:
            self._display.say(
                f"{counted(len(others), 'execution')} it started still run here: {_first(others)}"
            )
            await self._engine.rest()
            for head in await self._engine.patience.ask(self._engine.backend.heads, others):
                self._display.say(f"{head.execution_id}: {head.status}")

    async def _start(self) -> Start:
        rest: dict[str, Any] = {"labels": self._labels, "actor": actor(), "priority": self._priority}
        if self._key is None:
            return Start(await self._engine.start(self._definition, self._input, **rest))
        return await self._engine.start_once(self._definition, self._input, key=self._key, **rest)

    async def _join(self, execution_id: str) -> None:
        """Go on with what an earlier run with this key began, if nobody is at work on it."""
        self._display.say(f"existing: key {clean(repr(self._key))} stands for execution {execution_id}")
        try:
            view = await self._engine.patience.ask(self._engine.get, execution_id)
            self._display.add(board_of(view))
            if view["status"] not in FINAL_EXECUTION:
                self._joined = execution_id
                await self._engine.adopt(execution_id)
        except ExecutionFinished:
            return

    async def _cancel(self) -> None:
        """Cancel at the first Ctrl-C, unless there is nothing yet or any more, or an earlier run began it."""
        if not self._board.execution_id or self._joined or self._code is not None:
            self._session.release("Interrupted")
            return
        self._display.say("Interrupted: cancelling. Ctrl-C again leaves at once.")
        try:
            await self._engine.cancel(self._board.execution_id, "interrupted", actor=actor(), wait=False)
        except ExecutionFinished:
            return

    def _say_end(self, status: str) -> None:
        board = self._board
        length = f" in {duration(board.ended - board.started)}" if board.ended and board.started else ""
        if board.error:
            print(f"error: {clean(board.error)}", file=sys.stderr)
        why = f" ({clean(board.reason)})" if status == "paused" and board.reason else ""
        print(f"{status}{why}{length}, execution {board.execution_id}", file=sys.stderr)
        if status == "paused":
            print(f"`{resume_command(self._db, board.execution_id)}` lets it go on.", file=sys.stderr)
        if status == "attention":
            waiting = [row.path for row in board.active.values() if row.status in ("attention", "blocked")]
            print(
                f"{counted(len(waiting), 'task')} must be decided on: {', '.join(waiting[:10])}",
                f"`{resolve_command(self._db, board.execution_id)}` decides,",
                f"`{explain_command(self._db, board.execution_id)}` says why.",
                sep="\n",
                file=sys.stderr,
            )


def _first(ids: Sequence[str]) -> str:
    """Return a list of ids that fits a line or two."""
    return ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
