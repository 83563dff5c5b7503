"""`harmonia workflows diff`: two versions beside each other."""

from typing import Any

from harmonia_api.cli.printing import paint, print_json
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.text import harmless
from harmonia_api.cli.workflows_words import STYLES, change_lines, match_lines
from harmonia_core.host import VersionDiff, read_reference

_LINES = {"+": "green", "-": "red", "@": "cyan"}


def print_diff(old: str, new: str | None, context: int, db: str | None, json: bool) -> int:
    """Print what differs; 0 whether or not anything does."""
    other = new or read_reference(old).name
    diff = read_store(db, lambda engine: engine.definitions.diff(old, other, context=context))
    if json:
        print_json(_document(diff))
    elif not diff.changes and not diff.text:
        print(f"{diff.old.key} and {diff.new.key} have the same content.")
    else:
        _page(diff)
    return 0


def _document(diff: VersionDiff) -> dict[str, Any]:
    return {
        "old": diff.old.as_json(),
        "new": diff.new.as_json(),
        "text": diff.text,
        "changes": [change.as_json() for change in diff.changes],
        "compatibility": diff.compatibility.as_json(),
    }


def _page(diff: VersionDiff) -> None:
    for line in diff.text.splitlines():
        print(paint(harmless(line), _LINES.get(line[:1], "")))
    print()
    for line in change_lines(diff.changes, 0):
        print(paint(line, STYLES[line.partition(" ")[0]]))
    for line in match_lines(diff):
        print(harmless(line))
