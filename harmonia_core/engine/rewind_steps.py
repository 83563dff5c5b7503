"""Put a sequence back to one of its steps, as it was when it came to it. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from harmonia_core.engine.rewind_frontier import regrown, unbegun
from harmonia_core.engine.rewind_parts import failed_inside, opens
from harmonia_core.engine.rewind_past import Entry
from harmonia_core.engine.rewind_paths import Way
from harmonia_core.engine.walks import inside_path
from harmonia_core.model.graph import Order, Scope
from harmonia_core.model.state import InsideState, TaskState
from harmonia_core.model.statuses import FINAL_TASK, TaskStatus

if TYPE_CHECKING:
    from harmonia_core.engine.rewind_scopes import Rebuild

_FAILED = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})
_READY, _FRESH = TaskState(TaskStatus.READY), TaskState()


class Moment(NamedTuple):
    """Hold when a sequence came to a step, 0 if before the log began, and when it left it, if it has."""

    seq: int
    step: int
    iteration: int
    left: int | None = None


def put_back(
    rebuild: "Rebuild", nodes: Scope, task: TaskState, inside: InsideState, path: str, ways: Sequence[Way]
) -> InsideState:
    """Return the inside of a sequence that stands at the earliest step that a way leads to."""
    found = [(_moment(rebuild, nodes, inside, path, way), way) for way in ways]
    moments = [(moment, way) for moment, way in found if moment is not None]
    if len(moments) < len(ways):
        return inside
    if moments:
        moment = min(one for one, _ in moments)
        return _at(rebuild, nodes, inside, path, moment, [way for one, way in moments if one == moment])
    if task.status in FINAL_TASK:
        return _at_failure(rebuild, nodes, inside, path)
    return _going_on(rebuild, nodes, inside, path)


def _moment(rebuild: "Rebuild", nodes: Scope, inside: InsideState, path: str, way: Way) -> Moment | None:
    """Return when the sequence was at the step that a way leads through; None, and why, if never."""
    step, round = nodes.index[way[1].name] if len(way) > 1 else None, way[0].round
    entries = rebuild.past.entries(path)
    fit = [
        number
        for number, entry in enumerate(entries)
        if step in (None, entry.step) and round in (None, entry.iteration)
    ]
    if fit:
        number = fit[0] if step is None else fit[-1]
        if step is not None or entries[number].seq or _begins_a_round(rebuild, path):
            return _at_entry(entries, number)
    name = f"{path}, round {round}" if step is None else f"{inside_path(path, nodes, inside)}/{way[1].name}"
    if rebuild.past.inherited:
        message = f"{name} began in the execution that this one goes on from, or never"
        rebuild.refuse("not-in-this-log", name, message, "begin with that execution instead")
    else:
        rebuild.refuse("not-begun", name, f"{name} has not been carried out")
    return None


def _at_entry(entries: Sequence[Entry], number: int) -> Moment:
    left = entries[number + 1].seq if number + 1 < len(entries) else None
    return Moment(*entries[number], left)


def _begins_a_round(rebuild: "Rebuild", path: str) -> bool:
    """Tell whether a sequence stood at the first step of a round when the log began."""
    task = rebuild.past.beginning.task(path)
    stood = None if task is None else task.inside
    return stood is not None and (stood.came < 0 or stood.came >= stood.cursor)


def _at(
    rebuild: "Rebuild", nodes: Scope, inside: InsideState, path: str, moment: Moment, ways: Sequence[Way]
) -> InsideState:
    """Return the sequence as it was at a step; what it did there is kept as far as the ways leave it."""
    past, node = rebuild.past, nodes.tasks[moment.step]
    if moment.left is not None:
        then = past.before(moment.left).task(path)
        assert then is not None and then.inside is not None
        inside = then.inside
    within = f"{inside_path(path, nodes, inside)}/"
    step, own = inside.graph.task(moment.step), [way[1:] for way in ways]
    through = _leads_inside(rebuild, own, step, nodes, moment.step)
    tasks = [_before(rebuild, nodes, inside, within, place) for place in range(moment.step)]
    if through:
        tasks.append(rebuild.open(node, step, within + node.id, own))
    else:
        rebuild.fresh(within + node.id)
        tasks.append(_READY)
    rebuild.cut(path, moment.seq, within + node.id if through else None)
    for entry in past.entries(path):
        if entry.seq > moment.seq:
            rebuild.again.append(_entered(nodes, path, entry.iteration, entry.step))
    order = nodes.order
    assert order is not None
    for place in sorted(following(order, moment.step)):
        rebuild.again.append(within + nodes.tasks[place].id)
    tasks += [_FRESH] * (len(nodes.tasks) - len(tasks))
    return inside._replace(graph=regrown(nodes, tasks), stopped=None)


def _leads_inside(rebuild: "Rebuild", ways: Sequence[Way], step: TaskState, nodes: Scope, place: int) -> bool:
    node = nodes.tasks[place]
    if not opens(node, step):
        return False
    if ways and all(ways):
        return not any(len(way) == 1 and way[0].whole for way in ways)
    return not ways and (step.status is TaskStatus.CANCELLED or failed_inside(node, step))


def _entered(nodes: Scope, path: str, iteration: int, step: int) -> str:
    round = f"[{iteration}]" if nodes.repeats else ""
    return f"{path}{round}/{nodes.tasks[step].id}"


def following(order: Order, step: int) -> set[int]:
    """Return the steps that a sequence may come to from one, without anything failing."""
    found, left = set[int](), [step]
    while left:
        for jump in order.rules[left.pop()].then:
            if jump.to is not None and jump.to > step and jump.to not in found:
                found.add(jump.to)
                left.append(jump.to)
    return found | ({order.last} if order.last is not None and order.last > step else set())


def _entering(order: Order) -> set[int]:
    """Return the steps that a sequence may come to which has not been entered, without anything failing."""
    first = {jump.to for jump in order.enter if jump.to is not None}
    return first.union(*(following(order, step) for step in first))


def _before(rebuild: "Rebuild", nodes: Scope, inside: InsideState, within: str, place: int) -> TaskState:
    """Return a step that was carried out earlier, or was passed over."""
    task = inside.graph.task(place)
    if task.status not in FINAL_TASK:
        return _FRESH
    return rebuild.keep(nodes.tasks[place], within + nodes.tasks[place].id, task)


def _at_failure(rebuild: "Rebuild", nodes: Scope, inside: InsideState, path: str) -> InsideState:
    """Return a sequence that has failed at the step that has."""
    tasks = [(inside.graph.task(node.index), node.index) for node in nodes.tasks]
    failed = [(task.ended_seq or 0, place) for task, place in tasks if task.status in _FAILED]
    place = min(failed)[1] if failed else max(inside.cursor, 0)
    entries = rebuild.past.entries(path)
    fit = [number for number, entry in enumerate(entries) if entry.step == place]
    moment = _at_entry(entries, fit[-1]) if fit else Moment(0, place, inside.iteration)
    return _at(rebuild, nodes, inside, path, moment, ())


def _going_on(rebuild: "Rebuild", nodes: Scope, inside: InsideState, path: str) -> InsideState:
    """Return a sequence that goes on where it stands."""
    within, tasks = f"{inside_path(path, nodes, inside)}/", []
    for node in nodes.tasks:
        task, name = inside.graph.task(node.index), f"{within}{node.id}"
        if node.index != inside.cursor:
            tasks.append(_before(rebuild, nodes, inside, within, node.index))
        elif task.status in FINAL_TASK and not rebuild.void(task):
            tasks.append(rebuild.keep(node, name, task))
        else:
            new = rebuild.left(node, task, name) if task.status not in FINAL_TASK else rebuild.fresh(name)
            tasks.append(_READY if unbegun(new) else new)
    order = nodes.order
    assert order is not None
    for place in sorted(following(order, inside.cursor) if inside.cursor >= 0 else _entering(order)):
        rebuild.again.append(within + nodes.tasks[place].id)
    return inside._replace(graph=regrown(nodes, tasks), stopped=None)
