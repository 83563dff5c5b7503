"""`harmonia workflows list|show|versions|archive|label`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from harmonia_api.cli.printing import NARROW, json_line, print_json, print_table, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import clean
from harmonia_api.cli.workflows_words import running_lines
from harmonia_api.cli.writing import write_store
from harmonia_core import Problem
from harmonia_core.host import Engine, Release, Running, Workflow, as_text, load_data, plain_text

STYLES = {"archived": "bright_black", "latest": "green"}


def list_names(archived: bool, limit: int, cursor: str | None, db: str | None, json: bool) -> int:
    """Print one page of names."""
    page, following = read_store(db, lambda engine: engine.definitions.workflows("default", limit, cursor))
    shown = [one for one in page if archived or not one.archived]
    if json:
        print_json({"workflows": [one.as_json() for one in shown], "cursor": following})
        return 0
    if not shown:
        print("No workflows are published." if not page else "All workflows are archived: --archived")
    else:
        header = ("NAME", "LATEST", "VERSIONS", "PUBLISHED", "DESCRIPTION")
        print_table(header, [_name_row(one) for one in shown])
    if following:
        print(f"More: --cursor {following}", file=sys.stderr)
    return 0


def _name_row(one: Workflow) -> tuple[str, ...]:
    latest = "archived" if one.archived else one.latest or "none"
    return one.name, latest, str(one.versions), _moment(one.as_json()), clean(one.description)


def _moment(shape: Mapping[str, Any]) -> str:
    width = terminal_width()
    moment = str(shape["published_at"])[:16].replace("T", " ")
    return moment[:10] if width is not None and width < NARROW else f"{moment}Z"


def list_versions(name: str, db: str | None, json: bool) -> int:
    """Print the versions of a name, newest first."""

    async def asked(engine: Engine) -> tuple[Workflow, list[Release]]:
        return await engine.definitions.get(name), await engine.definitions.versions(name)

    workflow, releases = read_store(db, asked)
    if json:
        versions = [one.as_json() for one in releases]
        print_json({"workflow": workflow.as_json(), "versions": versions})
        return 0
    rows = [_version_row(one, workflow) for one in releases]
    print_table(("VERSION", "STATUS", "PUBLISHED", "BY", "CHANGE", "WHAT"), rows, STYLES)
    return 0


def _version_row(one: Release, workflow: Workflow) -> tuple[str, ...]:
    gone = one.archived or workflow.archived
    status = "archived" if gone else "latest" if one.version == workflow.latest else "-"
    by = str((one.by or {}).get("id", "-"))
    what = "; ".join(one.reasons) or one.description
    return one.version, status, _moment(one.as_json()), clean(by), one.level or "-", clean(what)


def show_version(reference: str, db: str | None, json: bool) -> int:
    """Print what a reference means, with its definition."""

    async def asked(engine: Engine) -> tuple[Any, list[Running]]:
        found = await engine.definitions.resolve(reference)
        return found, await engine.definitions.running(found.release.key)

    found, running = read_store(db, asked)
    shape = found.release.as_json()
    if json:
        others = [one.as_json() for one in running]
        print_json({**shape, "definition": found.definition, "running": others})
        return 0
    print(f"{found.release.key}{'  (archived)' if found.release.archived else ''}")
    for key in ("hash", "published_at", "published_by", "level", "since", "labels"):
        if shape[key]:
            value = shape[key] if isinstance(shape[key], str) else json_line(shape[key])
            print(f"  {key.replace('_', ' ')}: {clean(value)}")
    for reason in shape["reasons"]:
        print(f"    {clean(reason)}")
    for line in running_lines(running):
        print(f"  {line}")
    print(f"\n{_text(found.definition).rstrip()}")
    return 0


def _text(data: Mapping[str, Any]) -> str:
    """Return a stored definition in the model's order; as it stands if this version cannot read it."""
    loaded = load_data(dict(data))
    return plain_text(data) if loaded.definition is None else as_text(loaded.definition.as_data())


def archive_one(reference: str, undo: bool, db: str | None, json: bool) -> int:
    """Archive a name or a version, or bring it back."""
    marked = write_store(db, lambda engine: engine.definitions.archive(reference, undo=undo))
    return _say(marked, "archived" if marked.archived else "not archived", json)


def label_one(reference: str, labels: Sequence[str], db: str | None, json: bool) -> int:
    """Set and take away labels."""
    changes = _label_changes(labels)
    marked = write_store(db, lambda engine: engine.definitions.label(reference, changes))
    text = ", ".join(f"{key}={value}" for key, value in marked.labels.items())
    return _say(marked, text or "no labels", json)


def _say(marked: Release | Workflow, text: str, json: bool) -> int:
    if json:
        print_json(marked.as_json())
    else:
        print(f"{marked.key if isinstance(marked, Release) else marked.name}: {clean(text)}")
    return 0


def _label_changes(labels: Sequence[str]) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not equals and key.endswith("-"):
            changes[key[:-1]] = None
        elif equals and key:
            changes[key] = value
        else:
            message = f"{text!r} is not of the form key=value or key-"
            raise Refused([Problem("label-malformed", "", message)])
    return changes
