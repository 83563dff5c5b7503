"""The corpus: it uses the whole language, and says of each definition by hand how it must end."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import from_json
from sweep_case import CASES_WANTED, Case, corpus
from sweep_client import METHODS, Client
from sweep_life import plugins

from harmonia_core.definitions.load import load_data
from harmonia_core.engine.catalog import Catalog
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.task_spec import NOT_YET_IN_TASK, CaseSpec, HandlerSpec, NextSpec, TaskSpec

CASES = corpus()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
OF_THE_TESTS = frozenset(
    ("do", "undo", "hang", "later", "keep", "read-kept", "tell", "beats", "large", "page")
)


def definitions(case: Case) -> Iterator[WorkflowDefinition]:
    """Return all definitions of a case."""
    begun = [step.arguments.get(word) for step in case.steps for word in ("definition", "version")]
    for data in (case.definition, *case.publish, *begun):
        if isinstance(data, dict):
            loaded = load_data(data)
            assert loaded.definition is not None, loaded.problems
            yield loaded.definition


def models(value: Any) -> Iterator[BaseModel]:
    """Return a model and all models inside it."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from models(getattr(value, name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from models(one)


def test_there_are_enough() -> None:
    assert len(CASES) >= CASES_WANTED
    assert len({case.about for case in CASES}) == len(CASES)


def test_every_word_of_the_language_is_used() -> None:
    said, values = set(), set()
    for case in CASES:
        for definition in definitions(case):
            for model in models(definition):
                said |= {(type(model).__name__, name) for name in model.model_fields_set}
                values |= {
                    (name, str(getattr(model, name))) for name in model.model_fields_set if name in WORDS
                }
    wanted = {
        (kind.__name__, name)
        for kind in (WorkflowDefinition, TaskSpec, CaseSpec, HandlerSpec, NextSpec)
        for name in kind.model_fields
    }
    unused = {(kind, name) for kind, name in wanted - said if name not in NOT_YET_IN_TASK}
    # A block is a task, a graph or steps wherever one may stand; as a case of a decision it is one of these.
    assert unused == {("CaseSpec", "steps"), ("HandlerSpec", "tasks"), ("HandlerSpec", "steps")} & unused
    assert {(name, word) for name, words in WORDS.items() for word in words} <= values


WORDS = {
    "on_failure": ("fail", "compensate", "hold"),
    "policy": ("queue", "skip", "cancel-older"),
    "on_cancel": ("cancel", "abandon"),
    "scope": ("workflow",),
    "mode": ("all",),
    "count": ("all", "any", "2"),
    "done": ("success", "end", "skipped"),
}
"""Words that stand as values."""


def test_every_task_type_of_the_kernel_is_used() -> None:
    kernel = {name for name, kind in plugins().registry.items("task_types") if kind.handler is None}
    used = {
        model.type
        for case in CASES
        for one in definitions(case)
        for model in models(one)
        if hasattr(model, "type")
    }
    assert used - OF_THE_TESTS == kernel - {"pages"}  # which is written as a map


def test_everything_that_a_client_may_do_is_done() -> None:
    own = {name[1:] for name in vars(Client) if name.startswith("_") and not name.startswith("__")}
    actions = {*METHODS, *own} - {"act", "arguments", "begun", "forked"}
    assert {step.action for case in CASES for step in case.steps} == actions


@each_case
def test_something_was_expected_by_hand(case: Case) -> None:
    assert case.expect.keys() & {"output", "effects", "undone", "undone_set", "tasks", "others"}


@each_case
def test_what_is_stored_of_it_compiles_to_the_same_graph(case: Case) -> None:
    catalog = Catalog(plugins(), case.settings)
    for definition in definitions(case):
        compiled = catalog.compile(definition)
        stored = catalog.compile_stored(from_json(compiled.text), strict=True)
        assert stored.graph_hash == compiled.graph.graph_hash
