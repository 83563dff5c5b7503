"""`harmonia executions diff`: what differs between two points, for people and for programs."""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from harmonia_api.cli.printing import json_line, paint, print_json, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.text import clean, counted, cut, harmless
from harmonia_api.cli.workflows_words import STYLES as LEVELS
from harmonia_api.cli.workflows_words import change_lines
from harmonia_core.host import Change, Engine, split_item

View = dict[str, Any]
SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
FEW = 3
"""Items of one map in a row that change alike; more stand in one line."""
_ORDER = ("status", "attempt", "reason", "input", "output", "error", "items")
_PIPED = 160


class Sides(NamedTuple):
    """Hold what is compared. after: None for the same execution."""

    before: str
    before_point: str | None
    after: str | None
    after_point: str | None

    @property
    def arguments(self) -> tuple[str, str | None, str | None, str | None]:
        """Return what the engine is asked with: one compared with itself begins at its start."""
        start = "start" if self.after is None else None
        return self.before, self.before_point or start, self.after, self.after_point


def read_sides(before: str, after: str | None) -> Sides:
    """Return both sides of `A[@POINT] [B[@POINT]]`; a B of only `@POINT` is A itself."""
    one, _, point = before.partition("@")
    if after is None:
        return Sides(one, point or None, None, None)
    other, _, other_point = after.partition("@")
    return Sides(one, point or None, other if other != one and other else None, other_point or None)


def print_patch(sides: Sides, db: str | None) -> int:
    """Print a JSON Patch."""
    print_json(read_store(db, lambda engine: engine.diff_patch(*sides.arguments)))
    return 0


def print_values(sides: Sides, path: str, db: str | None, json: bool) -> int:
    """Print what differs inside the values of one task."""
    found = read_store(db, lambda engine: engine.diff_values(path, *sides.arguments))
    if json:
        print_json(found)
        return 0
    width = terminal_width() or _PIPED
    print(
        f"{path}: " + (counted(len(found["changes"]), "difference") if found["changes"] else "no difference")
    )
    for side in ("before", "after"):
        if not found["there"][side]:
            print(f"{side}: there is no such task")
    for change in found["changes"]:
        for line in _value_lines(change):
            print(paint(cut(harmless(line), width), _style(line)))
    if found["more"]:
        print("More differs than is listed.", file=sys.stderr)
    return 0


def _value_lines(change: View) -> Iterator[str]:
    sign = SIGNS[change["change"]][0]
    if "lines" in change:
        yield f"{sign} {change['path']}"
        yield from (f"    {line}" for line in change["lines"])
    elif change["change"] == "changed":
        yield f"{sign} {change['path']}: {_value(change['before'])} -> {_value(change['after'])}"
    else:
        yield f"{sign} {change['path']}: {_value(change['after' if sign == '+' else 'before'])}"


def _style(line: str) -> str:
    return {"+": "green", "-": "red"}.get(line.strip()[:1], "")


def print_diff(sides: Sides, times: bool, limit: int, cursor: str | None, db: str | None, json: bool) -> int:
    """Print what differs, task by task."""

    async def asked(engine: Engine) -> View:
        return await engine.diff(*sides.arguments, times=times, limit=limit, cursor=cursor)

    found = read_store(db, asked)
    if json:
        print_json(found)
        return 0
    width = terminal_width() or _PIPED
    for name in ("before", "after"):
        print(cut(_head(name, found[name]), width))
    parts = list(_parts(found))
    for title, lines in parts:
        print(f"\n{title}")
        for line in lines:
            print(paint(cut(line, width), _line_style(line)))
    if not parts:
        print("\nNothing differs.")
    if found["cursor"]:
        print(f"More: --cursor {found['cursor']}", file=sys.stderr)
    return 0


def _line_style(line: str) -> str:
    signs = {f"  {sign} ": style for sign, style in SIGNS.values()}
    return signs.get(line[:4], "") or LEVELS.get(line.strip().partition(" ")[0], "")


def _head(name: str, side: View) -> str:
    point = f"seq {side['seq']}" + (f" ({side['checkpoint']})" if side["checkpoint"] else "")
    workflow = f"{side['workflow']['name']} {side['workflow']['version']}"
    return f"{name:<7} {side['execution']}  {point}  {workflow}  {side['status']}  {side['at'][:19]}Z"


