"""A map whose items come page by page, as the sequence it stands for: a page, its items, the next page."""

from typing import Any

from harmonia_core import TaskType
from harmonia_core.builtin.composites import MAX_ITERATIONS
from harmonia_core.contracts.composite import CURSOR, END, Inner, SequenceScope, Step, Way
from harmonia_core.contracts.composite_type import refuse
from harmonia_core.model.task_spec import ReduceSpec, TaskSpec, WorkSpec

PAGES = "pages"
_RESULT, _COUNT, _ITEMS = "page result", "page count", "page items"
_OF_ITEMS = ("task", "max_concurrency", "batch_size", "tolerate")


def pages(spec: WorkSpec) -> SequenceScope:
    """Hold the steps of a map over pages. What it counts has names that no author can give."""
    if spec.pages is None:
        raise refuse("key-missing", (PAGES,), "say which task gives the pages: 'pages'")
    # What a file stands for is written as the input of the map itself.
    place = () if isinstance(spec.pages, TaskSpec) else (PAGES,)
    again = (Way("page", f'vars["{CURSOR}"] != null'), Way(END))
    steps = [
        Step(Inner("page", spec.pages, place), (Way("items"),)),
        Step(Inner("items", _items(spec), ()), (Way("turn"),)),
        Step(Inner("turn", _set(_turned(spec)), ()), again),
    ]
    variables: dict[str, Any] = {CURSOR: None, _COUNT: 0, _ITEMS: 0}
    output: Any = {"pages": f'${{vars["{_COUNT}"]}}', "items": f'${{vars["{_ITEMS}"]}}'}
    first = "page"
    if spec.reduce is not None:
        begin = _set({_RESULT: spec.reduce.initial})
        steps.insert(0, Step(Inner("begin", begin, ("reduce", "initial")), (Way("page"),)))
        variables, output, first = variables | {_RESULT: None}, f'${{vars["{_RESULT}"]}}', "begin"
    return SequenceScope(
        tuple(steps),
        (Way(first),),
        limit=spec.max_iterations or MAX_ITERATIONS,
        output=output,
        variables=variables,
        roots=frozenset(("cursor",)),
    )


def _items(spec: WorkSpec) -> WorkSpec:
    """Return the map over the items of one page."""
    given = {name: getattr(spec, name) for name in _OF_ITEMS}
    reduce = spec.reduce
    if reduce is not None:
        so_far = f'${{vars["{_RESULT}"]}}'
        given["reduce"] = ReduceSpec.model_construct(initial=so_far, value=reduce.value)
    input = {"items": "${tasks.page.output.items}"}
    return WorkSpec.model_construct(**{**_PLAIN, **given, "type": "map", "input": input})


def _turned(spec: WorkSpec) -> dict[str, Any]:
    """Return what the variables become behind a page."""
    found = {
        CURSOR: "${tasks.page.output.next}",
        _COUNT: f'${{vars["{_COUNT}"] + 1}}',
        _ITEMS: f'${{vars["{_ITEMS}"] + size(tasks.page.output.items)}}',
    }
    return found if spec.reduce is None else {**found, _RESULT: "${tasks.items.output}"}


def _set(values: dict[str, Any]) -> WorkSpec:
    return WorkSpec.model_construct(**{**_PLAIN, "type": "set", "input": values})


_PLAIN = dict(WorkSpec.model_validate({"type": "map"}))

MAP_OF_PAGES = TaskType(
    PAGES,
    None,
    kernel=True,
    words=frozenset((PAGES, "max_iterations", "reduce", *_OF_ITEMS)),
    expand=pages,
    description="What a map with `pages` or a file is: a page, its items, and the next page.",
)
