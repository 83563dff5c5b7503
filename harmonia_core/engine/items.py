"""Fold one item's change into its map. Pure.

An item that has ended leaves the state: what stays is one byte on its page, a
count, and the first error. Its output is a row in the store.
"""

from harmonia_core.engine.frontier import held_in, stirs_inside
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.state import (
    MARK_CANCELLED,
    MARK_FAILED,
    MARK_OPEN,
    MARK_SUCCEEDED,
    PAGE_BITS,
    PAGE_MASK,
    MapState,
    TaskState,
)
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

_MARKS = {TaskStatus.SUCCEEDED: MARK_SUCCEEDED, TaskStatus.FAILED: MARK_FAILED}
_FRESH = TaskState(TaskStatus.READY)


def item(items: MapState, index: int) -> TaskState:
    """Return an item in flight, or the fresh state of one that has not begun."""
    return items.flight.get(index, _FRESH)


def next_open(items: MapState, index: int) -> int:
    """Return the first index from this one on whose item has not begun; the width if all have."""
    while index < items.width:
        if items.marks[index >> PAGE_BITS][index & PAGE_MASK] == MARK_OPEN and index not in items.flight:
            return index
        index += 1
    return index


def put_item(items: MapState, index: int, new: TaskState, node: TaskNode) -> MapState:
    """Return the map with one item replaced; items begin in index order. node: what each item runs."""
    cursor = items.cursor if index < items.cursor else index + 1
    old = items.flight.get(index, _FRESH)
    held = items.held + held_in(new) - held_in(old)
    again = tuple(other for other in items.again if other != index) if items.again else ()
    flight = dict(items.flight)
    if new.status not in FINAL_TASK:
        flight[index] = new
        if new.status is TaskStatus.READY or stirs_inside(node, new):
            again = (*again, index)
        put = items._replace(cursor=cursor, flight=flight, again=again, held=held)
    else:
        flight.pop(index, None)
        put = _end(items, index, new)._replace(cursor=cursor, flight=flight, again=again, held=held)
    return put if put.prior is None else put._replace(cursor=next_open(put, items.cursor))


def _end(items: MapState, index: int, ended: TaskState) -> MapState:
    marked = items._replace(marks=_mark(items.marks, index, _MARKS.get(ended.status, MARK_CANCELLED)))
    if ended.status is TaskStatus.SUCCEEDED:
        return marked._replace(succeeded=items.succeeded + 1)
    if ended.status is not TaskStatus.FAILED:
        return marked
    first = items.error is None
    return marked._replace(
        failed=items.failed + 1,
        error=ended.error if first else items.error,
        error_index=index if first else items.error_index,
    )


def _mark(marks: tuple[bytes, ...], index: int, mark: int) -> tuple[bytes, ...]:
    number, slot = index >> PAGE_BITS, index & PAGE_MASK
    page = bytearray(marks[number])
    page[slot] = mark
    return (*marks[:number], bytes(page), *marks[number + 1 :])
