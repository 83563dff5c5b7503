"""What differs between two states, of one execution or of two: by task, in order, as it is asked for. Pure.

Items of maps that have ended are compared page by page of their marks; what their ends recorded is read by
whoever has the store, for one page at a time, and only where it can differ.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harmonia_core.engine.state_shapes import (
    TIMES,
    Shape,
    Standing,
    canonical_shape,
    execution_shape,
    messages,
    scopes,
    standings,
    task_shape,
    timers,
    variables,
    without_times,
)
from harmonia_core.ids import item_path
from harmonia_core.model.codec import canonical
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.state import MARK_OPEN, PAGE, ExecutionState, MapState

MARKS = {ord("s"): "succeeded", ord("f"): "failed", ord("c"): "cancelled"}
_INDEX = re.compile(r"\[(\d+)\]")
Ends = Mapping[int, Shape]
"""What items ended with, by index."""


class TaskChange(NamedTuple):
    """Say what differs about one task. kind: `added`, `removed`, `changed`. fields: before and after."""

    path: str
    type: str
    kind: str
    fields: Mapping[str, tuple[Any, Any]]

    def as_json(self) -> Shape:
        """Return the change in its public JSON shape."""
        fields = {name: {"before": old, "after": new} for name, (old, new) in self.fields.items()}
        return {"path": self.path, "type": self.type, "change": self.kind, "fields": fields}


class ItemPage(NamedTuple):
    """Hold up to 256 items of a map that may differ.

    before, after: marks, empty where the map has no items yet. needed: indexes of which more than the mark
    is to be compared. flying: what either state holds of items in flight, by index.
    """

    path: str
    start: int
    before: bytes
    after: bytes
    needed: tuple[int, ...]
    flying: Mapping[int, Sequence[str]]

    @property
    def stop(self) -> int:
        """Return the index behind the last item."""
        return self.start + max(len(self.before), len(self.after))


def same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are the same; 1 and true are not."""
    return bool(one == other) and canonical(one) == canonical(other)


