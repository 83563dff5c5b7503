"""Put back items of a map: those that run again, those that go on, and those whose outputs are kept. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harmonia_core.engine.frontier import held_in, stirs_inside
from harmonia_core.engine.items import next_open
from harmonia_core.engine.rewind_paths import Way
from harmonia_core.ids import item_path
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.rewinding import Need
from harmonia_core.model.state import (
    MARK_CANCELLED,
    MARK_FAILED,
    MARK_OPEN,
    MARK_SUCCEEDED,
    PAGE,
    MapState,
    TaskState,
)
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

if TYPE_CHECKING:
    from harmonia_core.engine.rewind_scopes import Rebuild


def put_back(rebuild: "Rebuild", node: TaskNode, task: TaskState, path: str, ways: Sequence[Way]) -> MapState:
    """Return the items of a map that goes on."""
    items = task.items
    assert items is not None and node.item is not None
    marks = bytearray(b"".join(items.marks))
    flight = dict[int, TaskState]()
    wanted: dict[int, list[Way]] = {}
    for way in ways:
        index = way[0].item
        if index is not None and index < items.width:
            wanted.setdefault(index, []).append(way)
        else:
            rebuild.refuse("item-unknown", f"{path}[{index}]", f"the map has {items.width:,} items")
    _void(rebuild, marks, wanted)
    ends = (rebuild.past.ends.get(item_path(path, index)) for index, found in wanted.items() if found)
    rebuild.past.look_at(end.seq for end in ends if end is not None)
    for index in sorted({*wanted, *items.flight}):
        new = _item(rebuild, node.item, items, item_path(path, index), index, wanted.get(index, ()))
        marks[index] = MARK_OPEN
        if new is not None:
            flight[index] = new
    _note(rebuild, path, marks, flight)
    _keep(rebuild, node, task, path, marks)
    failed = marks.count(MARK_FAILED)
    pages = tuple(bytes(marks[n : n + PAGE]) for n in range(0, len(marks), PAGE))
    put = MapState(
        items.width, 0, flight, _again(node.item, flight), pages, marks.count(MARK_SUCCEEDED), failed,
        sum(held_in(one) for one in flight.values()), items.error if failed else None,
        items.error_index if failed else None, prior=(),
    )  # fmt: skip
    return put._replace(cursor=next_open(put, 0))


def _void(rebuild: "Rebuild", marks: bytearray, wanted: dict[int, list[Way]]) -> None:
    """Add the items that have ended and have no result to go on from."""
    void = {MARK_CANCELLED, MARK_FAILED} if rebuild.again_failed else {MARK_CANCELLED}
    for index, mark in enumerate(marks):
        if mark in void and index not in wanted:
            wanted[index] = []


def _item(
    rebuild: "Rebuild", node: TaskNode, items: MapState, path: str, index: int, ways: Sequence[Way]
) -> TaskState | None:
    """Return an item that goes on; None if it begins anew, or has not begun."""
    whole = not ways or any(len(way) == 1 and way[0].round is None for way in ways)
    flying = items.flight.get(index)
    if whole and flying is not None and not ways:
        new = rebuild.left(node, flying, path)
        return new if new.attempt else None
    if whole or node.scope is None:
        return None
    task = flying or _ended(rebuild, path)
    if task is not None and task.inside is not None:
        return rebuild.open(node, task, path, [(way[0]._replace(item=None), *way[1:]) for way in ways])
    message = f"{path} ended in the execution that this one goes on from, or never began"
    rebuild.refuse("not-in-this-log", path, message, "name the item as a whole")
    return None


def _ended(rebuild: "Rebuild", path: str) -> TaskState | None:
    """Return an item as it was just before it ended; the state has forgotten it."""
    end = rebuild.past.ends.get(path)
    return None if end is None else rebuild.past.before(end.seq).task(path)


def _note(rebuild: "Rebuild", path: str, marks: bytearray, flight: dict[int, TaskState]) -> None:
    for index, mark in enumerate(marks):
        if mark == MARK_SUCCEEDED:
            rebuild.reused.append(item_path(path, index))
        elif mark == MARK_OPEN and index not in flight:
            rebuild.fresh(item_path(path, index))


def _keep(rebuild: "Rebuild", node: TaskNode, task: TaskState, path: str, marks: bytearray) -> None:
    """Note whose outputs are to be kept, if any are."""
    kept = tuple(index for index, mark in enumerate(marks) if mark == MARK_SUCCEEDED)
    if not kept:
        return
    ref, items = task.output, task.items
    assert items is not None
    here = task.status not in FINAL_TASK or path in rebuild.past.ends
    if type(ref) is BlobRef and not here and node.reduce is None:
        rebuild.needs.append(Need(path, ref, kept))
        return
    if type(ref) is not ItemsRef:
        ref = ItemsRef(path, items.width, None, 0, items.prior)
        if not here:
            message = "its items were carried out by the execution that this one goes on from"
            rebuild.refuse("not-in-this-log", path, message, "run the map again as a whole")
            return
    if ref.execution is None:
        ref = replace(ref, execution=rebuild.past.state.execution_id)
    rebuild.needs.append(Need(path, ref, kept))


def _again(node: TaskNode, flight: dict[int, TaskState]) -> tuple[int, ...]:
    ready = TaskStatus.READY
    return tuple(i for i, one in flight.items() if one.status is ready or stirs_inside(node, one))
