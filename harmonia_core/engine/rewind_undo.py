"""What an execution takes over of what its origin can undo, and what nobody will undo any more. Pure.

An entry stays with the execution that did the work, unless its adoption is asked for. Adopted is only what
nobody has begun to undo, and whose work is gone on from: what runs again gets an entry of its own.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harmonia_core.engine.rewind_past import Past, Write
from harmonia_core.engine.rewind_scopes import Rebuild
from harmonia_core.engine.rewind_values import Values
from harmonia_core.engine.undo_folds import counts_inside
from harmonia_core.engine.walks import begun, node_of
from harmonia_core.model.addresses import heads
from harmonia_core.model.graph import Graph, TaskNode
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus
from harmonia_core.model.undo import NOTHING_UNDONE, Owed, UndoEntry, UndoState

_HINT = "let that version undo it in the same way, undo the execution instead, or do without adoption"


class Takeover(NamedTuple):
    """Hold what is taken over, oldest first. abandoned: paths of what is not, and is not undone either."""

    entries: tuple[UndoEntry, ...] = ()
    owed: tuple[Owed, ...] = ()
    abandoned: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Return which tasks it is about."""
        return _paths(self.entries, self.owed)


def still_undoable(state: ExecutionState) -> frozenset[str]:
    """Return which tasks an execution can still undo."""
    return frozenset(_paths(_standing(state.undo), state.undo.owed))


def taken_over(rebuild: Rebuild, values: Values, graph: Graph, adopt: bool) -> Takeover:
    """Return what of the origin can still be undone, and by whom; problems are added to the others."""
    past, undo = rebuild.past, rebuild.past.state.undo
    standing = _standing(undo)
    open_ = _paths(standing, undo.owed)
    if not adopt:
        return Takeover(abandoned=open_)
    _check_quiet(rebuild, undo)
    kept = {path for path in open_ if _holds(rebuild, values, path)}
    entries = tuple(entry for entry in standing if entry.path in kept and _untouched(past, entry))
    found = Takeover(entries, tuple(one for one in undo.owed if one.path in kept))
    paths = set(found.paths)
    for path in found.paths:
        _check_undo(rebuild, graph, path)
    return found._replace(abandoned=tuple(path for path in open_ if path not in paths))


def _standing(undo: UndoState) -> list[UndoEntry]:
    return [entry for _, entry in undo.entries() if entry.task.status not in FINAL_TASK]


def _paths(entries: Sequence[UndoEntry], owed: Sequence[Owed]) -> tuple[str, ...]:
    return (*(entry.path for entry in entries), *(one.path for one in owed))


def _holds(rebuild: Rebuild, values: Values, path: str) -> bool:
    """Tell whether a task's work is gone on from: it neither runs again nor goes on inside."""
    end = rebuild.past.ends.get(path)
    return path not in rebuild.reopened and values.holds(Write(end.seq if end else 0, "", path, {}))


def _untouched(past: Past, entry: UndoEntry) -> bool:
    return entry.task.status is TaskStatus.READY and not entry.task.attempt and entry.path not in past.undone


def _check_quiet(rebuild: Rebuild, undo: UndoState) -> None:
    """Refuse what is being undone at the moment: whoever has begun that must end it."""
    paths = [one.path for one in undo.open] or ([""] if undo.working or undo.wanted else [])
    for path in paths:
        message = "it is being undone, so that nobody else can take over what is not undone yet"
        rebuild.refuse("undo-under-way", path, message, "let that end first")


def _check_undo(rebuild: Rebuild, graph: Graph, path: str) -> None:
    """Refuse what the other version could not undo, or would undo in another way."""
    if graph is rebuild.past.graph:
        return
    old, new = _undo_of(rebuild.past.graph, path), _undo_of(graph, path)
    if new is None:
        message = "it has been done and can be undone, and the other version has no `compensate` there"
        rebuild.refuse("undo-removed", path, message, _HINT)
    elif old is not None and old.type != new.type:
        message = f"what undoes it is of type {old.type!r}, and {new.type!r} in the other version"
        rebuild.refuse("undo-changed", path, message, _HINT)


def _undo_of(graph: Graph, path: str) -> TaskNode | None:
    try:
        return node_of(graph, path).undo
    except (KeyError, ValueError):
        return None


def with_undo(state: ExecutionState, found: Takeover) -> ExecutionState:
    """Return the state with what is taken over, and with which of it lies in what goes on."""
    if not state.graph.undoes:
        return state
    undo = NOTHING_UNDONE
    for entry in found.entries:
        undo = undo.with_entry(entry)
    since = dict(_since(state, found.entries))
    if not (found.owed or since):
        return state if undo is NOTHING_UNDONE else state._replace(undo=undo)
    return state._replace(undo=undo._replace(owed=found.owed, since=since))


def _since(state: ExecutionState, entries: Sequence[UndoEntry]) -> Iterator[tuple[str, int]]:
    """Yield, for what goes on, how many entries are older than the first that lies in it."""
    first: dict[str, int] = {}
    for number, entry in enumerate(entries):
        for outer, _ in heads(entry.path)[:-1]:
            first.setdefault(outer, number)
    for path, task in begun(state.graph, state):
        if task.attempt and counts_inside(node_of(state.graph, path)):
            yield path, first.get(path, len(entries))
