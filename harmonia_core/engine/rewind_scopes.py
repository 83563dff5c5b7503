"""Put back what lies in a scope: what runs again, what goes on, what is kept. Pure.

Ways lead to what runs again. A task that a way ends at runs again whole, with everything that
depends on it; one that a way leads through goes on inside, and what depends on it runs again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from harmonia_core.engine import rewind_items, rewind_steps
from harmonia_core.engine.rewind_frontier import regrown
from harmonia_core.engine.rewind_parts import failed_inside, opens
from harmonia_core.engine.rewind_past import Past
from harmonia_core.engine.rewind_paths import Way
from harmonia_core.engine.walks import inside_path
from harmonia_core.errors import Problem
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.refs import ItemsRef
from harmonia_core.model.rewinding import Need
from harmonia_core.model.state import PAGE, GraphState, InsideState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

FRESH = TaskState()
_TAKEN = frozenset({TaskStatus.SUCCEEDED, TaskStatus.SKIPPED})


class Cut(NamedTuple):
    """Say that nothing of a sequence holds that came after a seq, but what lies in one of its steps."""

    path: str
    seq: int
    kept: str | None


class Rebuild:
    """Hold one putting back. again_failed: what has failed runs again, too.

    gone: paths of which nothing is left.
    """

    def __init__(self, past: Past, again_failed: bool) -> None:
        self.past, self.again_failed = past, again_failed
        self.again: list[str] = []
        self.reopened: list[str] = []
        self.reused: list[str] = []
        self.gone: list[str] = []
        self.cuts: list[Cut] = []
        self.needs: list[Need] = []
        self.problems: list[Problem] = []

    def refuse(self, code: str, path: str, message: str, suggestion: str | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(code, path, message, suggestion=suggestion))

    def fresh(self, path: str) -> TaskState:
        """Return a task that runs again as a whole."""
        self.again.append(path)
        self.gone.append(path)
        return FRESH

    def cut(self, path: str, seq: int, kept: str | None) -> None:
        """Note that a sequence goes back."""
        self.cuts.append(Cut(path, seq, kept))

    def keep(self, node: TaskNode, path: str, task: TaskState) -> TaskState:
        """Return a task that has ended and stays so."""
        if task.status in _TAKEN:
            self.reused.append(path)
        return self._moved(node, path, task)

    def _moved(self, node: TaskNode, path: str, task: TaskState) -> TaskState:
        """Return a task as another execution has it: its end lies before everything that happens there."""
        output, inside = task.output, task.inside
        if type(output) is ItemsRef:
            if output.execution is None:
                output = replace(output, execution=self.past.state.execution_id)
            self.needs.append(Need(path, output))
        if inside is not None and node.scope is not None:
            inside = inside._replace(graph=self._moved_scope(node.scope, path, inside))
        ended = None if task.ended_seq is None else task.ended_seq - self.past.last.seq
        return task._replace(output=output, inside=inside, ended_seq=ended)

    def _moved_scope(self, nodes: Scope, path: str, inside: InsideState) -> GraphState:
        prefix, graph = inside_path(path, nodes, inside), inside.graph
        tasks = [self._moved(node, f"{prefix}/{node.id}", graph.task(node.index)) for node in nodes.tasks]
        return graph._replace(pages=tuple(tuple(tasks[n : n + PAGE]) for n in range(0, len(tasks), PAGE)))

    def graph(
        self, nodes: Scope, graph: GraphState, prefix: str, ways: Sequence[Way], stopped: bool = False
    ) -> GraphState:
        """Return a graph scope in which what the ways lead to has not been carried out."""
        whole, inner = self._sorted(nodes, graph, ways)
        if not stopped:
            self._add_void(nodes, graph, whole, inner)
        if nodes.enough is not None and (whole or inner):
            # Who won depends on who was quick: a race runs again as a whole.
            whole = {node.index for node in nodes.tasks}
        whole |= closure(nodes, whole | inner.keys())
        tasks = []
        for node in nodes.tasks:
            path, task = prefix + node.id, graph.task(node.index)
            if node.index in whole:
                tasks.append(self.fresh(path))
            elif node.index in inner:
                tasks.append(self.open(node, task, path, inner[node.index]))
            else:
                tasks.append(self.left(node, task, path))
        return regrown(nodes, tasks)

    def _sorted(
        self, nodes: Scope, graph: GraphState, ways: Sequence[Way]
    ) -> tuple[set[int], dict[int, list[Way]]]:
        whole, inner = set[int](), dict[int, list[Way]]()
        for way in ways:
            position = nodes.index[way[0].name]
            if (len(way) == 1 and way[0].whole) or not opens(nodes.tasks[position], graph.task(position)):
                whole.add(position)
            else:
                inner.setdefault(position, []).append(way)
        return whole, {position: found for position, found in inner.items() if position not in whole}

    def _add_void(
        self, nodes: Scope, graph: GraphState, whole: set[int], inner: dict[int, list[Way]]
    ) -> None:
        """Add what has ended and has no result to go on from."""
        for node in nodes.tasks:
            task = graph.task(node.index)
            if node.index in whole or node.index in inner or not self.void(task):
                continue
            if opens(node, task) and (task.status is TaskStatus.CANCELLED or failed_inside(node, task)):
                inner[node.index] = []
            else:
                whole.add(node.index)

    def void(self, task: TaskState) -> bool:
        """Tell whether a task has ended without a result that could be gone on from."""
        if task.status is TaskStatus.CANCELLED:
            return True
        return self.again_failed and task.status is TaskStatus.FAILED

    def left(self, node: TaskNode, task: TaskState, path: str) -> TaskState:
        """Return a task that no way leads to: as it ended, or as far as it had come."""
        if task.status in FINAL_TASK:
            return self.keep(node, path, task)
        if task.status is TaskStatus.RUNNING and opens(node, task) and task.reason != "total-timeout":
            return self.open(node, task, path, ())
        return self.fresh(path)

    def open(self, node: TaskNode, task: TaskState, path: str, ways: Sequence[Way]) -> TaskState:
        """Return a map or a composite that goes on."""
        self.reopened.append(path)
        opened = task._replace(
            status=TaskStatus.RUNNING, attempt=max(task.attempt, 1), reason=None, losses=0, output=None,
            error=None, ended_at=None, ended_seq=None, due=None, total_deadline=None, child=None,
        )  # fmt: skip
        if task.items is not None and node.item is not None:
            return opened._replace(items=rewind_items.put_back(self, node, task, path, ways))
        assert node.scope is not None and task.inside is not None
        return opened._replace(inside=self.inside(node.scope, task, task.inside, path, ways))

    def inside(
        self, nodes: Scope, task: TaskState, inside: InsideState, path: str, ways: Sequence[Way]
    ) -> InsideState:
        """Return the inside of a composite that goes on."""
        if nodes.order is not None:
            return rewind_steps.put_back(self, nodes, task, inside, path, ways)
        for way in ways:
            if way[0].round not in (None, inside.iteration):
                message = f"{path} began anew after this; what it had done until then is not gone on from"
                self.refuse("given-up", path, message, f"name what lies in {path}[{inside.iteration}]")
        prefix = f"{inside_path(path, nodes, inside)}/"
        stopped = inside.stopped is not None and not ways and task.status is TaskStatus.RUNNING
        deeper = [way[1:] for way in ways]
        graph = self.graph(nodes, inside.graph, prefix, deeper, stopped)
        return inside._replace(graph=graph, stopped=inside.stopped if stopped else None)


def closure(nodes: Scope, positions: Iterable[int]) -> set[int]:
    """Return what depends on these, directly or not."""
    found, left = set[int](), list(positions)
    while left:
        for dependent in nodes.tasks[left.pop()].dependents:
            if dependent not in found:
                found.add(dependent)
                left.append(dependent)
    return found
