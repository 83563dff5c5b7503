"""What an execution keeps in order to undo what it has done: part of its state, never changed in place.

Entries stand in pages of 256 in the order in which their tasks succeeded, so that one more
costs no more when there are many; each page knows where its paths are.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import Stored

if TYPE_CHECKING:
    from harmonia_core.model.state import TaskState

ENTRIES_OF_A_PAGE = 256


class UndoEntry(NamedTuple):
    """Hold how one task can be undone.

    path: of that task. task: where the undo stands; `ready` until it begins. fault: why its input is
    not known.
    """

    path: str
    task: "TaskState"
    fault: ErrorInfo | None = None


class UndoPage(NamedTuple):
    """Hold up to 256 entries. slots: where the paths are among them."""

    entries: tuple[UndoEntry, ...]
    slots: Mapping[str, int]


class Owed(NamedTuple):
    """Remember a task that has succeeded and whose undo has no input yet."""

    path: str
    output: Stored


class Compensation(NamedTuple):
    """Hold what is being undone at this moment.

    path: the map or composite inside which, empty for the execution. cursor: number of the youngest
    entry that is still to be undone there, 0 when all are. since: entries up to this one are older than
    it and lie elsewhere.
    """

    path: str
    error: ErrorInfo | None
    cursor: int
    since: int


class UndoState(NamedTuple):
    """Hold all of it.

    owed: entries to record before anything else is decided. working: numbers of the undos that have
    begun and not ended. standing: how many entries are not undone; ended: how many undos have ended.
    held: how many undos are in attention. wanted: a person has asked for compensation.
    since: how many entries there were when those maps and composites began that may need to know which
    lie inside them.
    """

    owed: tuple[Owed, ...] = ()
    pages: tuple[UndoPage, ...] = ()
    open: tuple[Compensation, ...] = ()
    working: tuple[int, ...] = ()
    standing: int = 0
    ended: int = 0
    held: int = 0
    wanted: bool = False
    since: Mapping[str, int] = MappingProxyType({})

    @property
    def length(self) -> int:
        """Return how many entries there are, which is the number of the last one."""
        if not self.pages:
            return 0
        return (len(self.pages) - 1) * ENTRIES_OF_A_PAGE + len(self.pages[-1].entries)

    def entry(self, number: int) -> UndoEntry:
        """Return an entry by its number."""
        page, slot = divmod(number - 1, ENTRIES_OF_A_PAGE)
        return self.pages[page].entries[slot]

    def number(self, path: str) -> int | None:
        """Return the number of a task's entry, None if it has none."""
        for position in range(len(self.pages) - 1, -1, -1):
            slot = self.pages[position].slots.get(path)
            if slot is not None:
                return position * ENTRIES_OF_A_PAGE + slot + 1
        return None

    def compensation(self, path: str) -> Compensation | None:
        """Return what is being undone inside a map or a composite, None if nothing is."""
        return next((one for one in self.open if one.path == path), None)

    def entries(self) -> Iterator[tuple[int, UndoEntry]]:
        """Yield all entries with their numbers, the oldest first."""
        number = 0
        for page in self.pages:
            for entry in page.entries:
                number += 1
                yield number, entry

    def with_entry(self, entry: UndoEntry) -> "UndoState":
        """Return the state with one more entry."""
        last = self.pages[-1] if self.pages else None
        if last is None or len(last.entries) == ENTRIES_OF_A_PAGE:
            kept, last = self.pages, UndoPage((), MappingProxyType({}))
        else:
            kept = self.pages[:-1]
        slots = {**last.slots, entry.path: len(last.entries)}
        page = UndoPage((*last.entries, entry), slots)
        return self._replace(pages=(*kept, page), standing=self.standing + 1)

    def with_task(self, number: int, task: "TaskState") -> "UndoState":
        """Return the state in which an undo stands elsewhere."""
        position, slot = divmod(number - 1, ENTRIES_OF_A_PAGE)
        page = self.pages[position]
        entry = page.entries[slot]._replace(task=task)
        entries = (*page.entries[:slot], entry, *page.entries[slot + 1 :])
        pages = (*self.pages[:position], page._replace(entries=entries), *self.pages[position + 1 :])
        return self._replace(pages=pages)


NOTHING_UNDONE = UndoState()


def lies_in(path: str, outer: str) -> bool:
    """Tell whether a task lies inside a map or a composite; everything lies inside the execution."""
    return not outer or path.startswith((f"{outer}/", f"{outer}["))
