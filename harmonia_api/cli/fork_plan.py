"""What a fork does, for people: a line before it begins, a table if it is only planned."""

from collections.abc import Iterator
from typing import Any

from harmonia_api.cli.printing import print_table
from harmonia_api.cli.text import clean, counted

MOST = 200
"""Lines of the table; a map of thousands of items is counted behind them."""
STYLES = {"again": "cyan", "reused": "green", "dropped": "bright_black"}


def plan_line(plan: dict[str, Any]) -> str:
    """Return on one line from where a fork goes on, by which definition, and what it does again."""
    origin = plan["origin"]
    again, reused, repeats = (len(plan[name]) for name in ("again", "reused", "repeats"))
    line = f"{plan['kind']} of {origin['execution']} at event {origin['seq']}, {definition(plan)}: "
    line += f"{counted(again, 'task')} again, {reused} reused"
    line += f", {counted(repeats, 'effect')} may repeat" if repeats else ""
    return line + "".join(f", undo {text}" for text in _undos(plan))


def definition(plan: dict[str, Any]) -> str:
    """Return by which definition a fork goes on."""
    old, new = plan["definition"]["from"], plan["definition"]["to"]
    name = f"{new['name']} {new['version']}"
    if old["hash"] == new["hash"]:
        return f"by {name} as before"
    return f"by {name} instead of {old['name']} {old['version']}" + (
        " (another content)" if (old["name"], old["version"]) == (new["name"], new["version"]) else ""
    )


def _undos(plan: dict[str, Any]) -> Iterator[str]:
    """Yield what becomes of the undos that the origin has not carried out."""
    adopted, abandoned = len(plan["adopted"]), len(plan["abandoned"])
    hint = "" if plan["adopt_compensation"] else " (--adopt-compensation takes it over)"
    if adopted:
        yield f"of {counted(adopted, 'task')} is taken over"
    if abandoned:
        yield f"of {counted(abandoned, 'task')} is lost{hint}"


def print_plan(plan: dict[str, Any]) -> None:
    """Print what a fork would do."""
    origin = plan["origin"]
    print(f"{plan['kind']:<10} of execution {origin['execution']} at event {origin['seq']}")
    print(f"{'definition':<10} {definition(plan).removeprefix('by ')}")
    if plan["changed"]:
        print(f"{'changed':<10} {clean(', '.join(plan['changed']))}")
    for text in _undos(plan):
        print(f"{'undo':<10} {text}")
    print()
    rows = list(_rows(plan))
    if rows:
        print_table(("TASK", "STATUS", "EFFECT"), rows[:MOST], STYLES)
        if len(rows) > MOST:
            print(f"… and {len(rows) - MOST:,} more; --json has all of them")
        print()
    repeats = len(plan["repeats"])
    print(
        f"{counted(len(plan['again']), 'task')} again, {len(plan['reused'])} reused, "
        f"{counted(repeats, 'effect')} may repeat. Nothing was begun."
    )


def _rows(plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    repeats = {repeat["path"]: repeat for repeat in plan["repeats"]}
    for path in plan["again"]:
        yield path, "again", _effect(repeats.pop(path, None))
    for repeat in repeats.values():
        yield repeat["path"], "again", _effect(repeat)
    adopted, abandoned = set(plan["adopted"]), set(plan["abandoned"])
    for path in plan["reused"]:
        lost = "nobody undoes it any more" if path in abandoned else ""
        yield path, "reused", "its undo is taken over" if path in adopted else lost
    for path in plan["dropped"]:
        yield path, "dropped", "the new version has no such task; its result is not used"


def _effect(repeat: dict[str, Any] | None) -> str:
    if repeat is None:
        return ""
    what = [repeat["type"], *([] if repeat["idempotent"] else ["not idempotent"])]
    what += ["undone since"] if repeat["undone"] else ["had succeeded"] if repeat["ended"] else []
    return f"may repeat ({', '.join(what)})"
