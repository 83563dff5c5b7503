"""Undos as people and programs see them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harmonia_core.model.addresses import UNDO
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus
from harmonia_core.model.undo import UndoEntry

MOST_LISTED = 200
"""How many undos that have ended are listed, the youngest entries; the others are only counted."""

View = dict[str, Any]


def listed(state: ExecutionState) -> list[tuple[int, UndoEntry]]:
    """Return the undos that have begun, with their numbers, the last entry first."""
    found: list[tuple[int, UndoEntry]] = []
    for number in range(state.undo.length, 0, -1):
        entry = state.undo.entry(number)
        if _has_begun(entry) and (len(found) < MOST_LISTED or entry.task.status not in FINAL_TASK):
            found.append((number, entry))
    return found


def _has_begun(entry: UndoEntry) -> bool:
    return entry.task.reason != "replaced" and (
        entry.task.attempt > 0 or entry.task.status is not TaskStatus.READY
    )


def with_undos(tasks: Iterable[View], undos: Mapping[str, View]) -> Iterator[View]:
    """Yield tasks, each before what undoes it; undos of what is listed no more behind what held it.

    undos: by the path of the task that is undone.
    """
    shown = list(tasks)
    known = {task["path"] for task in shown}
    behind: dict[str, list[View]] = {}
    for path, view in undos.items():
        behind.setdefault(_nearest(path, known), []).append(view)
    for task in shown:
        yield task
        yield from behind.get(task["path"], ())


def _nearest(path: str, known: set[str]) -> str:
    """Return the path of a listed task: itself, or what it lies in."""
    while path not in known and ("/" in path or "[" in path):
        path = path[: max(path.rfind("/"), path.rfind("["))]
    return path


def undo_path(entry: UndoEntry) -> str:
    """Return the path of an undo."""
    return entry.path + UNDO


def counts(state: ExecutionState) -> View | None:
    """Return how much can be and was undone; None if there is nothing of the kind."""
    undo = state.undo
    if not undo.length:
        return None
    return {"recorded": undo.length, "ended": undo.ended, "open": undo.standing, "attention": undo.held}
