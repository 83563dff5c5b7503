"""Print and forget results of tasks that are kept to be used again."""

import sys
import time
from typing import Any

from harmonia_api.cli.printing import NARROW, print_json, print_table, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.text import clean, counted, duration
from harmonia_api.cli.writing import write_store
from harmonia_core.host import rfc3339


def list_page(
    namespace: str,
    type: str | None,
    workflow: str | None,
    limit: int,
    cursor: str | None,
    db: str | None,
    json: bool,
) -> int:
    """Print one page of kept results."""
    found, following = read_store(
        db,
        lambda engine: engine.memos.list(
            namespace=namespace, type=type, workflow=workflow, limit=limit, cursor=cursor
        ),
    )
    if json:
        print_json({"results": [_shape(one) for one in found], "cursor": following})
        return 0
    if not found:
        print("No results are kept.")
        return 0
    width = terminal_width()
    narrow = width is not None and width < NARROW
    header = ("TYPE", "WORKFLOW", "LEFT", *(() if narrow else ("KEY",)), "MADE BY")
    print_table(header, [_row(one, narrow) for one in found])
    if following:
        print(f"More: --cursor '{following}'", file=sys.stderr)
    return 0


def _shape(one: dict[str, Any]) -> dict[str, Any]:
    times = {name: rfc3339(one[name]) for name in ("at", "expires")}
    output = {"output": one["output@"]} if "output@" in one else {}
    return {**{name: value for name, value in one.items() if name != "output@"}, **times, **output}


def _row(one: dict[str, Any], narrow: bool) -> tuple[str, ...]:
    left = duration(one["expires"] - time.time())
    maker = clean(f"{one['execution']} {one['path']}")
    return one["type"], clean(one["workflow"]), left, *(() if narrow else (one["key"][:12],)), maker


def clear(namespace: str, type: str | None, workflow: str | None, db: str | None, json: bool) -> int:
    """Forget results and print how many."""
    count = write_store(
        db, lambda engine: engine.memos.clear(namespace=namespace, type=type, workflow=workflow)
    )
    if json:
        print_json({"forgotten": count})
    else:
        print(f"{counted(count, 'result')} forgotten.")
    return 0
