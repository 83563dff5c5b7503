"""Draw the path that an execution took: a line for each task, repeats folded, 80 columns. Pure."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from harmonia_core.testing.records import Task

if TYPE_CHECKING:
    from harmonia_core.testing.execution import Execution

MARKS = {
    "succeeded": "+",
    "failed": "x",
    "skipped": "-",
    "unreachable": "-",
    "cancelled": "x",
    "attention": "!",
}
"""What stands in front of a task; a task that goes on has a `>`."""
MOST_LINES = 200
NARROW = 20


class Node:
    """Hold a place in the drawing: a task, or only what others stand under. name: behind its parent's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.task: Task | None = None
        self.children: dict[str, Node] = {}


class Line(NamedTuple):
    """Hold one line before it is laid out."""

    label: str
    status: str
    at: str
    note: str


def heading(execution: "Execution") -> str:
    """Return how an execution was left, in one line."""
    text = f"{execution.workflow}: {execution.status} after {span(execution.took)}"
    if execution.error is not None:
        return f"{text}, {execution.error.code}: {execution.error.message}"
    if execution.rest == "standstill" and execution.waiting:
        return f"{text}, waiting: {', '.join(execution.waiting)}"
    return text


def draw(execution: "Execution", width: int) -> str:
    """Return the heading, and a line for each task that the execution came to."""
    lines = list(_lines(_tree(execution.tasks), execution.started, 0))
    left = len(lines) - MOST_LINES
    if left > 0:
        half = MOST_LINES // 2
        lines = [*lines[:half], Line(f"... {left} lines left out", "", "", ""), *lines[-half:]]
    label = max((len(one.label) for one in lines if len(one.label) <= width * 2 // 5), default=0)
    state = max((len(one.status) for one in lines), default=0)
    at = max((len(one.at) for one in lines), default=0)
    head = textwrap.wrap(heading(execution), width, subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join([*head, *(row for one in lines for row in _row(one, label, state, at, width))])


def _row(line: Line, label: int, state: int, at: int, width: int) -> Iterator[str]:
    """Yield a line, laid out in columns; a label that is too long has a line for itself."""
    shown = line.label
    if len(shown) > label and (line.status or line.note):
        yield shown if len(shown) <= width else f"{shown[: width - 3]}..."
        shown = ""
    front = f"{shown:<{label}}  {line.status:<{state}}  {line.at:<{at}}".rstrip()
    indent = label + state + at + 6
    if width - indent < NARROW:  # no room beside it
        yield front
        front, indent = "", 8
    notes = textwrap.wrap(line.note, width - indent, max_lines=3, placeholder=" ...")
    if notes or front:
        yield f"{front:<{indent}}{notes[0]}" if notes else front
    yield from (" " * indent + note for note in notes[1:])


def _tree(tasks: Sequence[Task]) -> Node:
    root = Node("")
    for task in tasks:
        node = root
        for step in _steps(task.path):
            node = node.children.setdefault(step, Node(step))
        node.task = task
    _fold_bodies(root)
    return root


def _fold_bodies(node: Node) -> None:
    """Leave out the body of what has a `catch` or `finally`: its line says how that went."""
    for child in node.children.values():
        if child.task is not None and child.task.guards:
            del child.children["body"]
        _fold_bodies(child)


def _steps(path: str) -> Iterator[str]:
    """Yield the steps to a path in the drawing: ids, and the numbers of items and rounds."""
    for part in path.split("/"):
        name, *numbers = part.split("[")
        yield name
        yield from (f"[{number}" for number in numbers)


def _lines(node: Node, start: datetime, depth: int) -> Iterator[Line]:
    children = list(node.children.values())
    place = 0
    while place < len(children):
        child = children[place]
        alike = place + 1
        if child.name.startswith("["):
            shape = _shape(child)
            while alike < len(children) and _shape(children[alike]) == shape:
                alike += 1
        folded = alike - place
        name = child.name if folded == 1 else f"{child.name[:-1]}-{children[alike - 1].name[1:]}"
        yield _line(child, name, folded, start, depth)
        yield from _lines(child, start, depth + 1)
        place = alike


def _shape(node: Node) -> tuple[Any, ...]:
    """Return what two items or rounds must have in common to be drawn as one."""
    task = node.task
    own = (
        ()
        if task is None
        else (task.status, task.reason, task.attempts, task.decision, str(task.error or ""))
    )
    return own, tuple((name, _shape(child)) for name, child in node.children.items())


def _line(node: Node, name: str, folded: int, start: datetime, depth: int) -> Line:
    task = node.task
    indent = "  " * depth
    if task is None:
        return Line(f"  {indent}{name}", "", "", f"{folded} alike, the first of them:" if folded > 1 else "")
    note = _note(task)
    if folded > 1:
        note = f"{folded} alike" + (f"; {note}" if note else "")
    at = "" if task.began is None else span(task.began - start)
    return Line(f"{MARKS.get(task.status, '>')} {indent}{name}", task.status, at, note)


def _note(task: Task) -> str:
    found = []
    if task.attempts > 1:
        found.append(f"{task.attempts} attempts")
    if task.status == "skipped":
        found.append(f"when: {task.condition}" if task.condition else str(task.reason or ""))
    elif task.status == "unreachable":
        found.append(f"blocked by {task.reason}")
    elif task.decision is not None:
        by = task.decided_by or task.reason
        found.append(task.decision + (f" by {by}" if by else ""))
    elif task.status in ("blocked", "running") and task.leaf:
        found.append(f"waits for: {task.waits_for}" if task.waits_for else f"{task.type}, not ended")
    elif task.reason:
        found.append(task.reason)
    if task.status != "succeeded" and task.error is not None:
        found.append(str(task.error))
    elif task.errors:
        found.append(f"after {', '.join(one.code for one in task.errors)}")
    return ", ".join(one for one in found if one)


_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def span(length: timedelta) -> str:
    """Return a span of time in its two largest units: `3 d 4 h`, `2 min`, `0.5 s`."""
    seconds = length.total_seconds()
    if seconds < 60:
        return f"{seconds:.3g} s"
    found, left = [], round(seconds)
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            found.append(f"{count} {name}")
    return " ".join(found[:2])
