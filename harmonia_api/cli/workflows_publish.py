"""`harmonia workflows publish FILE` and `harmonia workflows draft publish NAME`."""

from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, Literal

from harmonia_api.cli.local import allow_local
from harmonia_api.cli.modules import allow_modules, modules_beside
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.session import actor
from harmonia_api.cli.source import Refused, read_definition
from harmonia_api.cli.text import counted
from harmonia_api.cli.workflows_words import change_lines, running_lines
from harmonia_api.cli.writing import write_store
from harmonia_api.settings import read_settings
from harmonia_core import Problem
from harmonia_core.host import Engine, Published, Running, load_plugins

Bump = Literal["auto", "major", "minor", "patch"] | None
Outcome = tuple[Published, list[Running]]


def publish_file(path: Path, bump: Bump, labels: Sequence[str], db: str | None, json: bool) -> int:
    """Publish a file's definition and say what came of it; raise HarmoniaError."""
    given = read_labels(labels)
    settings = allow_local(allow_modules(read_settings(), modules_beside(path).names))
    plugins = load_plugins(settings)
    definition, _ = read_definition(path, plugins, settings)

    async def publish(engine: Engine) -> Outcome:
        made = engine.definitions.publish(definition, bump=bump, labels=given, actor=actor())
        return await _with_running(engine, made)

    return _said(*write_store(db, publish, settings, plugins), json)


def publish_draft(
    name: str, bump: Bump, labels: Sequence[str], if_revision: int | None, db: str | None, json: bool
) -> int:
    """Publish a draft and say what came of it; raise HarmoniaError."""
    given = read_labels(labels)

    async def publish(engine: Engine) -> Outcome:
        made = engine.definitions.publish_draft(
            name, bump=bump, if_revision=if_revision, labels=given, actor=actor()
        )
        return await _with_running(engine, made)

    return _said(*write_store(db, publish), json)


async def _with_running(engine: Engine, publishing: Awaitable[Published]) -> Outcome:
    published = await publishing
    return published, await engine.definitions.running(published.release.key)


def read_labels(pairs: Sequence[str]) -> dict[str, str]:
    """Return labels from `key=value`; raise Refused."""
    wrong = [pair for pair in pairs if not pair.partition("=")[0] or "=" not in pair]
    if wrong:
        raise Refused(
            [Problem("label-malformed", "", f"{pair!r} is not of the form key=value") for pair in wrong]
        )
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


def _said(published: Published, running: list[Running], json: bool) -> int:
    if json:
        print_json(_document(published, running))
        return 0
    release = published.release
    if published.existing:
        print(f"{release.key} is published already, with the same content.")
        return 0
    step = f" ({release.level or 'same content'} since {release.since})" if release.since else ""
    print(f"{release.key} published{step}")
    for line in change_lines(published.changes):
        print(f"  {line}")
    if running:
        count = sum(one.executions for one in running)
        print(f"{counted(count, 'execution')} on other versions:")
        for line in running_lines(running):
            print(f"  {line}")
    return 0


def _document(published: Published, running: list[Running]) -> dict[str, Any]:
    return {
        "workflow": published.release.as_json(),
        "existing": published.existing,
        "changes": [change.as_json() for change in published.changes],
        "running": [one.as_json() for one in running],
    }
