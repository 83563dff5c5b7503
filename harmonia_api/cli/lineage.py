"""`harmonia executions lineage`: the tree that an execution stands in."""

import sys
from collections.abc import Iterator
from typing import Any

from harmonia_api.cli.printing import NARROW, paint, print_json, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.text import clean, counted, cut
from harmonia_api.cli.words import STYLES

_LINES = ("├─ ", "└─ ", "│  ", "   ")
_ASCII = ("|- ", "`- ", "|  ", "   ")


def print_lineage(execution_id: str, limit: int, db: str | None, json: bool) -> int:
    """Print the tree."""
    found = read_store(db, lambda engine: engine.lineage(execution_id, limit=limit))
    if json:
        print_json(found)
        return 0
    print_tree(found, terminal_width())
    return 0


def print_tree(found: dict[str, Any], width: int | None) -> None:
    """Print a tree, in lines of at most so many characters."""
    wide = width is None or width >= NARROW
    for mark, node in _walk(found["root"], "", ""):
        here, status = node["id"] == found["id"], node["status"] or "pruned"
        room = None if width is None else max(8, width - len(f"{mark}{node['id']}  {status}  "))
        name = paint(node["id"], "bold") if here else node["id"]
        shown = paint(status, STYLES.get(status, "bright_black"))
        print(f"{mark}{name}  {shown}  {cut(_rest(node, wide, here), room)}".rstrip())
    if not found["complete"]:
        print(f"More than {found['count']:,} executions: --limit shows more", file=sys.stderr)


def _walk(node: dict[str, Any], before: str, under: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each node with what stands before it, those above first."""
    yield before, node
    tee, end, bar, blank = _LINES if _can_draw() else _ASCII
    last = len(node["descendants"]) - 1
    for number, below in enumerate(node["descendants"]):
        mark, more = (end, blank) if number == last else (tee, bar)
        yield from _walk(below, under + mark, under + more)


def _can_draw() -> bool:
    try:
        "".join(_LINES).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _rest(node: dict[str, Any], wide: bool, here: bool) -> str:
    if node["gone"]:
        return ""
    kind = node["relation"]
    where = "" if node["seq"] is None else f" at {node['seq']}"
    where += f" of task {clean(node['path'])}" if node["path"] else ""
    where += f", undo of {counted(node['adopted'], 'task')} taken over" if node.get("adopted") else ""
    parts = [] if kind == "start" else [kind + where]
    if wide:
        parts.append(f"{node['workflow']['name']} {node['workflow']['version']}")
        parts.append(f"{node['created_at'][:19].replace('T', ' ')}Z")
    else:
        parts.append(node["workflow"]["version"])
    parts += ["this one"] if here and wide else []
    return "  ".join(parts)
