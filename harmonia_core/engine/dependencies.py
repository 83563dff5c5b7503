"""Dependencies of one scope: who waits for whom, cycles, and who may read whom. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from harmonia_core.engine.suggestions import Names
from harmonia_core.errors import Problem
from harmonia_core.model.pointer import Pointer, path_text
from harmonia_core.model.task_spec import TaskSpec

_SHOWN = 12
_SEARCH_STEPS = 2_000_000


class Dependencies:
    """Hold the edges between the tasks of one scope, as positions in definition order.

    before, after: of each task, ascending. ids: names to suggest from.
    """

    def __init__(self, tasks: Sequence[TaskSpec], places: Sequence[Pointer], problems: list[Problem]) -> None:
        self._tasks, self._places, self._problems = tasks, places, problems
        self.index: Mapping[str, int] = {task.id: place for place, task in enumerate(tasks)}
        self.ids = Names(self.index)
        self.before: list[tuple[int, ...]] = []
        self.after: list[list[int]] = [[] for _ in tasks]
        self._meant: dict[int, tuple[int, ...]] = {}
        self._wanted: dict[int, list[tuple[int, str]]] = {}
        for place, task in enumerate(tasks):
            self._connect(place, task)
        self._reader, self._direct = -1, frozenset[int]()
        self._order = self._sorted()
        self._report_cycles()

    def _connect(self, place: int, task: TaskSpec) -> None:
        if not task.depends_on:
            self.before.append(())
            return
        found = [self.index.get(name) for name in task.depends_on]
        known = sorted({position for position in found if position is not None})
        if len(known) < len(found):
            self._report_names(place, task)
        self.before.append(tuple(known))
        for position in known:
            self.after[position].append(place)

    def _report_names(self, place: int, task: TaskSpec) -> None:
        """Report names that nobody has or that stand twice; what was meant counts for reading."""
        meant = []
        path = path_text((*self._places[place], "depends_on"))
        for number, name in enumerate(task.depends_on):
            where = f"{path}[{number}]"
            if name in task.depends_on[:number]:
                self._add("dependency-repeated", where, f"{name!r} stands twice")
            elif name not in self.index:
                near = self.ids.nearest(name)
                self._add("dependency-unknown", where, f"there is no task {name!r}", self.ids.hint(name))
                meant += [self.index[near]] if near else []
        self._meant[place] = tuple(meant)

    def _add(self, code: str, path: str, message: str, hint: str | None = None) -> None:
        self._problems.append(Problem(code, path, message, suggestion=hint))

    def _sorted(self) -> list[int]:
        """Return the tasks so that each stands behind its dependencies; those in or behind a cycle lack."""
        open_count = [len(before) for before in self.before]
        order = [place for place, count in enumerate(open_count) if not count]
        for place in order:
            for dependant in self.after[place]:
                open_count[dependant] -= 1
                if not open_count[dependant]:
                    order.append(dependant)
        return order

    def _report_cycles(self) -> None:
        left = set(range(len(self.before))).difference(self._order)
        for cycle in self._cycles(left):
            names = [self._tasks[place].id for place in (*cycle, cycle[0])]
            shown = names if len(names) <= _SHOWN else [*names[: _SHOWN - 1], "…", names[-1]]
            who = "a task waits for itself" if len(cycle) == 1 else f"{len(cycle)} tasks wait for each other"
            message = f"{who}: {' → '.join(shown)}"
            path = path_text((*self._places[cycle[0]], "depends_on"))
            self._add("dependency-cycle", path, message, "remove one of these dependencies")

    def _cycles(self, left: set[int]) -> Iterator[list[int]]:
        """Yield cycles among `left`, no task in two of them; each begins with its first task."""
        done: set[int] = set()
        for start in sorted(left):
            trail: dict[int, None] = {}
            here: int | None = start
            while here is not None and here not in done and here not in trail:
                trail[here] = None
                here = next((place for place in self.before[here] if place in left), None)
            if here is not None and here in trail:
                walked = list(trail)
                cycle = walked[walked.index(here) :][::-1]
                first = cycle.index(min(cycle))
                yield cycle[first:] + cycle[:first]
            done.update(trail)

    def may_read(self, reader: int, read: int, path: str) -> bool:
        """Tell whether a task is a direct dependency; any other is noted, for `unreadable`."""
        if reader != self._reader:
            self._reader, self._direct = reader, frozenset(self.before[reader])
        if read in self._direct:
            return True
        self._wanted.setdefault(reader, []).append((read, path))
        return False

    def why_not(self, reader: int, read: int) -> tuple[str, str | None]:
        """Return why a task may not read another, and how to mend it."""
        own, other = self._tasks[reader].id, self._tasks[read].id
        message = f"{own!r} reads the result of {other!r} but does not wait for it"
        return message, f"add {other!r} to depends_on of {own!r}"

    def unreadable(self) -> Iterator[tuple[int, int, str]]:
        """Yield (reader, read, path) of the noted readings whose task is no ancestor."""
        if not self._wanted:
            return iter(())
        clean = len(self._order) == len(self.before) and not self._meant
        return self._by_masks() if clean else self._by_search()

    def _by_masks(self) -> Iterator[tuple[int, int, str]]:
        """Walk in order with one bit per ancestor; a mask is dropped once no task needs it."""
        masks: dict[int, int] = {}
        needed = [len(after) for after in self.after]
        for place in self._order:
            mask = 0
            for position in self.before[place]:
                mask |= masks[position] | 1 << position
                needed[position] -= 1
                if not needed[position]:
                    del masks[position]
            if needed[place]:
                masks[place] = mask
            if place in self._wanted:
                yield from _missing(place, self._wanted[place], partial(_has_bit, mask))

    def _by_search(self) -> Iterator[tuple[int, int, str]]:
        """Search upwards for each reader, also through cycles and misspelt names; within a bound."""
        steps = _SEARCH_STEPS
        for reader, wanted in self._wanted.items():
            if steps > 0:
                seen = self._above(reader)
                steps -= len(seen)
                yield from _missing(reader, wanted, seen.__contains__)

    def _above(self, reader: int) -> set[int]:
        seen: set[int] = set()
        stack = [reader]
        while stack:
            place = stack.pop()
            fresh = {*self.before[place], *self._meant.get(place, ())} - seen
            seen |= fresh
            stack += fresh
        return seen


def _has_bit(mask: int, position: int) -> int:
    return mask >> position & 1


def _missing(
    reader: int, wanted: Sequence[tuple[int, str]], known: Callable[[int], Any]
) -> Iterator[tuple[int, int, str]]:
    return ((reader, read, path) for read, path in wanted if not known(read))


class StepOrder:
    """Stand for the dependencies of a sequence, whose steps wait for nobody: they are carried out in turn.

    free: whether it may go back, so that a step may read what stands behind it.
    """

    def __init__(self, tasks: Sequence[TaskSpec], free: bool) -> None:
        self._tasks, self._free = tasks, free
        self.index: Mapping[str, int] = {task.id: place for place, task in enumerate(tasks)}
        self.ids = Names(self.index)
        self.before: list[tuple[int, ...]] = [()] * len(tasks)
        self.after: list[list[int]] = [[] for _ in tasks]
        self._noted: list[tuple[int, int, str]] = []

    def may_read(self, reader: int, read: int, path: str) -> bool:
        """Tell whether a step may have ended when another begins; any other is noted, for `unreadable`."""
        if read < reader or (self._free and read != reader):
            return True
        self._noted.append((reader, read, path))
        return False

    def why_not(self, reader: int, read: int) -> tuple[str, str | None]:
        """Return why a step may not read another."""
        own, other = self._tasks[reader].id, self._tasks[read].id
        return f"{own!r} reads the result of {other!r}, which comes later", None

    def unreadable(self) -> Iterator[tuple[int, int, str]]:
        """Yield (reader, read, path) of the noted readings."""
        return iter(self._noted)
