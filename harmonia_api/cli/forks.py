"""`harmonia executions rerun|fork|restore|upgrade`: begin an execution from another one and follow it."""

import json as json_text
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from harmonia_api.cli.board import Board, board_of
from harmonia_api.cli.files import allow_files
from harmonia_api.cli.fork_plan import plan_line, print_plan
from harmonia_api.cli.inputs import read_input
from harmonia_api.cli.local import allow_local, announce_local
from harmonia_api.cli.modules import allow_modules, modules_beside, modules_in
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.reading import reader
from harmonia_api.cli.run import Run
from harmonia_api.cli.session import actor
from harmonia_api.cli.source import Refused, read_definition
from harmonia_api.settings import default_store, read_settings
from harmonia_core import Problem
from harmonia_core.host import Engine, Forked, KernelSettings, Plugins, Start, create_backend, load_plugins


@dataclass(frozen=True, slots=True)
class ForkWish:
    """Hold what a person wants. kind: a method of the engine; more: what it alone takes. folders: modules."""

    kind: str
    origin: str
    pairs: tuple[str, ...]
    input_file: Path | None
    labels: tuple[str, ...]
    comment: str | None
    key: str | None
    folders: tuple[Path, ...]
    more: dict[str, Any]
    no_wait: bool = False


def fork_one(wish: ForkWish, dry_run: bool, db: str | None, json: bool) -> int:
    """Begin an execution and follow it to its end, or only say what it would do; return the exit code.

    Raises HarmoniaError.
    """
    version = wish.more.get("version")
    file = Path(version) if version is not None and Path(version).is_file() else None
    modules = [modules_in(folder) for folder in wish.folders]
    modules += [modules_beside(file)] if file is not None else []
    given = read_settings()
    names = [name for found in modules for name in found.names]
    settings = allow_files(allow_local(allow_modules(given, names)), [found.folder for found in modules])
    plugins = load_plugins(settings)
    wanted = _arguments(wish, file, plugins, settings)

    async def plan() -> int:
        async with reader(db, settings, plugins) as engine:
            found = await Asking(engine, wish, wanted, plugins).fork(dry_run=True)
        print_json(found.as_json()) if json else print_plan(found.as_json())
        return 0

    async def drive() -> int:
        backend = create_backend(db or default_store(), plugins, settings)
        engine = Engine(backend, plugins, settings)
        return await ForkRun(engine, Asking(engine, wish, wanted, plugins), given, db, json).go()

    return anyio.run(plan if dry_run else drive)


def _arguments(
    wish: ForkWish, file: Path | None, plugins: Plugins, settings: KernelSettings
) -> dict[str, Any]:
    """Return what the engine takes beside the input; raise Refused with everything that is wrong."""
    problems: list[Problem] = []
    more = {**wish.more, "labels": _labels(wish.labels, problems), "comment": wish.comment}
    more["drive"] = not wish.no_wait
    if "task_inputs" in more:
        more["inputs"] = _task_inputs(more.pop("task_inputs"), problems)
    if problems:
        raise Refused(problems)
    if file is not None:
        more["version"] = read_definition(file, plugins, settings)[0]
    if wish.key is not None:
        more["key"] = wish.key
    return more


def _labels(pairs: tuple[str, ...], problems: list[Problem]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if equals and name:
            found[name] = value
        elif not equals and len(pair) > 1 and pair.endswith("-"):
            found[pair[:-1]] = None
        else:
            problems.append(Problem("label-malformed", "label", f"{pair!r} is neither KEY=VALUE nor KEY-"))
    return found


def _task_inputs(pairs: list[str], problems: list[Problem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        path, equals, text = pair.partition("=")
        try:
            found[path] = json_text.loads(text)
        except ValueError as error:
            what = f"no JSON: {error}" if equals else "not of the form PATH=JSON"
            problems.append(Problem("input-malformed", f"task-input {path}", f"{pair!r} is {what}"))
    return found


class Asking:
    """Ask an engine for one fork."""

    def __init__(self, engine: Engine, wish: ForkWish, wanted: dict[str, Any], plugins: Plugins) -> None:
        self._engine, self._wish, self._wanted, self._plugins = engine, wish, wanted, plugins
        self.no_wait = wish.no_wait

    async def fork(self, dry_run: bool = False) -> Forked:
        """Begin it, or only plan it. Raises HarmoniaError."""
        wish, more = self._wish, dict(self._wanted)
        if wish.pairs or wish.input_file is not None:
            more["input"] = await self._input()
        method = getattr(self._engine, wish.kind)
        found: Forked = await method(wish.origin, **more, actor=actor(), dry_run=dry_run)
        return found

    async def _input(self) -> Any:
        """Return the input: another one whole, or the origin's with some fields changed."""
        wish = self._wish
        given = read_input(wish.pairs, wish.input_file, None, self._plugins)
        if wish.input_file is not None:
            return given
        before = await self._engine.input(wish.origin)
        if not isinstance(before, dict):
            message = "the input of the execution is no object, so no field of it can be changed"
            raise Refused(
                [Problem("input-malformed", "input", message, suggestion="--input-file gives it whole")]
            )
        return {**before, **given}


class ForkRun(Run):
    """Begin one execution from another, show it, and wait until it rests."""

    def __init__(
        self, engine: Engine, asking: Asking, given: KernelSettings, db: str | None, json: bool
    ) -> None:
        super().__init__(engine, None, db, json, None, None, {})
        self._asking, self._given = asking, given
        self._plan: dict[str, Any] = {}

    async def _work(self) -> int:
        if not self._asking.no_wait:
            return await super()._work()
        found = await self._asking.fork()
        self._display.close()
        if self._json:
            print_json(found.as_json())
        else:
            print(f"{plan_line(found.as_json())}\n{found.execution_id}: {await self._status(found)}")
        return 0

    async def _status(self, found: Forked) -> str:
        status = str((await self._engine.get(found.execution_id or ""))["status"])
        return (
            f"{status}; it had been begun" if found.existing else f"{status}; `{self._hint}` goes on with it"
        )

    def _result(self, document: dict[str, Any]) -> dict[str, Any]:
        return {**super()._result(document), "fork": self._plan}

    async def _start(self) -> Start:
        found = await self._asking.fork()
        assert found.execution_id is not None
        self._plan = found.as_json()
        self._display.say(plan_line(self._plan))
        announce_local(self._given, found.plan.graph.task_types)
        if not found.existing:
            self._board = planned(found)
            self._display.add(self._board)
        return Start(found.execution_id, found.existing)


def planned(found: Forked) -> Board:
    """Return the board of an execution that goes on from a state, before its first event."""
    graph, scope = found.plan.graph, found.plan.rewound.state.scope
    never = {"started_at": None, "ended_at": None}
    tasks = [
        {
            "path": node.id,
            "id": node.id,
            "type": node.type,
            "status": task.status.value,
            "attempt": task.attempt,
        }
        for node in graph.root.tasks
        for task in [scope.task(node.index)]
    ]
    return board_of({
        "id": found.execution_id, "workflow": {"name": graph.name, "version": graph.version}, "seq": 0,
        "status": "queued", "reason": None, "tasks": [{**task, **never} for task in tasks], **never,
    })  # fmt: skip
