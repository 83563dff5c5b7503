"""`harmonia executions signal|approve`, `harmonia publish`."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from harmonia_api.cli.local import allow_local
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.session import actor
from harmonia_api.cli.source import Refused
from harmonia_api.settings import default_store, read_settings
from harmonia_core import Problem
from harmonia_core.host import Engine, create_backend, load_plugins

Letter = dict[str, Any]


def letter(data: str | None, correlation: str | None, id: str | None, ttl: str | None) -> Letter:
    """Return what the options say about a message; raise Refused for data that is no JSON."""
    return {
        "data": _json(data),
        "correlation": _loose(correlation),
        "message_id": id,
        "ttl": _loose(ttl),
        "actor": actor(),
    }


def signal_one(execution_id: str, name: str, letter: Letter, db: str | None, json: bool) -> int:
    """Send a message to an execution and return 0; raise HarmoniaError if that is not possible."""
    id = _engine(db, lambda engine: engine.signal(execution_id, name, **letter))
    if json:
        print_json({"id": id, "name": name, "execution": execution_id})
    else:
        print(f"{execution_id}: message {name} accepted, id {id}")
    return 0


def publish_one(name: str, letter: Letter, db: str | None, json: bool) -> int:
    """Publish a message and return 0."""
    id = _engine(db, lambda engine: engine.publish(name, **letter))
    if json:
        print_json({"id": id, "name": name})
    else:
        print(f"message {name} published, id {id}")
    return 0


def decide_one(
    execution_id: str,
    path: str,
    decision: str,
    data: str | None,
    comment: str | None,
    who: str | None,
    db: str | None,
    json: bool,
) -> int:
    """Decide on an approval and return 0; raise HarmoniaError if that is not possible."""
    given, by = _json(data), _person(who)
    _engine(
        db,
        lambda engine: engine.decide(
            execution_id,
            path,
            "approved" if decision == "approved" else "rejected",
            given,
            comment=comment,
            actor=by,
        ),
    )
    if json:
        print_json({"id": execution_id, "path": path, "decision": decision, "by": by["id"]})
    else:
        print(f"{execution_id}: {path} {decision} by {by['id']}")
    return 0


def delegate_one(execution_id: str, path: str, to: str, who: str | None, db: str | None, json: bool) -> int:
    """Let somebody else decide on an approval, too, and return 0."""
    by = _person(who)
    _engine(db, lambda engine: engine.delegate(execution_id, path, to, actor=by))
    if json:
        print_json({"id": execution_id, "path": path, "delegated_to": to, "by": by["id"]})
    else:
        print(f"{execution_id}: {path} delegated to {to} by {by['id']}")
    return 0


def _engine(db: str | None, ask: Callable[[Engine], Awaitable[Any]]) -> Any:
    settings = allow_local(read_settings())
    plugins = load_plugins(settings)
    backend = create_backend(db or default_store(), plugins, settings)

    async def asked() -> Any:
        async with Engine(backend, plugins, settings) as engine:
            return await ask(engine)

    return anyio.run(asked)


def _person(who: str | None) -> dict[str, Any]:
    return actor() if who is None else {"kind": "person", "id": who}


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        hint = "a text is JSON with quotes around it"
        raise Refused([Problem("data-malformed", "data", f"no JSON: {error}", suggestion=hint)]) from None


def _loose(text: str | None) -> Any:
    """Return a text as JSON, or as itself where it is none."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
