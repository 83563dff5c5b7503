"""`harmonia executions pause|terminate|retry|skip|set|priority`."""

import json as json_text
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import anyio

from harmonia_api.cli.hints import recover_command, resume_command
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.session import actor
from harmonia_api.cli.source import Refused, read_data
from harmonia_api.settings import default_store, read_settings
from harmonia_core import Problem
from harmonia_core.host import FINAL_EXECUTION, Engine, Steered, create_backend, load_plugins


class Outcome(NamedTuple):
    """Hold what came of a request. owned: somebody drives the execution. busy: attempts are in flight."""

    steered: Steered
    owned: bool
    busy: bool = False


def pause_one(
    execution_id: str, timers: str, reason: str | None, no_wait: bool, db: str | None, json: bool
) -> int:
    """Pause an execution and return 0; raise HarmoniaError if that is not possible."""
    if no_wait:
        return _accepted(execution_id, "pause", {"timers": timers, "reason": reason}, db, json)

    async def pause(engine: Engine) -> Steered:
        return await engine.pause(execution_id, reason, timers=timers, actor=actor())  # type: ignore[arg-type]

    found = _with_engine(pause, db)
    notes = [] if found.steered.changed else ["it was paused already"]
    if found.busy:
        notes.append(
            "attempts in flight end first" if found.owned else "its attempts have lost their process"
        )
    notes.append(f"`{resume_command(db, found.steered.execution_id)}` lets it go on")
    return _said(found, {}, notes, json)


def terminate_one(execution_id: str, reason: str | None, no_wait: bool, db: str | None, json: bool) -> int:
    """End an execution at once and return 0; raise HarmoniaError if that is not possible."""
    if no_wait:
        return _accepted(execution_id, "terminate", {"reason": reason}, db, json)
    found = _with_engine(lambda engine: engine.terminate(execution_id, reason, actor=actor()), db)
    return _said(found, {}, [] if found.steered.changed else ["it was already"], json)


def retry_one(execution_id: str, path: str, comment: str | None, db: str | None, json: bool) -> int:
    """Let a task be tried again and return 0; raise HarmoniaError if that is not possible."""

    async def retry(engine: Engine) -> Steered:
        status = await engine.resolve(execution_id, path, "retry", comment, actor=actor())
        return Steered((await engine.get(execution_id))["id"], status)

    found = _with_engine(retry, db)
    return _said(found, {"path": path}, [f"{path} is tried again", *_rest(found, db)], json)


def skip_one(
    execution_id: str,
    path: str,
    output: str | None,
    file: Path | None,
    comment: str | None,
    db: str | None,
    json: bool,
) -> int:
    """Skip a task and return 0; raise HarmoniaError if that is not possible."""
    if output is not None and file is not None:
        raise Refused([Problem("options-conflict", "output", "give --output or --output-file, not both")])
    given = () if output is None and file is None else (_output(output, file),)

    async def skip(engine: Engine) -> Steered:
        more = {"output": given[0]} if given else {}
        return await engine.skip(execution_id, path, comment=comment, actor=actor(), **more)

    found = _with_engine(skip, db)
    what = f"{path} has succeeded with the given output" if given else f"{path} is skipped"
    return _said(found, {"path": path, "given": bool(given)}, [what, *_rest(found, db)], json)


def set_some(execution_id: str, pairs: Sequence[str], scope: str, db: str | None, json: bool) -> int:
    """Set variables and return 0; raise HarmoniaError if that is not possible."""
    values = _values(pairs)

    async def set_them(engine: Engine) -> Steered:
        return await engine.set_variables(execution_id, values, scope, actor=actor())

    found = _with_engine(set_them, db)
    notes = [f"{', '.join(values)} set", f"`{resume_command(db, found.steered.execution_id)}` lets it go on"]
    return _said(found, {"scope": scope, "values": values}, notes, json)


def prioritise_one(execution_id: str, priority: int, db: str | None, json: bool) -> int:
    """Give an execution another priority and return 0; raise HarmoniaError if that is not possible."""
    found = _with_engine(lambda engine: engine.prioritise(execution_id, priority, actor=actor()), db)
    notes = [f"priority {priority}"] + ([] if found.steered.changed else ["as before"])
    return _said(found, {"priority": priority}, notes, json)


def _output(text: str | None, file: Path | None) -> Any:
    if text is not None:
        try:
            return json_text.loads(text)
        except ValueError as error:
            raise Refused([Problem("not-json", "output", f"not JSON: {error}")]) from None
    assert file is not None
    return read_data(file, load_plugins(read_settings()))


def _values(pairs: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    problems = []
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            problems.append(Problem("value-malformed", "", f"{pair!r} is not of the form NAME=VALUE"))
        elif name in values:
            problems.append(Problem("value-twice", name, "the variable was given twice"))
        else:
            values[name] = _loose(text)
    if problems:
        raise Refused(problems)
    return values


def _loose(text: str) -> Any:
    try:
        return json_text.loads(text)
    except ValueError:
        return text


def _accepted(execution_id: str, kind: str, body: dict[str, Any], db: str | None, json: bool) -> int:
    async def ask(engine: Engine) -> Steered:
        await engine.request(execution_id, kind, body, actor=actor())
        view = await engine.get(execution_id)
        return Steered(view["id"], view["status"])

    return _said(_with_engine(ask, db), {"accepted": kind}, [f"{kind} accepted"], json)


def _with_engine(act: Callable[[Engine], Awaitable[Steered]], db: str | None) -> Outcome:
    """Let an engine act that drives nothing."""
    settings = read_settings()
    plugins = load_plugins(settings)
    backend = create_backend(db or default_store(), plugins, settings)

    async def acted() -> Outcome:
        async with Engine(backend, plugins, settings) as engine:
            steered = await act(engine)
            owner = (await engine.get(steered.execution_id))["owner"]
            paused = steered.status == "paused"
            busy = paused and await engine.in_flight(steered.execution_id)
            return Outcome(steered, owner is not None and bool(owner["alive"]), busy)

    return anyio.run(acted)


def _rest(found: Outcome, db: str | None) -> list[str]:
    """Say how an execution goes on that nobody drives."""
    status = found.steered.status
    if status == "paused":
        return [f"`{resume_command(db, found.steered.execution_id)}` lets it go on"]
    over = found.owned or status in FINAL_EXECUTION or status == "attention"
    return [] if over else [f"`{recover_command(db)}` goes on with it"]


def _said(found: Outcome, more: dict[str, Any], notes: Sequence[str], json: bool) -> int:
    id, status, changed = found.steered
    if json:
        print_json({"id": id, "status": status, "changed": changed, **more})
    else:
        print(f"{id}: {status}" + "".join(f"; {note}" for note in notes))
    return 0
