"""Build the node of one task: its input, condition, join and policies. Pure."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic_core import to_json

from harmonia_core.engine.dependencies import Dependencies, StepOrder
from harmonia_core.engine.inputs import TypeFacts, retry_policy
from harmonia_core.engine.memo_nodes import memo_of
from harmonia_core.engine.readings import REDUCING, Place, Readings
from harmonia_core.engine.subworkflows import Subworkflows
from harmonia_core.engine.task_types import TypeCatalog
from harmonia_core.engine.undo_nodes import UndoBuilder
from harmonia_core.errors import Problem
from harmonia_core.model.child_spec import SUBWORKFLOW
from harmonia_core.model.graph import DEFAULT_JOIN, Join, OnFailure, Reduce, RetryPolicy, Scope, TaskNode
from harmonia_core.model.pointer import Pointer, path_text
from harmonia_core.model.policies import JoinSpec
from harmonia_core.model.task_spec import WORDS, TaskSpec, WorkSpec, written
from harmonia_core.model.values import Expression, Template, parse_expression, parse_template

MAP, SET = "map", "set"
_ELSEWHERE = {"output": "what a task returns is read as tasks.<id>.output"}
_OF_ATTEMPTS = ("retry_policy", "timeout", "heartbeat_timeout", "idempotent", "limits")
_OF_AN_ATTEMPT = ("timeout", "heartbeat_timeout", "idempotent", "limits")
_OF_A_MAP = frozenset(("task", "max_concurrency", "batch_size", "tolerate", "enough", "reduce"))


class Inside(Protocol):
    """Build the scope of a composite; None if something in it is wrong.

    position: of the task that is it, or (item) of the map whose items are it.
    """

    def __call__(self, facts: TypeFacts, spec: WorkSpec, position: int, item: bool) -> Scope | None: ...


class NodeBuilder:
    """Build the nodes of one scope in definition order; problems are added as they are found."""

    def __init__(
        self,
        tasks: Sequence[TaskSpec],
        places: Sequence[Pointer],
        dependencies: Dependencies | StepOrder,
        catalog: TypeCatalog,
        readings: Readings,
        problems: list[Problem],
        map_window: int,
        default_retry: RetryPolicy | None,
        inside: Inside,
        children: Subworkflows,
        on_failure: OnFailure = "fail",
    ) -> None:
        self._tasks, self._places = tasks, places
        self._dependencies, self._catalog = dependencies, catalog
        self._readings, self._problems, self._map_window = readings, problems, map_window
        self._templates: dict[tuple[bool, bytes], Template] = {}
        self._default_retry, self._inside, self._children = default_retry, inside, children
        self._on_failure, self._undos = on_failure, UndoBuilder(self, catalog, problems)

    def node(self, position: int, facts: TypeFacts | None) -> TaskNode:
        """Return the node of the task at a position."""
        task = self._tasks[position]
        path = path_text(self._places[position])
        before = self._dependencies.before[position]
        work = self.work(task, facts, Place(f"{path}.input", position), path)
        if facts is not None:
            self.check_words(task, facts, path)
        self._check_place(task, path)
        item = self._item(task, position, path) if task.type == MAP else None
        node = TaskNode(
            scope=self._scope(task, facts, position, False),
            index=position,
            id=task.id,
            when=None if task.when is None else self._when(task.when, position, path),
            join=self._join(task, len(before), path),
            depends_on=before,
            dependents=tuple(self._dependencies.after[position]),
            item=item,
            window=task.max_concurrency or self._map_window,
            batch=task.batch_size,
            tolerate=0 if task.tolerate is None else task.tolerate,
            enough=task.enough if task.type == MAP else None,
            on_failure=self._undos.on_failure(task, facts, path, self._on_failure),
            undo=self._undos.undo(task, facts, position, self._places[position], False),
            child=self._children.child(task, work["input"], path),
            reduce=self._reduce(task, position, path),
            **work,
        )
        self._undos.look_inside(node, path)
        return node

    def _item(self, task: TaskSpec, position: int, path: str) -> TaskNode | None:
        """Return the node of what a map does for each item."""
        inner, path = task.task, f"{path}.task"
        if inner is None:
            self._add("key-missing", path, "a map needs a 'task': what to do for each item")
            return None
        if inner.type == MAP:
            message = (
                "a map is not the item of another map itself; put it inside a group: {type: group, tasks}"
            )
            self._add("not-supported", f"{path}.type", message)
            return None
        place = (*self._places[position], "task")
        facts = self._catalog.of(inner.type, place)
        work = self.work(inner, facts, Place(f"{path}.input", position, in_item=True), path)
        if facts is not None:
            self.check_words(inner, facts, path)
        scope = self._scope(inner, facts, position, True)
        node = TaskNode(
            index=position,
            id=task.id,
            scope=scope,
            on_failure=self._undos.on_failure(inner, facts, path, "fail"),
            undo=self._undos.undo(inner, facts, position, place, True),
            child=self._children.child(inner, work["input"], path),
            **work,
        )
        self._undos.look_inside(node, path)
        return node

    def _reduce(self, task: TaskSpec, position: int, path: str) -> Reduce | None:
        if task.reduce is None or task.type != MAP:
            return None
        place = Place(f"{path}.reduce.value", position, in_item=True, also=REDUCING)
        value = parse_expression(task.reduce.value, place.path, self._problems)
        if value is not None:
            self._readings.expression(value, place)
        place = Place(f"{path}.reduce.initial", position)
        found = len(self._problems)
        initial = self._template(task.reduce.initial, place.path, True)
        if len(self._problems) == found:
            self._readings.template(initial, place)
        return None if value is None else Reduce(initial, value)

    def _scope(self, spec: WorkSpec, facts: TypeFacts | None, position: int, item: bool) -> Scope | None:
        if facts is None or facts.type.expand is None:
            return None
        place = f"{path_text(self._places[position])}{'.task' if item else ''}.input"
        if facts.type.input_model and any(one.path.startswith(place) for one in self._problems):
            return None  # what is inside may be made of what is wrong
        return self._inside(facts, spec, position, item)

    def _check_place(self, task: TaskSpec, path: str) -> None:
        """Report what a step has that only a task of a graph can have, and the other way round."""
        if not isinstance(self._dependencies, StepOrder):
            self._misplaced(task, path, ("next",), "only a step of a sequence has it")
            return
        reason = "steps are carried out in order"
        if task.depends_on:
            self._add("key-misplaced", f"{path}.depends_on", f"no 'depends_on' here: {reason}")
        if task.join != JoinSpec():
            self._add("key-misplaced", f"{path}.join", f"no 'join' here: {reason}")

    def check_words(self, work: WorkSpec, facts: TypeFacts, path: str) -> None:
        """Report words of composites that this type does not take, and an input that it would ignore."""
        if facts.type.expand is not None and facts.type.input_model is None and work.input != {}:
            message = f"no 'input' here: what is inside a task of type {work.type!r} has inputs of its own"
            self._add("key-misplaced", f"{path}.input", message)
        taken = _OF_A_MAP if work.type == MAP else facts.type.words
        for field in sorted((work.model_fields_set & WORDS) - taken):
            if getattr(work, field) is not None:
                key = written(field)
                message = f"no {key!r} here: a task of type {work.type!r} has none"
                self._add("key-misplaced", f"{path}.{key}", message, _ELSEWHERE.get(field))

    def work(self, work: WorkSpec, facts: TypeFacts | None, place: Place, path: str) -> dict[str, Any]:
        """Return the fields that come from the task type as well as from the author."""
        kind = None if facts is None else facts.type
        kernel = kind is not None and kind.kernel
        composite = kind is not None and (kind.expand is not None or kind.name == SUBWORKFLOW)
        if kernel:
            keys = _OF_AN_ATTEMPT if composite else _OF_ATTEMPTS
            self._misplaced(work, path, keys, f"the engine itself carries out {work.type!r}, once")
        given = work.idempotent
        fields = {
            "type": work.type,
            "input": self._input(work, facts, place, kernel),
            "kernel": kernel,
            "retry": self._own_retry(work) if kernel else self._retry(work, facts),
            "timeout": work.timeout or (kind and kind.timeout),
            "total_timeout": work.total_timeout,
            "limits": tuple(sorted((work.limits or {}).items())),
            "heartbeat_timeout": work.heartbeat_timeout or (kind and kind.heartbeat_timeout),
            "idempotent": given if given is not None else kind is None or kind.idempotent,
        }
        memo = memo_of(work, facts, place, fields, self._template, self._readings, self._problems)
        return {**fields, "memo": memo}

    def _input(self, work: WorkSpec, facts: TypeFacts | None, place: Place, kernel: bool) -> Template:
        value, found = work.input, len(self._problems)
        if work.type == MAP and isinstance(value, dict):
            value = _with_items(value)
        if work.times is not None:
            place = Place(path_of(place), place.reader, in_item=place.in_item)
            value = {"times": _bare(work.times)}
        template = self._template(value, place.path, kernel)
        if len(self._problems) > found:
            return template  # what could not be parsed would look like a missing or wrong value
        if isinstance(value, str) and not _is_one_expression(template):
            self._add("type-wrong", place.path, "an input is an object, or one `${...}` for the whole of it")
        if work.type == SET:
            self._check_set(value, place)
        if template.slots:
            self._readings.template(template, place)
        if facts is not None:
            facts.check(template, place.path, self._problems)
        return template

    def _check_set(self, value: Any, place: Place) -> None:
        if isinstance(value, dict):
            self._readings.writes(value, place.path, alone=not place.in_item)
        else:
            message = "the names of the variables must be written out: an object of names and values"
            self._add("type-wrong", place.path, message)

    def _template(self, value: Any, path: str, kernel: bool) -> Template:
        """Parse an input; equal inputs, as a wide graph has them, share one template."""
        key = kernel, to_json(value)
        template = self._templates.get(key)
        if template is None:
            found = len(self._problems)
            template = parse_template(value, path, secrets_allowed=not kernel, problems=self._problems)
            if len(self._problems) == found:
                self._templates[key] = template
        return template

    def _own_retry(self, work: WorkSpec) -> RetryPolicy | None:
        return None if work.retry_policy is None else retry_policy(work.retry_policy)

    def _retry(self, work: WorkSpec, facts: TypeFacts | None) -> RetryPolicy | None:
        """Return the task's own policy, else the workflow's, else what the type declares."""
        if work.retry_policy is not None:
            return retry_policy(work.retry_policy)
        return self._default_retry or (None if facts is None else facts.retry)

    def _when(self, source: str | bool, position: int, path: str) -> Expression | None:
        place = Place(f"{path}.when", position, boolean=True)
        parsed = parse_expression(source, place.path, self._problems)
        if parsed is not None:
            self._readings.expression(parsed, place)
        return parsed

    def _join(self, task: TaskSpec, available: int, path: str) -> Join:
        count, done = task.join.count, task.join.done
        if count == "all":
            return DEFAULT_JOIN if done == DEFAULT_JOIN.done else Join(count, done)
        needed = 1 if count == "any" else int(count)
        if needed > available and len(task.depends_on) < needed:
            message = f"the join needs {needed} of {available} dependencies"
            self._add("join-impossible", f"{path}.join", message)
        return Join(count, done)

    def _misplaced(self, work: WorkSpec, path: str, keys: tuple[str, ...], reason: str) -> None:
        for key in keys:
            if getattr(work, key, None) is not None:
                hint = "write it at the map's 'task'" if work.type == MAP else None
                hint = "total_timeout limits it" if key == "timeout" else hint
                self._add("key-misplaced", f"{path}.{key}", f"no {key!r} here: {reason}", hint)

    def _add(self, code: str, path: str, message: str, hint: str | None = None) -> None:
        self._problems.append(Problem(code, path, message, suggestion=hint))


def path_of(place: Place) -> str:
    """Return the path of the task at whose input a place is."""
    return place.path.removesuffix(".input")


def _with_items(value: dict[str, Any]) -> dict[str, Any]:
    """Return a map's input with bare `items` (`tasks.list.output`) written as an expression."""
    return {**value, "items": _bare(value["items"])} if "items" in value else value


def _bare(value: Any) -> Any:
    """Return a text without `${...}` as an expression; anything else as it is."""
    return f"${{{value}}}" if isinstance(value, str) and "${" not in value else value


def _is_one_expression(template: Template) -> bool:
    return any(not slot.pointer and len(slot.parts) == 1 for slot in template.slots)
