"""Composite types of other authors: a function says what is inside, and what is wrong with it is told."""

from typing import Any

import pytest
from pydantic import BaseModel

from harmonia_core import (
    END,
    GraphScope,
    Handling,
    Inner,
    SequenceScope,
    Step,
    TaskType,
    Way,
    WorkSpec,
    composite_type,
    inner,
    refuse,
)
from harmonia_core.builtin.composites import COMPOSITES
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.definitions.load import check_loaded, load_data
from harmonia_core.testing.harness import Harness

NOOP = {"type": "noop"}


class Told(BaseModel):
    """What to say if it fails."""

    text: str


@composite_type("told", words=("task", "tasks", "steps"), input=Told)
def told(spec: WorkSpec) -> SequenceScope:
    """Do something; say it if it fails."""
    say = WorkSpec.model_validate(
        {"type": "noop", "input": {"said": spec.input["text"], "of": "${error.code}"}}
    )
    body = Step(inner("body", spec), (Way(END),), (Handling("say"),))
    return SequenceScope((body, Step(Inner("say", say))), (Way("body"),))


def faults(kind: TaskType, task: Any) -> list[tuple[str, str]]:
    types = {one.name: one for one in (*TASK_TYPES, *COMPOSITES, kind)}
    loaded = load_data({"name": "w", "tasks": {"t": {"type": kind.name, **task}}})
    return [(problem.code, problem.path) for problem in check_loaded(loaded, types).problems]


async def test_it_runs_like_those_of_the_kernel() -> None:
    body = {"type": "fail", "input": {"error": "boom"}}
    task = {"type": "told", "input": {"text": "${input.who} failed"}, "task": body}
    async with Harness(told) as h:
        view = await h.run({"name": "w", "tasks": {"t": task}, "output": "${tasks.t.output}"}, {"who": "it"})
    assert view["output"] == {"said": "it failed", "of": "boom"}
    assert [one["path"] for one in view["tasks"]] == ["t", "t/body", "t/say"]


def test_words_and_input_are_checked_like_those_of_the_kernel() -> None:
    assert told.description == "Do something; say it if it fails."
    assert faults(told, {"task": NOOP, "input": {"text": "x"}}) == []
    assert faults(told, {"task": NOOP, "input": {"txt": "x"}}) == [
        ("input-key-unknown", "tasks.t.input.txt"),
        ("input-key-missing", "tasks.t.input.text"),
    ]
    assert faults(told, {"task": NOOP, "branches": [], "input": {"text": "x"}}) == [
        ("key-misplaced", "tasks.t.branches")
    ]
    assert faults(told, {"input": {"text": "x"}}) == [("block-empty", "tasks.t")]


@composite_type("bare")
def bare(spec: WorkSpec) -> GraphScope:
    """Take no input."""
    raise refuse("no-luck", ("output",), "not today")


def test_a_refusal_has_its_place_and_no_model_means_no_input() -> None:
    assert faults(bare, {"input": {"x": 1}, "output": 3}) == [
        ("key-misplaced", "tasks.t.input"),
        ("no-luck", "tasks.t.output"),
    ]


WORK = WorkSpec.model_validate(NOOP)
UNSOUND = {
    "nothing": None,
    "empty": GraphScope(()),
    "a double": GraphScope((Inner("a", WORK), Inner("a", WORK))),
    "no name": GraphScope((Inner("a b", WORK),)),
    "a way nowhere": SequenceScope((Step(Inner("a", WORK), (Way("b"),)),), (Way("a"),)),
    "no last": SequenceScope((Step(Inner("a", WORK)),), (Way("a"),), last="z"),
}


@pytest.mark.parametrize("found", UNSOUND.values(), ids=list(UNSOUND))
def test_a_type_that_returns_nonsense_is_a_problem_of_the_definition(found: Any) -> None:
    @composite_type("odd")
    def odd(spec: WorkSpec) -> Any:
        return found

    assert faults(odd, {}) == [("type-fault", "tasks.t")]


def test_a_type_that_fails_is_a_problem_of_the_definition() -> None:
    @composite_type("odd")
    def odd(spec: WorkSpec) -> Any:
        return 1 / 0

    assert faults(odd, {}) == [("type-fault", "tasks.t")]


def test_impossible_types_are_refused_when_they_are_made() -> None:
    with pytest.raises(ValueError, match="no words \\['wile'\\]"):
        composite_type("x", words=("wile",))
    with pytest.raises(TypeError, match="must take \\(spec\\)"):
        composite_type("x")(lambda: None)  # type: ignore[arg-type,misc]
    with pytest.raises(ValueError, match="cannot name a task type"):
        composite_type("no name")(told.expand)  # type: ignore[arg-type]
