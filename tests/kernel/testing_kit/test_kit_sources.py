"""Where a test takes its definitions from: files, texts, data, models, and those that they name."""

from pathlib import Path
from typing import Any

import pytest

from harmonia_core.errors import DefinitionInvalid, InputInvalid
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.testing import KitError, Rehearsal, TargetInvalid, fails, never

NOOP: dict[str, Any] = {"name": "noop", "tasks": {"a": {"type": "noop", "input": {"n": "${input.n}"}}}}
TEXT = "name: noop\ntasks:\n  a: {type: noop, input: {n: '${input.n}'}}\n"


def test_one_definition_in_five_forms(tmp_path: Path) -> None:
    (tmp_path / "noop.yaml").write_text(TEXT, "utf-8")
    model = WorkflowDefinition.model_validate({"name": "noop", "tasks": [{"id": "a", **NOOP["tasks"]["a"]}]})
    for form in ("noop.yaml", tmp_path / "noop.yaml", TEXT, NOOP, model):
        run = Rehearsal(form, folder=tmp_path).run({"n": 1})
        assert run["a"].output == {"n": 1}, form


def test_what_is_wrong_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("name: wrong\ntasks:\n  a: {type: nop}\n  b: {wen: 1}\n", "utf-8")
    with pytest.raises(DefinitionInvalid, match=r"line 4, column 7: tasks.b.wen: .*'when'"):
        Rehearsal("wrong.yaml", folder=tmp_path)
    with pytest.raises(DefinitionInvalid, match="task-type-unknown"):
        Rehearsal({"name": "wrong", "tasks": {"a": {"type": "nop"}}}).run()
    with pytest.raises(InputInvalid, match=r"'n'|\"n\""):
        Rehearsal({**NOOP, "input_schema": {"type": "object", "required": ["n"]}}).run()
    with pytest.raises(KitError, match=r"There is no file .*hole.yaml.*There are: wrong.yaml"):
        Rehearsal("hole.yaml", folder=tmp_path)
    (tmp_path / "noop.txt").write_text(TEXT, "utf-8")
    with pytest.raises(DefinitionInvalid, match="format-unknown"):
        Rehearsal("noop.txt", folder=tmp_path)


def test_files_that_a_definition_names(tmp_path: Path) -> None:
    def call(name: str) -> str:
        return f"name: x\ntasks: {{in: {{type: subworkflow, workflow: {{file: {name}}}, input: {{n: 3}}}}}}\n"

    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "noop.yaml").write_text(TEXT, "utf-8")
    (tmp_path / "outer.yaml").write_text(call("inner/noop.yaml"), "utf-8")
    assert Rehearsal("outer.yaml", folder=tmp_path).run()["in/a"].output == {"n": 3}
    (tmp_path / "self.yaml").write_text(call("self.yaml"), "utf-8")
    with pytest.raises(DefinitionInvalid, match="file-cycle"):
        Rehearsal("self.yaml", folder=tmp_path)
    (inner / "out.yaml").write_text(call("../outer.yaml"), "utf-8")
    with pytest.raises(DefinitionInvalid, match="file-outside"):
        Rehearsal("out.yaml", folder=inner)


def http(**more: Any) -> dict[str, Any]:
    return {"type": "http", "input": {"url": "https://x.example"}, **more}


SHIP = {
    "name": "ship",
    "version": "1.4.0",
    "tasks": {"pack": http(), "agree": {"type": "approval", "input": {"title": "?"}, "depends_on": "pack"}},
    "output": "${tasks.pack.output.body}",
}
ORDER = {
    "name": "order",
    "tasks": {
        "one": {"type": "subworkflow", "workflow": "ship@^1"},
        "two": {
            "type": "subworkflow", "workflow": "ship", "depends_on": "one",
            "catch": [{"task": {"type": "noop"}}],
        },
    },
    "output": ["${tasks.one.output}", "${tasks.two.output}"],
}  # fmt: skip


def test_workflows_under_names(tmp_path: Path) -> None:
    with Rehearsal(ORDER, workflows=[SHIP]) as order:
        order.mock("one/pack", {"body": 1})
        order.mock("two/pack", {"body": 2})
        order.on("agree").approve()
        order.on("two/agree", after=60).approve(by="ann")
        run = order.run()
    assert run.output == [1, 2]
    assert [task.path for task in run.every("pack")] == ["one/pack", "two/body/pack"]
    assert run["two/agree"].decided_by == "ann" and run.took.total_seconds() == 60
    (tmp_path / "ship.json").write_text('{"name": "ship", "tasks": {"a": {"type": "noop"}}}', "utf-8")
    assert Rehearsal(ORDER, workflows=tmp_path).run().path == ["one/a", "two/body/a"]
    with pytest.raises(KitError, match="There is no definition in"):
        Rehearsal(ORDER, folder=tmp_path, workflows="nowhere")


def test_a_name_that_nobody_has_published_fails_as_it_would() -> None:
    run = Rehearsal(ORDER).run()
    assert run["one"].error.code == "not-published" and run.status == "failed"


def test_sub_workflows_as_a_whole_and_their_ends() -> None:
    with Rehearsal(ORDER, workflows=[SHIP]) as order:
        order.mock("one", {"body": 0})
        order.mock("two", fails("sunk"))
        run = order.run()
    assert run.output == [{"body": 0}, {}] and "pack" not in run
    assert [error.code for error in run["two"].errors] == ["sunk"]


def test_a_task_inside_that_nobody_has_is_refused_where_all_is_known() -> None:
    whole = {
        "name": "whole",
        "tasks": {"in": {"type": "subworkflow", "workflow": {**NOOP, "tasks": {"b": http()}}}},
    }
    order = Rehearsal(whole)
    order.mock("in/c", never())
    with pytest.raises(TargetInvalid, match="Did you mean 'in/b'"):
        order.run()


def test_python_of_a_definition_is_mocked_without_any_setting() -> None:
    calls = {
        "name": "calls",
        "tasks": {"work": {"type": "python", "input": {"callable": "shop:charge", "args": {"n": 1}}}},
    }
    with Rehearsal(calls) as order:
        order.mock("work", lambda input: {"n": input["args"]["n"] + 1})
        assert order.run()["work"].output == {"n": 2}
