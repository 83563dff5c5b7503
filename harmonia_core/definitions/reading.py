"""Read the data of one definition with the model; leave out what is wrong and read the rest. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from harmonia_core.definitions.faults import nearest_key, read_fault
from harmonia_core.errors import Problem
from harmonia_core.ids import is_name
from harmonia_core.model.definition import UNKNOWN_TYPE, WorkflowDefinition
from harmonia_core.model.pointer import Pointer, path_text

MAX_DEPTH = 100
_UNNAMED = "unnamed"


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


def _is_extra(fault: Mapping[str, Any]) -> bool:
    return bool(fault["type"] == "extra_forbidden")


def _around(fault: Mapping[str, Any]) -> Pointer:
    return tuple(fault["loc"][:-1])


class Reading:
    """Read one definition. `definition` returns what could be understood.

    problems, left_out: what was wrong, and the paths of what was left out; filled on the way.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.problems: list[Problem] = []
        self.left_out: list[str] = []
        self._keys: list[str | int] = []
        self._data = {**data}
        self._own: dict[int, Any] = {}
        if isinstance(data.get("tasks"), dict | list):
            self._data["tasks"] = list(self._tasks(data["tasks"]))
            self._own[id(self._data["tasks"])] = self._data["tasks"]
            if not data["tasks"]:
                self._note("tasks-missing", ("tasks",), "a workflow needs at least one task")

    def definition(self) -> WorkflowDefinition | None:
        """Return the definition, with problems only what is left of it, None if nothing is."""
        for attempt in range(3):
            try:
                definition = WorkflowDefinition.model_validate(self._data)
            except ValidationError as error:
                self._mend(error, report=attempt == 0)
            else:
                return definition.written_as(tuple(self._keys))
        return None

    def _tasks(self, tasks: dict[Any, Any] | list[Any]) -> Iterator[dict[str, Any]]:
        """Yield each task that has a usable id as an object with `id`; note its key or list position."""
        taken: set[str] = set()
        listed = isinstance(tasks, list)
        for key, task in enumerate(tasks) if isinstance(tasks, list) else tasks.items():
            place = ("tasks", key)
            if not isinstance(task, dict):
                self._note("type-wrong", place, "a task is an object with at least a 'type'")
                if listed:
                    continue
                task = {"type": UNKNOWN_TYPE}  # others may wait for it
            identifier = self._identifier(task, place, taken) if listed else self._key(key, task, place)
            if identifier is not None:
                taken.add(identifier)
                self._keys.append(key)
                yield task if listed else {**task, "id": identifier}

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
            self._note("key-not-text", ("tasks", str(key)), f"the id {key!r} is no text")
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
        if loc[:1] == ("tasks",) and len(loc) > 1 and isinstance(loc[1], int):
            return ("tasks", self._keys[loc[1]], *loc[2:])
        return loc

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
