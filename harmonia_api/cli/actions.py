"""`harmonia executions actions`: what is allowed now, and why the rest is not."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from harmonia_api.cli.printing import print_json, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import clean
from harmonia_core import Problem

Rules = Mapping[str, Mapping[str, Any]]
WIDTH = 110
"""Characters in a line if stdout is no terminal."""


def actions_of(execution_id: str, path: str | None, db: str | None, json: bool) -> int:
    """Print what may be done, and return 0."""
    found = read_store(db, lambda engine: engine.allowed_actions(execution_id))
    if path is not None:
        if path not in found["tasks"]:
            known = ", ".join(found["tasks"])
            raise Refused(
                [Problem("task-unknown", path, "no such task, or it has not begun", suggestion=known)]
            )
        found = {**found, "tasks": {path: found["tasks"][path]}}
    if json:
        print_json(found)
        return 0
    parts = [] if path is not None else [(["the execution"], found["execution"])]
    print("\n\n".join(_part(names, rules) for names, rules in [*parts, *_alike(found["tasks"])]))
    return 0


def _alike(tasks: Mapping[str, Rules]) -> Iterator[tuple[list[str], Rules]]:
    """Yield tasks with the same answers as one."""
    found: list[tuple[list[str], Rules]] = []
    for task, rules in tasks.items():
        names = next((names for names, other in found if other == rules), None)
        if names is None:
            found.append(([task], rules))
        else:
            names.append(task)
    yield from found


def _part(names: Sequence[str], rules: Rules) -> str:
    lines = list(_lines(", ".join(clean(name) for name in names), ""))
    allowed = [action for action, rule in rules.items() if rule["allowed"]]
    if allowed:
        lines += _lines(", ".join(allowed), "  allowed  ")
    refused: dict[tuple[str, str], list[str]] = {}
    for action, rule in rules.items():
        if not rule["allowed"]:
            refused.setdefault((rule["code"], rule["reason"]), []).append(action)
    for (code, reason), actions in refused.items():
        lines += _lines(f"{', '.join(actions)}: {clean(reason)} [{code}]", "  refused  ")
    return "\n".join(lines)


def _lines(text: str, first: str) -> list[str]:
    width = max(40, terminal_width() or WIDTH)
    return wrap(text, width, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
