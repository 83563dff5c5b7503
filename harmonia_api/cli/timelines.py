"""`harmonia executions timeline`: where the time went, as bars on one line each."""

import sys
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from harmonia_api.cli.printing import paint, print_json, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.text import clean, counted, cut, duration

View = dict[str, Any]
WIDEST, PIPED, LEAST = 200, 100, 40
"""Columns at most, where there is no terminal, and at least."""
MARKS: Mapping[str, str] = {
    "running": "█", "backoff": "↻", "attention": "!", "paused": "‖", "limit": "▒", "queue": "·",
    "dependencies": " ",
}  # fmt: skip
PLAIN: Mapping[str, str] = {
    "running": "#", "backoff": "~", "attention": "!", "paused": "=", "limit": ":", "queue": ".",
    "dependencies": " ",
}  # fmt: skip
WAITS = ("░", "-")
"""What stands for any other wait: a timer, a message, an approval, a child, a deferred result."""
NAMES: Mapping[str, str] = {"dependencies": "waits for what it depends on", "queue": "waits for its turn"}
_ORDER = ("running", "attention", "backoff", "limit", "paused", "wait", "queue", "dependencies")
_STYLES = {"failed": "red", "attention": "bold magenta"}


def print_timeline(execution_id: str, db: str | None, json: bool) -> int:
    """Print the timeline of an execution."""
    view = read_store(db, lambda engine: engine.timeline(execution_id))
    if json:
        print_json(view)
        return 0
    width = min(WIDEST, max(LEAST, terminal_width() or PIPED))
    for line, style in _page(view, width, _plain()):
        print(paint(cut(line, width), style))
    return 0


def _plain() -> bool:
    """Tell whether stdout cannot take the signs."""
    try:
        "".join((*MARKS.values(), *WAITS)).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return True
    return False


def _page(view: View, width: int, plain: bool) -> Iterator[tuple[str, str]]:
    total = view["seconds"]
    yield f"execution {view['execution']}  {view['status']}", ""
    so_far = "" if view["over"] else " so far"
    yield f"{view['start'][:19].replace('T', ' ')}Z, {duration(total)}{so_far}", ""
    yield from ((line, "") for line in _notes(view))
    yield "", ""
    longest = max([len(_name(row)) for row in view["tasks"]], default=4)
    names = min(max(longest + 3, 14), max(14, width * 3 // 10))
    room = width - names - 10
    for span in [{"path": "execution", "spans": view["spans"], "critical": False}] if view["spans"] else []:
        yield _bar("  the execution", span["spans"], total, names, room, plain), "yellow"
    for row in view["tasks"]:
        bar = _bar(("* " if row["critical"] else "  ") + _name(row), row["spans"], total, names, room, plain)
        yield (
            f"{bar} {_length(row, total):>9}",
            _STYLES.get(row["status"] or "", "bold" if row["critical"] else ""),
        )
        if row["count"] > 1:
            yield " " * names + _many(row), "bright_black"
    yield "", ""
    yield from ((line, "bright_black") for line in _legend(view, plain))
    yield "", ""
    yield from ((line, "") for line in _path(view))
    if view["totals"]:
        told = (f"{kind} {duration(seconds)}" for kind, seconds in _sorted(view["totals"]))
        yield "", ""
        yield from ((line, "") for line in wrap(f"all tasks together: {', '.join(told)}", width))


def _notes(view: View) -> Iterator[str]:
    if view["origin"]:
        origin = view["origin"]
        word = "goes on from" if origin["kind"] == "continued" else f"{origin['kind']} of"
        yield f"{word} execution {origin['origin']} at seq {origin['origin_seq']}; its time is not in here"
    if len(view["logs"]) > 1:
        yield f"in {counted(len(view['logs']), 'log')}, the first {view['logs'][0]}"
    for one in view["adoptions"][:5]:
        yield f"taken over at {one['at'][:19].replace('T', ' ')}Z by engine {clean(one['engine'])}"
    if len(view["adoptions"]) > 5:
        yield f"and {counted(len(view['adoptions']) - 5, 'more takeover')}"


def _name(row: View) -> str:
    """Return a task's name below what it lies in: its id, and in which round or item it is."""
    path: str = row["path"]
    around, _, name = path.rpartition("/")
    depth = around.count("/") + bool(around) + path.endswith("]")
    place = around[around.rindex("[") :] if around.endswith("]") else ""
    return "  " * min(depth, 4) + name + place


def _bar(name: str, spans: list[View], total: float, names: int, room: int, plain: bool) -> str:
    cells = [""] * room
    for span in spans:
        first = int(span["start"] / total * room) if total else 0
        last = max(first + 1, round(span["end"] / total * room) if total else 1)
        for cell in range(min(first, room - 1), min(last, room)):
            kind = span["kind"]
            if not cells[cell] or _rank(kind) < _rank(cells[cell]):
                cells[cell] = kind
    return cut(name, names - 1).ljust(names) + "".join(_mark(kind, plain) for kind in cells)


def _rank(kind: str) -> int:
    return _ORDER.index(kind if kind in _ORDER else "wait")


def _mark(kind: str, plain: bool) -> str:
    if not kind:
        return " "
    return (PLAIN if plain else MARKS).get(kind, WAITS[plain])


def _length(row: View, total: float) -> str:
    return duration((total if row["end"] is None else row["end"]) - row["start"])


def _many(row: View) -> str:
    took = row["took"]
    parts = [f"{row['count']:,} times: {duration(took['min'])} / {duration(took['median'])} / "
             f"{duration(took['max'])} (least, middle, most)"]  # fmt: skip
    parts += [f"{count:,} {status}" for status, count in row["statuses"].items() if status != "succeeded"]
    parts += [counted(row["retries"], "retry").replace("retrys", "retries")] if row["retries"] else []
    return ", ".join(parts)


def _legend(view: View, plain: bool) -> Iterator[str]:
    kinds = {span["kind"] for row in (*view["tasks"], view) for span in row["spans"]} - {"dependencies"}
    waits = sorted(kind for kind in kinds if kind not in MARKS)
    told = [f"{_mark(kind, plain)} {NAMES.get(kind, kind)}" for kind in MARKS if kind in kinds]
    told += [f"{WAITS[plain]} waits: {', '.join(waits)}"] if waits else []
    if any(row["critical"] for row in view["tasks"]):
        told.append("* decided the end")
    if told:
        yield "   ".join(told)


def _path(view: View) -> Iterator[str]:
    links = view["critical_path"]
    if not links:
        return
    total = sum(link["seconds"] for link in links)
    yield f"what decided the end: {duration(total)} of {duration(view['seconds'])}"
    yield from _links(links, "  ", view["seconds"])


def _links(links: list[View], indent: str, total: float) -> Iterator[str]:
    names = max(len(link["path"]) for link in links)
    for link in links:
        share = f"{100 * link['seconds'] / total:3.0f} %" if total else ""
        kinds = ", ".join(f"{kind} {duration(seconds)}" for kind, seconds in _sorted(link["kinds"]))
        child = f"  execution {link['child']}" if link["child"] else ""
        yield f"{indent}{link['path']:<{names}}  {duration(link['seconds']):>8}  {share}  {kinds}{child}"
        if link["inside"]:
            left = link["links"] - len(link["inside"])
            if left:
                yield f"{indent}  … {left:,} before these"
            yield from _links(link["inside"], f"{indent}  ", total)


def _sorted(kinds: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(kinds.items(), key=lambda one: -one[1])
