"""What variables and messages are once some tasks have not been carried out; which effects repeat. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harmonia_core.engine.rewind_past import Write, lies_below
from harmonia_core.engine.rewind_scopes import Cut, Rebuild
from harmonia_core.engine.walks import Level, inside_path, levels, node_of
from harmonia_core.ids import item_path
from harmonia_core.model.addresses import UNDO, covers, heads
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.inbox import Inbox
from harmonia_core.model.rewinding import Repeat
from harmonia_core.model.state import GraphState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

_OUTSIDE = frozenset({"subworkflow", "emit"})
"""Types that the engine carries out itself and that are noticed elsewhere."""


class Values:
    """Look at what is left of a past after it has been put back."""

    def __init__(self, rebuild: Rebuild) -> None:
        self._past, self._cuts = rebuild.past, {cut.path: cut for cut in rebuild.cuts}
        self._gone = frozenset(rebuild.gone)
        self._dropped = {write.owner for write in rebuild.past.writes if not self.holds(write)}

    def holds(self, write: Write) -> bool:
        """Tell whether something that a task has done is still done."""
        for outer, _ in heads(write.writer):
            cut = self._cuts.get(outer)
            late = cut is not None and write.seq > cut.seq
            if outer in self._gone or (late and not _keeps(cut, write.writer)):
                return False
        return True

    def variables(self) -> Mapping[str, Any]:
        """Return the variables of the workflow."""
        past = self._past
        if "" not in self._dropped:
            return past.state.vars
        return self._replayed("", past.first_vars, 0)

    def _replayed(self, owner: str, first: Mapping[str, Any], since: int) -> Mapping[str, Any]:
        found = dict(first)
        for write in self._past.writes:
            if write.owner == owner and write.seq > since and self.holds(write):
                found.update(write.values)
        return found

    def revised(self, nodes: Scope, graph: GraphState, prefix: str = "") -> GraphState:
        """Return a scope in which the composites that go on have the variables that they had."""
        if not self._dropped - {""}:
            return graph
        pages: list[tuple[TaskState, ...]] = []
        for page in graph.pages:
            first = len(pages) * len(graph.pages[0])
            tasks = zip(nodes.tasks[first:], page, strict=False)
            pages.append(tuple(self._task(node, task, prefix + node.id) for node, task in tasks))
        return graph._replace(pages=tuple(pages))

    def _task(self, node: TaskNode, task: TaskState, path: str) -> TaskState:
        if task.status in FINAL_TASK:
            return task
        items, inside = task.items, task.inside
        if items is not None and node.item is not None:
            flight = {
                index: self._task(node.item, item, item_path(path, index))
                for index, item in items.flight.items()
            }
            return task._replace(items=items._replace(flight=flight))
        if inside is None or node.scope is None:
            return task
        if path in self._dropped:
            inside = inside._replace(vars=self._of_composite(node.scope, path))
        within = f"{inside_path(path, node.scope, inside)}/"
        return task._replace(inside=inside._replace(graph=self.revised(node.scope, inside.graph, within)))

    def _of_composite(self, nodes: Scope, path: str) -> Mapping[str, Any]:
        began = self._past.began.get(path)
        if began is not None:
            return self._replayed(path, nodes.vars, began[-1].seq)
        task = self._past.beginning.task(path)
        first = nodes.vars if task is None or task.inside is None else task.inside.vars
        return self._replayed(path, first, 0)

    def inbox(self) -> Inbox:
        """Return the messages that nobody has taken who has still taken them."""
        past, inbox = self._past, self._past.state.inbox
        known = {one.id: one for one in past.beginning.inbox.kept} | past.received
        given_back = {id for took in past.taken if not self.holds(took) for id in took.values}
        wanted = given_back | {one.id for one in inbox.kept}
        return Inbox(tuple(one for id, one in known.items() if id in wanted), inbox.seen)

    def lost(self) -> Iterator[str]:
        """Yield the tasks that run again and wrote variables that nobody knows any more.

        They did so before the log began, and the variables are not those of something that begins anew.
        """
        beginning = self._past.beginning
        for path, names in _written_by(beginning.graph.root, beginning.scope, ""):
            if lies_below(self._gone, path) and not self._begin_anew(names, levels(beginning, path)):
                yield path

    def _begin_anew(self, names: frozenset[str | None], around: Sequence[Level]) -> bool:
        """Tell whether all these variables are those of scopes around that begin anew."""
        owners = (
            next((one.owner for one in reversed(around) if name in one.nodes.vars), "") for name in names
        )
        return all(owner and lies_below(self._gone, owner) for owner in owners)

    def repeats(self, undone: frozenset[str]) -> tuple[Repeat, ...]:
        """Return the tasks that have begun before and begin again."""
        past, found = self._past, dict[str, Repeat]()
        graph = past.graph
        for path, task in _leaves(graph.root, past.beginning.scope, "", noticed):
            if task.attempt and lies_below(self._gone, path):
                ended = task.status is TaskStatus.SUCCEEDED
                found[path] = Repeat(path, node_of(graph, path).idempotent, ended, path in undone)
        for path, seq in past.scheduled.items():
            if path.endswith(UNDO) or not noticed(node := node_of(graph, path)):
                continue
            if seq > past.point or not self.holds(Write(seq, "", path, {})):
                found[path] = Repeat(path, node.idempotent, path in past.succeeded, path in undone)
        return tuple(found.values())


def _keeps(cut: Cut | None, path: str) -> bool:
    return cut is not None and cut.kept is not None and covers(cut.kept, path)


def noticed(node: TaskNode) -> bool:
    """Tell whether a task does something outside of its execution."""
    return not node.kernel or node.type in _OUTSIDE


def _written_by(nodes: Scope, graph: GraphState, prefix: str) -> Iterator[tuple[str, frozenset[str | None]]]:
    """Yield what has begun and has, or may have, written variables around it, with their names.

    Of earlier rounds, and of items, a state says no more than that there were some.
    """
    for node in nodes.tasks:
        task, path = graph.task(node.index), prefix + node.id
        if not task.attempt:
            continue
        names, inside = _writes(node), task.inside
        if names and (inside is None or inside.iteration):
            yield path, names
        if names and inside is not None and node.scope is not None:
            yield from _written_by(node.scope, inside.graph, f"{inside_path(path, node.scope, inside)}/")


def _writes(node: TaskNode) -> frozenset[str | None]:
    """Return which variables around it a task may write, by itself or inside; None for unknown ones."""
    if node.item is not None:
        return _writes(node.item)
    if node.scope is not None:
        inner = (_writes(one) for one in node.scope.tasks)
        return frozenset[str | None]().union(*inner) - node.scope.vars.keys()
    if node.type != "set":
        return frozenset()
    value = node.input.value
    return frozenset(value) if isinstance(value, dict) and value else frozenset((None,))


def _leaves(
    nodes: Scope, graph: GraphState, prefix: str, wanted: Callable[[TaskNode], bool]
) -> Iterator[tuple[str, TaskState]]:
    for node in nodes.tasks:
        task, path = graph.task(node.index), prefix + node.id
        if wanted(node):
            yield path, task
        if task.inside is not None and node.scope is not None:
            within = f"{inside_path(path, node.scope, task.inside)}/"
            yield from _leaves(node.scope, task.inside.graph, within, wanted)
