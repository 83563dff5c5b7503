"""Carry a state over to another version of its definition, task by task, by path. Pure.

What has ended stays ended where the version has a task of that path and type. What is under way
goes on where it fits. Whatever does not fit is a problem; nothing is guessed.
"""

from harmonia_core.engine.frontier import count, verdict
from harmonia_core.engine.rewind_frontier import regrown, unbegun
from harmonia_core.engine.rewind_scopes import FRESH, Rebuild
from harmonia_core.engine.rewind_steps import following
from harmonia_core.engine.walks import inside_path
from harmonia_core.ids import item_path
from harmonia_core.model.graph import Graph, Order, Scope, TaskNode
from harmonia_core.model.state import GraphState, InsideState, MapState, Tally, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

_NEVER_BEGUN = frozenset({TaskStatus.SKIPPED, TaskStatus.UNREACHABLE})


def mapped(rebuild: Rebuild, scope: GraphState, graph: Graph, dropped: list[str]) -> GraphState:
    """Return a scope as the other version has it. dropped: takes what that version has no place for."""
    return _Mapping(rebuild, dropped).graph(rebuild.past.graph.root, graph.root, scope, "")


class _Mapping:
    """Hold one carrying over."""

    def __init__(self, rebuild: Rebuild, dropped: list[str]) -> None:
        self._rebuild, self._dropped = rebuild, dropped

    def graph(self, old: Scope, new: Scope, scope: GraphState, prefix: str) -> GraphState:
        """Return the tasks of a graph in another version."""
        self._left_out(old, new, scope, prefix)
        tasks = [self._found(old, node, scope, prefix) for node in new.tasks]
        while (place := self._unsettled(new, tasks)) is not None:
            tasks[place] = FRESH
        for node in new.tasks:
            self._check_dependencies(new, node, tasks, prefix)
        return regrown(new, tasks)

    def _left_out(self, old: Scope, new: Scope, scope: GraphState, prefix: str) -> None:
        for node in old.tasks:
            task, path = scope.task(node.index), prefix + node.id
            if node.id in new.index:
                continue
            if task.status in FINAL_TASK:
                self._dropped.append(path)
            elif not unbegun(task) or self._under_way(path):
                self._refuse("removed", path, "it is under way, and the other version does not have it")

    def _found(self, old: Scope, node: TaskNode, scope: GraphState, prefix: str) -> TaskState:
        """Return what a task of the other version begins with."""
        place, path = old.index.get(node.id), prefix + node.id
        if place is None:
            self._rebuild.again.append(path)
            return FRESH
        return self._task(old.tasks[place], node, scope.task(place), path)

    def _task(self, old: TaskNode, new: TaskNode, task: TaskState, path: str) -> TaskState:
        if unbegun(task):
            if self._under_way(path):
                self._fits(old, new, path, "is under way")
            return task
        ended = task.status in FINAL_TASK
        if not self._fits(old, new, path, "has ended" if ended else "is under way"):
            return task
        if ended:
            return self._ended(old, new, task, path)
        if task.items is not None and old.item is not None and new.item is not None:
            return task._replace(items=self._items(old, new, task.items, path))
        if task.inside is not None and old.scope is not None and new.scope is not None:
            return task._replace(inside=self._inside(old.scope, new.scope, task.inside, path))
        message = "it is under way, and only one of the versions has tasks inside of it"
        self._refuse("structure-changed", path, message, "let it run again")
        return task

    def _fits(self, old: TaskNode, new: TaskNode, path: str, stands: str) -> bool:
        if (old.type, old.item is None) == (new.type, new.item is None):
            return True
        message = f"it {stands} as {old.type!r}, and is {new.type!r} in the other version"
        self._refuse("type-changed", path, message, "let it run again, or give the new task another id")
        return False

    def _ended(self, old: TaskNode, new: TaskNode, task: TaskState, path: str) -> TaskState:
        """Return a task that stays ended; what lies in it is forgotten if it is another there."""
        if task.inside is None or old.scope == new.scope:
            return task
        self._dropped.append(f"{path}/")
        return task._replace(inside=None)

    def _under_way(self, path: str) -> bool:
        """Tell whether a task was under way at the point, unless it is asked for that it runs again."""
        if self._rebuild.again_failed:
            return False
        task = self._rebuild.past.state.task(path)
        return task is not None and task.attempt > 0 and task.status not in FINAL_TASK

    def _inside(self, old: Scope, new: Scope, inside: InsideState, path: str) -> InsideState:
        if (old.order is None, old.repeats) != (new.order is None, new.repeats):
            message = "what lies in it is carried out in another way in the other version"
            self._refuse("structure-changed", path, message, "let it run again")
            return inside
        kept = {name: value for name, value in inside.vars.items() if name in new.vars}
        inside = inside._replace(vars={**new.vars, **kept})
        prefix = f"{inside_path(path, old, inside)}/"
        if old.order is None or new.order is None:
            return inside._replace(graph=self.graph(old, new, inside.graph, prefix))
        return self._steps(old, new, new.order, inside, prefix)

    def _steps(self, old: Scope, new: Scope, order: Order, inside: InsideState, prefix: str) -> InsideState:
        """Return a sequence in another version, standing at the same step."""
        self._left_out(old, new, inside.graph, prefix)
        if inside.cursor < 0:
            return inside._replace(graph=regrown(new, [FRESH for _ in new.tasks]))
        cursor = new.index.get(old.tasks[inside.cursor].id)
        if cursor is None:
            name = prefix + old.tasks[inside.cursor].id
            self._refuse("removed", name, "the sequence stands there, and the other version does not have it")
            return inside
        tasks = []
        for node in new.tasks:
            tasks.append(self._found(old, node, inside.graph, prefix))
            self._check_step(old, order, node, cursor, prefix, tasks[-1], new.repeats)
        came = new.index.get(old.tasks[inside.came].id, -1) if inside.came >= 0 else -1
        return inside._replace(graph=regrown(new, tasks), cursor=cursor, came=came)

    def _check_step(
        self,
        old: Scope,
        order: Order,
        node: TaskNode,
        cursor: int,
        prefix: str,
        task: TaskState,
        repeats: bool,
    ) -> None:
        path, here = prefix + node.id, node.index
        if node.id not in old.index:
            if here < cursor and cursor in following(order, here) and not repeats:
                self._too_late(path, "the sequence has passed where it would have been carried out")
        elif here > cursor and task.status in FINAL_TASK:
            self._refuse("order-changed", path, "it has ended, and comes later in the other version")

    def _items(self, old: TaskNode, new: TaskNode, items: MapState, path: str) -> MapState:
        assert old.item is not None and new.item is not None
        if old.batch != new.batch:
            message = "it is under way, and its items are batched in another way in the other version"
            self._refuse("structure-changed", path, message, "let it run again")
            return items
        self._fits(old.item, new.item, path, "has items that were carried out")
        flight = {
            index: self._task(old.item, new.item, item, item_path(path, index))
            for index, item in items.flight.items()
        }
        return items._replace(flight=flight)

    def _unsettled(self, nodes: Scope, tasks: list[TaskState]) -> int | None:
        """Return a task that never began and whose dependencies no longer say so."""
        for node in nodes.tasks:
            task = tasks[node.index]
            if task.status not in _NEVER_BEGUN or task.reason == "resolved":
                continue
            said = _said(node, tasks)
            if said == "open" or (said == "met" and task.reason != "when"):
                return node.index
        return None

    def _check_dependencies(self, nodes: Scope, node: TaskNode, tasks: list[TaskState], prefix: str) -> None:
        """Refuse a task that comes too late for another one that has begun or ended."""
        task = tasks[node.index]
        if unbegun(task) or not node.depends_on or _said(node, tasks) == "met":
            return
        for place in node.depends_on:
            before = nodes.tasks[place]
            if tasks[place].status not in FINAL_TASK and task.status not in _NEVER_BEGUN:
                what = "has ended" if task.status in FINAL_TASK else "is under way"
                self._too_late(prefix + before.id, f"{prefix}{node.id}, which depends on it, {what}")

    def _too_late(self, path: str, why: str) -> None:
        hint = "let what depends on it run again, too"
        self._refuse("inserted-too-late", path, f"it has not been carried out, and {why}", hint)

    def _refuse(self, code: str, path: str, message: str, suggestion: str | None = None) -> None:
        self._rebuild.refuse(code, path, message, suggestion)


def _said(node: TaskNode, tasks: list[TaskState]) -> str:
    """Return what the dependencies of a task come to as they stand."""
    tally = Tally()
    for place in node.depends_on:
        status = tasks[place].status
        tally = count(tally, status) if status in FINAL_TASK else tally
    return verdict(node.join, len(node.depends_on), tally) if node.depends_on else "met"
