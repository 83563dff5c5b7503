"""Read the data of one definition with the model; leave out what is wrong and read the rest. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from harmonia_core.errors import Problem
from harmonia_core.ids import is_name
from harmonia_core.model.child_spec import by_name, named
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.faults import nearest_key, read_fault
from harmonia_core.model.pointer import Pointer, path_text, read_pointer
from harmonia_core.model.task_spec import UNKNOWN_TYPE

MAX_DEPTH = 100
_UNNAMED = "unnamed"
# Where ids stand as keys or in a list; where objects stand in a list; where one stands alone.
_KINDS = {"tasks": "a task", "steps": "a step", "branches": "a branch"}
_HAS = {
    "a task": "with at least a 'type'",
    "a step": "with at least a 'type'",
    "a branch": "with a 'task', 'tasks' or 'steps'",
}
_NAMED, _LISTS = tuple(_KINDS), ("cases", "catch")
_OBJECTS = ("task", "compensate", "default", "finally", "pages")


def deeper_than(data: Any, limit: int) -> bool:
    """Tell whether lists and objects are nested deeper than `limit` levels; also ends for cyclic data."""
    level = [data]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list | tuple)
        ]
        if not level:
            return False
    return True


Read = tuple[WorkflowDefinition | None, tuple[Problem, ...], tuple[str, ...]]
"""What could be read of a definition, what is wrong with it, and the paths of what was left out."""

ReadChild = Callable[[dict[str, Any], str], Read]
"""Read what stands as `workflow` of a task, which is called by the name if it has none of its own."""


def _below(place: Pointer, path: str) -> str:
    return path_text((*place, *read_pointer(path)))


def _is_extra(fault: Mapping[str, Any]) -> bool:
    return bool(fault["type"] == "extra_forbidden")


def _around(fault: Mapping[str, Any]) -> Pointer:
    return tuple(fault["loc"][:-1])


class Reading:
    """Read one definition. `definition` returns what could be understood.

    problems, left_out: what was wrong, and the paths of what was left out; filled on the way.
    """

    def __init__(self, data: dict[str, Any], child: ReadChild) -> None:
        self._child = child
        self.problems: list[Problem] = []
        self.left_out: list[str] = []
        self._keys: dict[Pointer, list[str | int]] = {}
        self._own: dict[int, Any] = {}
        self._data = self._with_lists(data, ())
        if data.get("tasks") in ({}, []):
            self._note("tasks-missing", ("tasks",), "a workflow needs at least one task")

    def definition(self) -> WorkflowDefinition | None:
        """Return the definition, with problems only what is left of it, None if nothing is."""
        for attempt in range(3):
            try:
                definition = WorkflowDefinition.model_validate(self._data)
            except ValidationError as error:
                self._mend(error, report=attempt == 0)
            else:
                return definition.written_as({place: tuple(keys) for place, keys in self._keys.items()})
        return None

    def _with_lists(self, data: dict[str, Any], at: Pointer) -> dict[str, Any]:
        """Return an object in which tasks, steps and branches are lists, at every depth. at: of the model."""
        found = {**data}
        self._own[id(found)] = found
        for key in _NAMED:
            if isinstance(data.get(key), dict | list):
                found[key] = self._listed(data[key], (*at, key), key)
        for key in _LISTS:
            if isinstance(data.get(key), list):
                found[key] = [
                    self._with_lists(one, (*at, key, number)) if isinstance(one, dict) else one
                    for number, one in enumerate(data[key])
                ]
                self._own[id(found[key])] = found[key]
        for key in _OBJECTS:
            if isinstance(data.get(key), dict):
                found[key] = self._with_lists(data[key], (*at, key))
        written = data.get("workflow")
        if at and isinstance(written, dict) and not (named(written, "hash") or by_name(written)):
            self._read_child(found, at)
        return found

    def _read_child(self, task: dict[str, Any], at: Pointer) -> None:
        """Put the definition that a task starts in its place; its problems are noted below that."""
        place = (*self._place(at), "workflow")
        definition, problems, left_out = self._child(task["workflow"], str(task.get("id") or "inline"))
        self.problems += [replace(one, path=_below(place, one.path)) for one in problems]
        self.left_out += [_below(place, path) for path in left_out]
        task["workflow"] = definition
        if definition is None:
            self.left_out.append(path_text(place))

    def _listed(self, named: dict[Any, Any] | list[Any], at: Pointer, key: str) -> list[dict[str, Any]]:
        """Return what has ids as a list of those that have a usable one; note keys or list positions."""
        keys = self._keys[at] = []
        found = [
            self._with_lists(one, (*at, number))
            for number, one in enumerate(self._with_ids(named, at, keys, _KINDS[key]))
        ]
        self._own[id(found)] = found
        return found

    def _with_ids(
        self, named: dict[Any, Any] | list[Any], at: Pointer, keys: list[str | int], kind: str
    ) -> Iterator[dict[str, Any]]:
        taken: set[str] = set()
        around, listed = self._place(at), isinstance(named, list)
        for key, one in enumerate(named) if isinstance(named, list) else named.items():
            place = (*around, key)
            if not isinstance(one, dict):
                self._note("type-wrong", place, f"{kind} is an object {_HAS[kind]}")
                if listed or kind == "a branch":
                    continue
                one = {"type": UNKNOWN_TYPE}  # others may wait for it
            identifier = self._identifier(one, place, taken) if listed else self._key(key, one, place)
            if identifier is not None:
                taken.add(identifier)
                keys.append(key)
                yield one if listed else {**one, "id": identifier}

    def _identifier(self, task: dict[str, Any], place: Pointer, taken: set[str]) -> str | None:
        """Return the id of a listed task, None if it has none or stands twice."""
        identifier = task.get("id")
        if not isinstance(identifier, str):
            message = "a task in a list needs an 'id'" if identifier is None else "an id is a text"
            self._note("key-missing" if identifier is None else "type-wrong", (*place, "id"), message)
            return None
        if identifier in taken:
            self._note("duplicate-id", (*place, "id"), f"the id {identifier!r} stands twice")
            return None
        self._check_name(identifier, (*place, "id"))
        return identifier

    def _key(self, key: Any, task: dict[str, Any], place: Pointer) -> str | None:
        """Return the id of a task in a map: its key."""
        if not isinstance(key, str):
            self._note("key-not-text", (*place[:-1], str(key)), f"the id {key!r} is no text")
            return None
        if "id" in task and task["id"] != key:
            message = f"this task's id is its key, {key!r}; leave 'id' out, or write the tasks as a list"
            self._note("key-misplaced", (*place, "id"), message)
        self._check_name(key, place)
        return key

    def _check_name(self, identifier: str, place: Pointer) -> None:
        if not is_name(identifier):
            rule = "use letters, digits, '_' and '-', not beginning with a digit, at most 64"
            self._note("name-invalid", place, f"{identifier[:80]!r} is no name; {rule}")

    def _note(self, code: str, place: Pointer, message: str) -> None:
        self.problems.append(Problem(code, path_text(place), message))

    def _mend(self, error: ValidationError, *, report: bool) -> None:
        faults = error.errors(include_url=False)
        meant = {(*_around(f), nearest_key(str(f["loc"][-1]), _around(f))) for f in faults if _is_extra(f)}
        for fault in faults:
            loc = tuple(part for part in fault["loc"] if part != "[key]")
            if fault["type"] == "missing" and loc in meant:
                continue  # the misspelt key is reported, and read as what it means
            if report:
                self.problems.append(read_fault(fault, self._place(loc)))
            self.left_out.append(path_text(self._place(loc)))
            self._cut(loc, rename=report and _is_extra(fault))

    def _place(self, loc: Pointer) -> Pointer:
        """Return the author's place of the model's `loc`."""
        found: Pointer = ()
        for number, part in enumerate(loc):
            keys = self._keys.get(loc[:number]) if isinstance(part, int) else None
            found += (part if keys is None or not isinstance(part, int) else keys[part],)
        return found

    def _cut(self, loc: Pointer, *, rename: bool) -> None:
        """Leave out the value at `loc`; a misspelt key gets the name that was meant, if that is free."""
        parent: Any = self._copy_down(loc[:-1])
        last = loc[-1]
        value = parent.pop(last, None) if isinstance(parent, dict) else None
        if isinstance(parent, list) and isinstance(last, int):
            parent[last] = ""
        elif last == "type":
            parent["type"] = UNKNOWN_TYPE
        elif loc == ("tasks",):
            parent["tasks"] = []
        elif loc == ("name",):
            parent["name"] = _UNNAMED
        elif last == "task":
            parent["task"] = {"type": UNKNOWN_TYPE}
        elif rename:
            near = nearest_key(str(last), loc[:-1])
            if near is not None and near not in parent:
                parent[near] = value
                self.left_out.append(path_text(self._place((*loc[:-1], near))))

    def _copy_down(self, loc: Pointer) -> Any:
        """Return the object or list at `loc`, copied on the way: the caller's data stays as it is."""
        here: Any = self._data
        for part in loc:
            inner = here.get(part) if isinstance(here, dict) else here[part]
            if id(inner) not in self._own:
                inner = dict(inner) if isinstance(inner, dict) else list(inner or ())
                self._own[id(inner)] = here[part] = inner
            here = inner
        return here
