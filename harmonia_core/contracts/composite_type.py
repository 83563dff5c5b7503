"""Make composite task types of functions: `expand` says what is inside a task, the engine carries it out."""

import inspect
from collections.abc import Callable, Collection, Sequence

from pydantic import BaseModel

from harmonia_core.contracts.composite import Expand, Inner
from harmonia_core.contracts.task_type import TaskType
from harmonia_core.errors import Problem, ProblemsError
from harmonia_core.model.pointer import Pointer, path_text
from harmonia_core.model.task_spec import WORDS, Block, TaskSpec, WorkSpec, written

FORMS = ("task", "tasks", "steps")
"""The words for what is to be done, of which one is given."""

SHARED = frozenset(("vars", "output"))
_PLAIN = dict(WorkSpec.model_validate({"type": "group"}))
_FIELDS = {written(field): field for field in WORDS}


class Refusal(ProblemsError):
    """Refuse what an author wrote about a composite."""

    code = "definition-invalid"
    subject = "The task"


def refuse(code: str, place: Pointer, message: str, hint: str | None = None) -> Refusal:
    """Return the refusal of what stands at a place below the task, to be raised by an `expand`."""
    return Refusal([Problem(code, path_text(place), message, suggestion=hint)])


def inner(id: str, block: Block, place: Pointer = ()) -> Inner:
    """Return the one task that does what a block says in `task`, `tasks` or `steps`.

    block: the composite itself, or a branch, case or handler of it. place: of the block below the composite.
    Raises Refusal unless one of the three is given.
    """
    given = [form for form in FORMS if getattr(block, form) is not None]
    if len(given) != 1:
        wanted = "say what is to be done: 'task' (one), 'tasks' (a graph) or 'steps' (in order)"
        raise refuse(
            "block-empty" if not given else "block-ambiguous",
            place,
            wanted + ("" if not given else ", and only one of them"),
        )
    if block.task is not None:
        # What `catch` or `finally` stand at is written where they are.
        return Inner(id, block.task, place if isinstance(block.task, TaskSpec) else (*place, "task"))
    kind = "group" if block.tasks is not None else "sequence"
    spec = WorkSpec.model_construct(**{**_PLAIN, "type": kind, "tasks": block.tasks, "steps": block.steps})
    return Inner(id, spec, place)


def listed(tasks: Sequence[TaskSpec] | None, word: str) -> tuple[Inner, ...]:
    """Return tasks that were written out under a word; raise Refusal if there are none."""
    if not tasks:
        raise refuse("key-missing", (word,), f"at least one is needed under {word!r}")
    return tuple(Inner(task.id, task, (word, number)) for number, task in enumerate(tasks))


def composite_type(
    name: str, *, words: Collection[str] = (), input: type[BaseModel] | None = None
) -> Callable[[Expand], TaskType]:
    """Make a composite task type of `def expand(spec)`, which returns a GraphScope or a SequenceScope.

    `expand` is pure: the same spec gives the same scope, for it is asked again whenever the definition
    is compiled, and an execution goes on only with an equal graph.
    words: as an author writes them, of those that composites have (`task`, `branches`, `while`, …), which the
        type takes beside `vars` and `output`.
    input: model of the input, whose expressions `expand` may hand on; without one there is no input.
    Raises ValueError for an impossible name or an unknown word, TypeError for a function that does not take
    one argument.
    """
    unknown = sorted(set(words) - _FIELDS.keys())
    if unknown:
        raise ValueError(
            f"Composite type {name!r}: no words {unknown}; there are {', '.join(sorted(_FIELDS))}."
        )

    def decorate(expand: Expand) -> TaskType:
        try:
            inspect.signature(expand).bind(None)
        except TypeError as error:
            raise TypeError(f"Composite type {name!r}: the function must take (spec): {error}.") from error
        fields = frozenset(_FIELDS[word] for word in words) | SHARED
        description = inspect.getdoc(expand) or ""
        return TaskType(name, None, input, kernel=True, words=fields, expand=expand, description=description)

    return decorate
