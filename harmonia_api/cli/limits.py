"""`harmonia limits set|list|show|remove`."""

import re
from collections.abc import Mapping
from typing import Any

from harmonia_api.cli.printing import NARROW, print_json, print_table, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import clean
from harmonia_api.cli.writing import write_store
from harmonia_core import Problem

_RATE = re.compile(r"(\d{1,9})/(\d{1,9}(?:\.\d{1,6})?)(?:s|)", re.ASCII)
STYLES = {"held": "green", "orphaned": "red", "waiting": "yellow"}
HEADER = ("PLACE", "STATUS", "SINCE", "UNITS", "PRIORITY", "EXECUTION", "WORKFLOW AND TASK")
NARROW_COLUMNS = (0, 1, 5, 6)


def set_one(
    kind: str,
    name: str | None,
    most: int | None,
    rate: str | None,
    namespace: str,
    db: str | None,
    json: bool,
) -> int:
    """Set a limit and return 0; raise HarmoniaError if there can be no such limit."""
    starts, seconds = _rate(rate)
    view = write_store(
        db,
        lambda engine: engine.set_limit(
            kind, name, most=most, starts=starts, seconds=seconds, namespace=namespace
        ),
    )
    if json:
        print_json(view)
    else:
        print(f"{view['key']}: {_allowed(view)}")
    return 0


def list_all(namespace: str | None, db: str | None, json: bool) -> int:
    """Print the limits."""
    found = read_store(db, lambda engine: engine.limits(namespace))
    if json:
        print_json({"limits": found})
        return 0
    if not found:
        print("Nothing is limited: harmonia limits set resource gpu --max 2")
        return 0
    rows = [
        (
            one["namespace"],
            clean(one["key"]),
            _max(one),
            _rate_text(one) or "-",
            str(one["held"]),
            str(one["waiting"]),
        )
        for one in found
    ]
    print_table(("NAMESPACE", "LIMIT", "MAX", "RATE", "HELD", "WAITING"), rows)
    return 0


def show_one(kind: str, name: str | None, namespace: str, db: str | None, json: bool) -> int:
    """Print one limit with its holders and its line."""
    view = read_store(db, lambda engine: engine.limit(kind, name, namespace=namespace))
    if json:
        print_json(view)
        return 0
    print(f"{clean(view['key'])}: {_allowed(view)}; {view['held']} held, {view['waiting']} waiting")
    lines = [_line(one, "-") for one in view["holders"]]
    lines += [_line(one, str(one["place"])) for one in view["waiters"]]
    if lines:
        width = terminal_width()
        kept = NARROW_COLUMNS if width is not None and width < NARROW else tuple(range(len(HEADER)))
        print()
        print_table([HEADER[n] for n in kept], [[line[n] for n in kept] for line in lines], STYLES)
    if any(not one["driven"] for one in view["holders"]):
        print("\nNobody drives what is orphaned; it holds its place until harmonia recover goes on with it.")
    return 0


def remove_one(kind: str, name: str | None, namespace: str, db: str | None, json: bool) -> int:
    """Remove a limit and return 0; raise HarmoniaError if there is none."""
    write_store(db, lambda engine: engine.remove_limit(kind, name, namespace=namespace))
    if json:
        print_json({"kind": kind, "name": name, "namespace": namespace, "removed": True})
    else:
        print(f"{kind}{f' {name}' if name else ''}: no limit any more")
    return 0


def _rate(text: str | None) -> tuple[int | None, float]:
    if text is None:
        return None, 0.0
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise Refused(
            [Problem("rate-malformed", "", f"{text!r} is not of the form 10/60s: so many within seconds")]
        )
    return int(match[1]), float(match[2])


def _allowed(view: Mapping[str, Any]) -> str:
    parts = [f"{view['max']} at once"] if view["max"] is not None else []
    rate = _rate_text(view)
    return ", ".join([*parts, *([f"{rate} begin"] if rate else [])])


def _max(view: Mapping[str, Any]) -> str:
    return "-" if view["max"] is None else str(view["max"])


def _rate_text(view: Mapping[str, Any]) -> str:
    rate = view["rate"]
    return f"{rate['starts']}/{rate['seconds']:g}s" if rate else ""


def _line(one: Mapping[str, Any], place: str) -> tuple[str, ...]:
    state = one["state"] if one["state"] == "waiting" or one["driven"] else "orphaned"
    what = clean(f"{one['workflow'] or '?'} {one['path']}".rstrip())
    since = f"{one['since'][:19].replace('T', ' ')}Z"
    return place, state, since, str(one["units"]), str(one["priority"]), one["execution_id"], what
