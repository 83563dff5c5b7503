"""`harmonia workflows draft save|show|list|drop`."""

from pathlib import Path

from harmonia_api.cli.printing import print_json, print_table
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.session import actor
from harmonia_api.cli.source import Refused, read_data
from harmonia_api.cli.text import clean
from harmonia_api.cli.writing import write_store
from harmonia_api.settings import read_settings
from harmonia_core import Problem
from harmonia_core.host import Draft, load_plugins, plain_text


def save(path: Path, if_revision: int | None, db: str | None, json: bool) -> int:
    """Keep a file's data as a draft; raise HarmoniaError."""
    plugins = load_plugins(read_settings())
    data = read_data(path, plugins)
    if not isinstance(data, dict):
        raise Refused(
            [Problem("type-wrong", "", "a definition is an object with 'name' and 'tasks'")], str(path)
        )

    draft = write_store(
        db, lambda engine: engine.definitions.drafts.save(data, if_revision=if_revision, actor=actor())
    )
    return _say(draft, "saved", json)


def show(name: str, db: str | None, json: bool) -> int:
    """Print a draft as YAML."""
    draft = read_store(db, lambda engine: engine.definitions.drafts.get(name))
    if json:
        print_json(draft.as_json())
    else:
        print(plain_text(draft.data).rstrip())
    return 0


def list_all(db: str | None, json: bool) -> int:
    """Print every draft."""
    drafts = read_store(db, lambda engine: engine.definitions.drafts.list())
    shapes = [draft.as_json() for draft in drafts]
    if json:
        print_json({"drafts": shapes})
    elif not drafts:
        print("No drafts.")
    else:
        rows = [
            (one["name"], str(one["revision"]), one["saved_at"][:16].replace("T", " ") + "Z",
             clean(str((one["saved_by"] or {}).get("id", "-"))))
            for one in shapes
        ]  # fmt: skip
        print_table(("NAME", "REVISION", "SAVED", "BY"), rows)
    return 0


def drop(name: str, if_revision: int | None, db: str | None, json: bool) -> int:
    """Take a draft away."""
    write_store(db, lambda engine: engine.definitions.drafts.drop(name, if_revision=if_revision))
    if json:
        print_json({"name": name, "dropped": True})
    else:
        print(f"The draft of {name} is gone.")
    return 0


def _say(draft: Draft, word: str, json: bool) -> int:
    if json:
        print_json(draft.as_json())
    else:
        print(f"The draft of {draft.name} is {word}, revision {draft.revision}.")
    return 0