def _parts(found: View) -> Iterator[tuple[str, list[str]]]:
    if found["definition"]:
        yield (
            "definition",
            [f"  {line}" for line in change_lines([Change(**one) for one in found["definition"]])],
        )
    for title in ("execution", "variables"):
        if fields := found.get(title):
            yield title, [f"    {line}" for line in _fields(fields)]
    if found["tasks"]:
        yield "tasks", list(_tasks(found["tasks"]))
    for title in ("scopes", "timers", "messages"):
        if fields := found.get(title):
            yield title, [line for name, one in fields.items() for line in _entry(name, one)]


def _entry(name: str, one: View) -> Iterator[str]:
    """Yield one that came, went or changed; of what has parts, the parts that did."""
    old, new = one["before"], one["after"]
    sign = "+" if old is None else "-" if new is None else "~"
    if isinstance(old, dict) and isinstance(new, dict):
        parts = {key: {"before": old.get(key), "after": new.get(key)} for key in dict.fromkeys((*old, *new))}
        lines = _fields({key: part for key, part in parts.items() if part["before"] != part["after"]})
        yield f"  {sign} {name}: {', '.join(lines)}"
    elif old is not None and new is not None:
        yield f"  {sign} {name}: {_value(old)} -> {_value(new)}"
    else:
        said = _value(new if old is None else old)
        yield f"  {sign} {name}" + ("" if said == "set" else f"  {said}")


def _tasks(changes: Sequence[View]) -> Iterator[str]:
    for key, group in groupby(changes, _alike):
        alike = list(group)
        if key is not None and len(alike) > FEW:
            first, last = alike[0]["path"], alike[-1]["path"]
            yield f"{_title(alike[0])[:4]}{first} … {last}: {counted(len(alike), 'item')} {_moved(alike[0])}"
            continue
        for change in alike:
            yield f"{_title(change)}{_said(change)}"
            rest = {name: pair for name, pair in change["fields"].items() if name != "status"}
            if change["change"] == "removed":
                continue
            yield from (f"        {line}" for line in _fields(rest))


def _alike(change: View) -> tuple[str, ...] | None:
    """Return what items in a row have in common if they go the same way; None for what stands alone."""
    path, index = split_item(change["path"])
    status = change["fields"].get("status")
    if index is None or status is None:
        return None
    return path, change["change"], str(status["before"]), str(status["after"])


def _title(change: View) -> str:
    return f"  {SIGNS[change['change']][0]} {change['path']}"


def _said(change: View) -> str:
    moved = _moved(change)
    return f"  {moved}" if moved else ""


def _moved(change: View) -> str:
    status = change["fields"].get("status")
    if status is None:
        return ""
    if change["change"] == "removed":
        return f"was {status['before']}"
    return str(status["after"]) if change["change"] == "added" else f"{status['before']} -> {status['after']}"


def _fields(fields: View) -> list[str]:
    names = sorted(fields, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    return [line for name in names if (line := _field(name, fields[name]))]


def _field(name: str, pair: View) -> str:
    old, new = pair["before"], pair["after"]
    if name == "items":
        return f"items  {_counts(old)} -> {_counts(new)}" if old and new else f"items  {_counts(new or old)}"
    if name == "attempt" and new == 1 and not old:
        return ""
    if name in ("error", "workflow"):
        said = [_said_of(name, one) for one in (old, new)]
        return f"{name}  {said[1]}" if old is None else f"{name}  {said[0]} -> {said[1]}"
    return f"{name}  {_value(new)}" if old is None else f"{name}  {_value(old)} -> {_value(new)}"


def _said_of(name: str, one: View | None) -> str:
    if one is None:
        return "none"
    if name == "workflow":
        return f"{one['name']} {one['version']} ({one['hash'][:15]}…)"
    return cut(clean(f"{one['code']}: {one['message']}"), 60)


def _counts(items: View) -> str:
    named = (f"{items[name]} {name}" for name in ("begun", "succeeded", "failed") if items[name])
    return f"{', '.join(named) or 'none begun'} of {items['count']}"


def _value(value: Any) -> str:
    """Return a value on one line; texts that are words of the engine go without quotes."""
    text = value if isinstance(value, str) and value.isidentifier() else json_line(value)
    return cut(clean(text), 60)