def changed_fields(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str] | None = None
) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two shapes, by name; what is missing is null."""
    names = dict.fromkeys((*before, *after)) if names is None else names
    pairs = {name: (before.get(name), after.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if not same(*pair)}


class Difference:
    """Compare two states. times: moments count, too. ids of children count only within one execution."""

    def __init__(self, before: ExecutionState, after: ExecutionState, times: bool = False) -> None:
        self.before, self.after, self.times = before, after, times
        self._one_log = before.execution_id == after.execution_id
        self._ignored = frozenset() if times else TIMES
        if not self._one_log:
            self._ignored |= {"child"}
        self._old = {one.path: one for one in standings(before)}
        self._new = {one.path: one for one in standings(after)}

    def changes(self) -> Iterator[TaskChange | ItemPage]:
        """Yield tasks that differ and pages of items that may, in the order of the definition."""
        yield from self._of(_merged(list(self._old), list(self._new)))

    def _of(self, paths: Sequence[str]) -> Iterator[TaskChange | ItemPage]:
        place = 0
        while place < len(paths):
            path = paths[place]
            change = self._task(path, self._old.get(path), self._new.get(path))
            if change is not None:
                yield change
            place += 1
            if self._items(self._old, path) is not None or self._items(self._new, path) is not None:
                inside = place
                while place < len(paths) and paths[place].startswith(f"{path}["):
                    place += 1
                yield from self._pages(path, paths[inside:place])

    def _items(self, side: Mapping[str, Standing], path: str) -> MapState | None:
        found = side.get(path)
        return None if found is None else found.task.items

    def _task(self, path: str, old: Standing | None, new: Standing | None) -> TaskChange | None:
        one = new or old
        assert one is not None
        fields = changed_fields(self._shape(old), self._shape(new))
        if not fields and old is not None and new is not None:
            return None
        kind = "added" if old is None else "removed" if new is None else "changed"
        return TaskChange(path, one.node.type, kind, fields)

    def _shape(self, one: Standing | None) -> Shape:
        shape = {} if one is None else task_shape(one.task)
        if "items" in shape:
            shape["items"] = {name: value for name, value in shape["items"].items() if name != "marks"}
        return {name: value for name, value in shape.items() if name not in self._ignored}

    def _pages(self, path: str, inside: Sequence[str]) -> Iterator[ItemPage]:
        old, new = self._items(self._old, path), self._items(self._new, path)
        flying: dict[int, list[str]] = {}
        for one in inside:
            found = _INDEX.match(one, len(path))
            flying.setdefault(int(found[1]) if found else 0, []).append(one)
        known = self._one_log and self._old[path].task.started_at == self._new[path].task.started_at \
            if old is not None and new is not None else False  # fmt: skip
        pages = max(len(side.marks) if side else 0 for side in (old, new))
        for number in range(pages):
            start = number * PAGE
            marks = [side.marks[number] if side and number < len(side.marks) else b"" for side in (old, new)]
            here = {index: flying[index] for index in flying if start <= index < start + PAGE}
            needed = tuple(_needed(marks[0], marks[1], known, start))
            if needed or here:
                yield ItemPage(path, start, marks[0], marks[1], needed, here)

    def items(self, page: ItemPage, old: Ends, new: Ends) -> Iterator[TaskChange | ItemPage]:
        """Yield the items of a page that differ, and what lies inside. old, new: what they ended with."""
        for index in sorted({*page.needed, *page.flying}):
            held = page.flying.get(index, ())
            path = item_path(page.path, index)
            sides = [
                self._item(self._old, path, page.before, index - page.start, old.get(index)),
                self._item(self._new, path, page.after, index - page.start, new.get(index)),
            ]
            change = self._ended(page.path, path, *sides)
            if change is not None:
                yield change
            yield from self._of([one for one in held if one != path])

    def _item(
        self, side: Mapping[str, Standing], path: str, marks: bytes, slot: int, end: Shape | None
    ) -> Shape | None:
        """Return what an item is: in flight, ended, or (None) not begun."""
        if path in side:
            return self._shape(side[path])
        mark = MARKS.get(marks[slot]) if slot < len(marks) else None
        if mark is None:
            return None
        shape = {"status": mark, **(end or {})}
        return {name: value for name, value in shape.items() if name not in self._ignored}

    def _ended(self, map_path: str, path: str, old: Shape | None, new: Shape | None) -> TaskChange | None:
        if old is None or new is None:
            fields = changed_fields(old or {}, new or {})
        else:
            # Of an item that has ended nobody knows any more what it was given: what both say is compared.
            fields = changed_fields(old, new, [name for name in old if name in new])
        if not fields:
            return None
        return TaskChange(path, self._item_type(map_path), "added" if old is None else
                          "removed" if new is None else "changed", fields)  # fmt: skip

    def _item_type(self, map_path: str) -> str:
        node: TaskNode = (self._new.get(map_path) or self._old[map_path]).node
        return node.item.type if node.item is not None else node.type

    def rest(self) -> Shape:
        """Return what differs beside the tasks, by part: execution, variables, scopes, timers, messages."""
        sides = [_rest(state, self.times) for state in (self.before, self.after)]
        return {
            part: {name: {"before": old, "after": new} for name, (old, new) in
                   changed_fields(sides[0][part], sides[1][part]).items()}
            for part in sides[0]
        }  # fmt: skip


def _needed(old: bytes, new: bytes, known: bool, start: int) -> Iterator[int]:
    """Yield the indexes whose marks differ; if what ended may differ all the same, those that have ended."""
    if known and old == new:
        return
    for slot in range(max(len(old), len(new))):
        marks = [side[slot] if slot < len(side) else MARK_OPEN for side in (old, new)]
        if marks[0] != marks[1] or (not known and marks[0] != MARK_OPEN):
            yield start + slot


def _merged(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return all paths in the order of the newer state, each that is gone behind what stood before it."""
    there = set(new)
    gone: dict[str, list[str]] = {}
    anchor = ""
    for path in old:
        if path in there:
            anchor = path
        else:
            gone.setdefault(anchor, []).append(path)
    found = list(gone.get("", ()))
    for path in new:
        found += [path, *gone.get(path, ())]
    return found


def _rest(state: ExecutionState, times: bool) -> Shape:
    execution = execution_shape(state)
    inbox = messages(state)
    kept, waiting = inbox["kept"], inbox["waiting"]
    open_timers = {f"{one['path'] or 'execution'} {one['kind']}": one["due"] for one in timers(state)}
    if not times:
        execution = without_times(execution)
        kept = {key: {**one, "at": None, "expires": None} for key, one in kept.items()}
        waiting = {path: without_times(one) for path, one in waiting.items()}
        open_timers = dict.fromkeys(open_timers, "set")
    return {
        "execution": execution,
        "variables": {
            f"{path}.{name}" if path else name: value
            for path, values in variables(state).items()
            for name, value in values.items()
        },
        "scopes": scopes(state),
        "timers": open_timers,
        "messages": {f"kept {key}": one for key, one in kept.items()}
        | {f"waiting {path}": one for path, one in waiting.items()},
    }


def patch(before: ExecutionState, after: ExecutionState) -> list[Shape]:
    """Return the JSON Patch (RFC 6902) that makes of one state's canonical shape the other's."""
    from jsonpatch import make_patch  # only who asks for a patch loads it

    found: list[Shape] = make_patch(canonical_shape(before), canonical_shape(after)).patch
    return found
