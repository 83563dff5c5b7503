"""Look task types up for a compilation, each once, and report the names that nobody has. Pure."""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from harmonia_core.contracts.task_type import TaskType
from harmonia_core.engine.inputs import TypeFacts
from harmonia_core.engine.suggestions import Names
from harmonia_core.errors import Problem
from harmonia_core.model.pointer import Pointer, path_text
from harmonia_core.model.task_spec import NOT_YET_TYPES, UNKNOWN_TYPE

_MISSING = object()


class TypeCatalog:
    """Hold the task types that a definition uses."""

    def __init__(self, known: Mapping[str, TaskType], problems: list[Problem]) -> None:
        self._known, self._problems = known, problems
        self._facts: dict[str, TypeFacts | None] = {UNKNOWN_TYPE: None}
        self._names = Names(sorted(known))
        self._further: set[str] = set()

    def of(self, name: str, place: Pointer) -> TypeFacts | None:
        """Return what is known of a type; report an unknown one at the place of its task."""
        facts: object = self._facts.get(name, _MISSING)
        if facts is _MISSING:
            facts = self._facts[name] = self._find(name, place)
        if facts is None and name != UNKNOWN_TYPE and name not in self._known:
            self._report(name, place)
        assert facts is None or isinstance(facts, TypeFacts)
        return facts

    def take_in(self, names: Iterable[str]) -> None:
        """Count types as used that a workflow uses which is started by a task."""
        self._further.update(names)

    def used(self) -> tuple[str, ...]:
        """Return the names of the types in use, sorted."""
        own = {name for name, facts in self._facts.items() if facts is not None}
        return tuple(sorted(own | self._further))

    def _find(self, name: str, place: Pointer) -> TypeFacts | None:
        found = self._known.get(name)
        try:
            return None if found is None else TypeFacts(found)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            message = f"the retry_policy that task type {name!r} declares is wrong: {fault['msg']}"
            self._add("task-type-broken", place, message)
            return None

    def _report(self, name: str, place: Pointer) -> None:
        if name in NOT_YET_TYPES:
            self._add("not-supported", place, f"tasks of type {name!r} are not supported in this version")
            return
        hint = self._names.hint(name) or "`harmonia task-types` lists those that are installed"
        self._add("task-type-unknown", place, f"no plugin provides the task type {name!r}", hint)

    def _add(self, code: str, place: Pointer, message: str, hint: str | None = None) -> None:
        self._problems.append(Problem(code, path_text((*place, "type")), message, suggestion=hint))
