"""A state as bytes and back, so that a long log need not be folded from its start. Pure.

A snapshot is a cache: it carries its format number, and one that this version
does not read is ignored in favour of the log.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json, to_json

from harmonia_core.model.codec import read_ref
from harmonia_core.model.commands import Answer
from harmonia_core.model.control import FREE, read_control
from harmonia_core.model.family import ALONE, Family
from harmonia_core.model.graph import Graph
from harmonia_core.model.inbox import EMPTY, dump_inbox, read_inbox
from harmonia_core.model.outcomes import ErrorInfo, error_from_json
from harmonia_core.model.refs import REFS
from harmonia_core.model.state import (
    PAGE,
    ExecutionState,
    GraphState,
    InsideState,
    MapState,
    Question,
    Tally,
    TaskState,
)
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus
from harmonia_core.model.undo import NOTHING_UNDONE, Compensation, Owed, UndoEntry, UndoPage, UndoState
from harmonia_core.model.values import Hole

FORMAT = 6

_PLAIN = ("execution_id", "seq", "status", "reason", "vars", "labels", "root_id", "started_at", "ended_at",
          "deadline", "cancelling", "timed_out", "failed", "ends_before")  # fmt: skip
_MASKS = ("ready", "doomed", "active", "stirred")
_TASK_DEFAULTS = TaskState()
_MARKS_OF_A_TASK = 64


def dump(state: ExecutionState) -> bytes:
    """Return the state, without its graph, as JSON bytes."""
    shape: dict[str, Any] = {name: getattr(state, name) for name in _PLAIN}
    shape |= {"format": FORMAT, "input": _stored(state.input), "output": _stored(state.output)}
    shape["error"] = state.error.as_json() if state.error else None
    shape["asks"] = {key: list(question) for key, question in state.asks.items()}
    shape["answers"] = [[*key, _answer(answer)] for key, answer in state.answers.items()]
    shape["scope"] = _graph(state.scope)
    if state.undo is not NOTHING_UNDONE:
        shape["undo"] = _undo(state.undo)
    if state.family != ALONE:
        shape["family"] = list(state.family)
    if state.inbox != EMPTY:
        shape["inbox"] = dump_inbox(state.inbox)
    if state.control != FREE:
        shape["control"] = list(state.control)
    return to_json(shape)


def load(graph: Graph, text: bytes) -> ExecutionState | None:
    """Return the state, bound to its graph; None if another format wrote it, in whatever encoding."""
    try:
        shape = from_json(text)
    except ValueError:
        return None
    if not isinstance(shape, dict) or shape.get("format") != FORMAT:
        return None
    return read(graph, shape)


def read(graph: Graph, shape: Mapping[str, Any]) -> ExecutionState:
    """Return the state in a shape of this format, or of an older one that lacks some fields."""
    plain = {name: shape[name] for name in _PLAIN if name in shape}
    plain |= {"status": ExecutionStatus(plain["status"]), "failed": tuple(plain["failed"])}
    return ExecutionState(
        graph=graph,
        scope=_read_graph(shape["scope"]),
        input=_read_stored(shape["input"]),
        output=_read_stored(shape["output"]),
        error=_read_error(shape["error"]),
        asks={key: Question(*question) for key, question in shape["asks"].items()},
        undo=_read_undo(shape["undo"]) if "undo" in shape else NOTHING_UNDONE,
        family=Family(*shape["family"]) if "family" in shape else ALONE,
        answers={(path, place): _read_answer(answer) for path, place, answer in shape["answers"]},
        inbox=read_inbox(shape["inbox"]) if "inbox" in shape else EMPTY,
        control=read_control(*shape["control"]) if "control" in shape else FREE,
        **plain,
    )


def weight(scope: GraphState) -> int:
    """Count the tasks that a scope holds, at any depth; 64 items of a map that have ended weigh as one."""
    count = 0
    for page in scope.pages:
        count += len(page)
        for task in page:
            if task.items is not None or task.inside is not None:
                count += _held(task)
    return count


def _held(task: TaskState) -> int:
    count = weight(task.inside.graph) if task.inside is not None else 0
    if task.items is not None:
        flight = task.items.flight
        count += task.items.width // _MARKS_OF_A_TASK + len(flight) + sum(map(_held, flight.values()))
    return count


def _graph(scope: GraphState) -> dict[str, Any]:
    shape: dict[str, Any] = {name: format(getattr(scope, name), "x") for name in _MASKS}
    shape["counts"] = [scope.outstanding, scope.open, scope.held]
    shape["tasks"] = [_task(task) for page in scope.pages for task in page]
    return shape


def _read_graph(shape: Mapping[str, Any]) -> GraphState:
    tasks = [_read_task(task) for task in shape["tasks"]]
    pages = tuple(tuple(tasks[n : n + PAGE]) for n in range(0, len(tasks), PAGE))
    outstanding, open_, held = shape["counts"]
    masks = {name: int(shape[name], 16) for name in _MASKS}
    return GraphState(pages, **masks, outstanding=outstanding, open=open_, held=held)


def _inside(inside: InsideState) -> dict[str, Any]:
    error = inside.error.as_json() if inside.error else None
    plain = {"graph": _graph(inside.graph), "vars": dict(inside.vars), "error": error}
    return {**inside._asdict(), **plain}


def _read_inside(shape: Mapping[str, Any]) -> InsideState:
    read = {"graph": _read_graph(shape["graph"]), "error": _read_error(shape["error"])}
    return InsideState(**{**shape, **read})


def _undo(undo: UndoState) -> dict[str, Any]:
    return {
        **undo._asdict(),
        "owed": [[owed.path, _stored(owed.output)] for owed in undo.owed],
        "pages": [[_entry(entry) for entry in page.entries] for page in undo.pages],
        "open": [[one.path, _error(one.error), one.cursor, one.since] for one in undo.open],
        "since": dict(undo.since),
    }


def _entry(entry: UndoEntry) -> list[Any]:
    return [entry.path, _task(entry.task), _error(entry.fault)]


def _read_undo(shape: Mapping[str, Any]) -> UndoState:
    read = {
        "owed": tuple(Owed(path, _read_stored(output)) for path, output in shape["owed"]),
        "pages": tuple(_read_page(page) for page in shape["pages"]),
        "open": tuple(
            Compensation(path, _read_error(error), cursor, since)
            for path, error, cursor, since in shape["open"]
        ),
        "working": tuple(shape["working"]),
    }
    return UndoState(**{**shape, **read})


def _read_page(entries: list[Any]) -> UndoPage:
    slots = {entry[0]: slot for slot, entry in enumerate(entries)}
    read = (UndoEntry(path, _read_task(task), _read_error(fault)) for path, task, fault in entries)
    return UndoPage(tuple(read), slots)


def _error(error: ErrorInfo | None) -> dict[str, Any] | None:
    return error.as_json() if error is not None else None


def _stored(value: Any) -> Any:
    return {"@": value.as_json()} if isinstance(value, REFS) else {"=": value}


def _read_stored(shape: Mapping[str, Any]) -> Any:
    return read_ref(shape["@"]) if "@" in shape else shape["="]


def _read_error(shape: Mapping[str, Any] | None) -> ErrorInfo | None:
    return error_from_json(shape) if shape is not None else None


def _holes(holes: tuple[Hole, ...]) -> list[Any]:
    return [hole.as_json() for hole in holes]


def _answer(answer: Answer) -> dict[str, Any]:
    error = answer.error.as_json() if answer.error else None
    value = _stored(answer.value)
    return {"value": value, "holes": _holes(answer.holes), "error": error, "width": answer.width}


def _read_answer(shape: Mapping[str, Any]) -> Answer:
    holes = tuple(Hole.from_json(hole) for hole in shape["holes"])
    return Answer(_read_stored(shape["value"]), holes, _read_error(shape["error"]), shape["width"])


def _task(task: TaskState) -> dict[str, Any]:
    shape = {}
    for name, default, value in zip(TaskState._fields, _TASK_DEFAULTS, task, strict=True):
        if value is not default and value != default:
            shape[name] = _WRITE[name](value) if name in _WRITE else value
    return shape


def _read_task(shape: Mapping[str, Any]) -> TaskState:
    if not shape:
        return _TASK_DEFAULTS
    return TaskState(
        **{name: _READ[name](value) if name in _READ else value for name, value in shape.items()}
    )


def _map(items: MapState) -> dict[str, Any]:
    shape = items._asdict()
    shape["flight"] = {str(index): _task(task) for index, task in items.flight.items()}
    shape["marks"] = [page.decode() for page in items.marks]
    shape["error"] = items.error.as_json() if items.error else None
    return shape


def _read_map(shape: Mapping[str, Any]) -> MapState:
    return MapState(
        **{
            **shape,
            "flight": {int(index): _read_task(task) for index, task in shape["flight"].items()},
            "again": tuple(shape["again"]),
            "marks": tuple(page.encode() for page in shape["marks"]),
            "error": _read_error(shape["error"]),
        }
    )


_WRITE: Mapping[str, Callable[[Any], Any]] = {
    "tally": list,
    "input": _stored,
    "output": _stored,
    "holes": _holes,
    "error": ErrorInfo.as_json,
    "items": _map,
    "inside": _inside,
}
_READ: Mapping[str, Callable[[Any], Any]] = {
    "status": TaskStatus,
    "tally": lambda shape: Tally(*shape),
    "input": _read_stored,
    "output": _read_stored,
    "holes": lambda shape: tuple(Hole.from_json(hole) for hole in shape),
    "error": _read_error,
    "items": _read_map,
    "inside": _read_inside,
}
