"""Sub-workflows as authors write them: what they become, and what is wrong with them, at its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from harmonia_core import Problem
from harmonia_core.builtin.composites import COMPOSITES
from harmonia_core.builtin.control import TASK_TYPES
from harmonia_core.builtin.documents import YAML
from harmonia_core.builtin.subworkflow import SUBWORKFLOW
from harmonia_core.definitions.files import Opened
from harmonia_core.definitions.load import Loaded, check_loaded, compile_loaded, load_data, load_text
from harmonia_core.definitions.versions import read_reference
from harmonia_core.engine.compile import check_definition
from harmonia_core.errors import DefinitionInvalid, ProblemsError
from harmonia_core.model.child import Child
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.graph import Graph

KINDS = {one.name: one for one in (*TASK_TYPES, *COMPOSITES, SUBWORKFLOW)}
HASH = f"sha256:{'0' * 64}"
INNER = {"name": "inner", "tasks": {"n": {"type": "noop"}}}


class Missing(ProblemsError):
    pass


class Texts:
    """Files from a table."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def open(self, name: str) -> Opened:
        stem = name.removesuffix(".yaml")
        if stem not in self.texts:
            raise Missing([Problem("file-not-found", "", f"there is no file {name}")])
        return Opened(self.texts[stem], name, YAML, self)


def flow(**fields: Any) -> dict[str, Any]:
    return {"name": "w", "tasks": {"t": {"type": "subworkflow", **fields}}}


def compiled(data: dict[str, Any]) -> Graph:
    return compile_loaded(load_data(data), KINDS)


def child(data: dict[str, Any]) -> Child:
    found = compiled(data).root.tasks[0].child
    assert found is not None
    return found


def faults(data: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((one.code, one.path) for one in check_loaded(load_data(data), KINDS).problems)


def read(text: str, **files: str) -> Loaded:
    return load_text(text, "main.yaml", YAML, Texts(**files))


def test_a_definition_that_is_written_out_is_compiled_with_its_parent() -> None:
    found = child(flow(workflow=INNER, on_cancel="abandon"))
    assert found.graph is not None and found.graph.name == "inner"
    assert (found.abandon, found.detach, found.pinned) == (True, False, False)
    assert found.text == load_data(INNER).definition.canonical()  # type: ignore[union-attr]
    assert found.definition_hash == found.graph.definition_hash
    assert child(flow(workflow={"tasks": INNER["tasks"]})).graph.name == "t"  # type: ignore[union-attr]


def test_a_hash_and_the_workflow_itself() -> None:
    assert child(flow(workflow={"hash": HASH}, detach=True)) == Child(HASH, detach=True)
    assert child(flow(workflow={"hash": HASH})).pinned
    assert child(flow(workflow="self")) == Child() and not Child().pinned


def test_an_item_may_be_an_execution() -> None:
    each = {"type": "map", "input": {"items": [1]}, "task": {"type": "subworkflow", "workflow": INNER}}
    item = compiled({"name": "w", "tasks": {"m": each}}).root.tasks[0].item
    assert item is not None and item.child is not None and item.child.graph is not None


def test_the_normal_form_reads_as_the_same() -> None:
    first = load_data(flow(workflow=INNER, input={"a": 1})).definition
    assert first is not None
    again = load_data(json.loads(first.canonical())).definition
    assert again is not None and again.canonical() == first.canonical()
    listed = {"name": "inner", "tasks": [{"id": "n", "type": "noop"}]}
    same = load_data(flow(workflow=listed, input={"a": 1})).definition
    assert same is not None and same.content_hash() == first.content_hash()


def test_a_file_is_as_if_it_were_written_out() -> None:
    text = "name: inner\ntasks: {n: {type: noop}}\n"
    loaded = read("name: w\ntasks: {t: {type: subworkflow, workflow: {file: a.yaml}}}", a=text)
    assert loaded.problems == () and loaded.definition is not None
    assert loaded.definition.content_hash() == compiled(flow(workflow=INNER)).definition_hash


def test_types_of_children_count_as_used() -> None:
    outer = flow(
        workflow=flow(workflow={"name": "i", "tasks": {"w": {"type": "wait", "input": {"duration": 1}}}})
    )
    assert compiled(outer).task_types == ("subworkflow", "wait")


def test_what_reading_has_not_touched_compiles_as_well() -> None:
    listed = {"name": "inner", "tasks": [{"id": "n", "type": "noop"}]}
    task = {"id": "t", "type": "subworkflow", "workflow": listed}
    found = check_definition(WorkflowDefinition.model_validate({"name": "w", "tasks": [task]}), KINDS)
    assert found.graph is not None and found.graph.root.tasks[0].child is not None
    wrong = {**task, "workflow": {"name": "inner", "tasks": [{"id": "n"}]}}
    found = check_definition(WorkflowDefinition.model_validate({"name": "w", "tasks": [wrong]}), KINDS)
    place = "tasks[0].workflow.tasks[0].type"
    assert [(one.code, one.path) for one in found.problems] == [("key-missing", place)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("key-missing", "workflow")),
        ({"workflow": "no name"}, ("reference-invalid", "workflow")),
        ({"workflow": "other@x"}, ("reference-invalid", "workflow")),
        ({"workflow": "other@^01"}, ("reference-invalid", "workflow")),
        ({"workflow": {"name": "other", "version": "^x"}}, ("reference-invalid", "workflow")),
        ({"workflow": 3}, ("type-wrong", "workflow")),
        ({"workflow": {"hash": "abc"}}, ("value-wrong", "workflow")),
        ({"workflow": {"hash": HASH, "name": "x"}}, ("value-wrong", "workflow")),
        ({"workflow": {"file": "a.yaml"}}, ("file-not-read", "workflow.file")),
        ({"workflow": {}}, ("key-missing", "workflow.tasks")),
        ({"workflow": INNER, "on_cancel": "wait"}, ("value-wrong", "on_cancel")),
        ({"workflow": INNER, "detach": 1}, ("type-wrong", "detach")),
        ({"workflow": INNER, "detach": True, "on_cancel": "cancel"}, ("key-misplaced", "on_cancel")),
        ({"workflow": INNER, "timeout": 3}, ("key-misplaced", "timeout")),
        ({"workflow": INNER, "idempotent": True}, ("key-misplaced", "idempotent")),
        ({"workflow": INNER, "input": {"a": "${secrets.key}"}}, ("secret-misplaced", "input.a")),
        (
            {"workflow": {**INNER, "input_schema": {"type": "array"}}, "input": {}},
            ("schema-mismatch", "input"),
        ),
        (
            {"workflow": {"name": "i", "tasks": {"x": {"type": "nop"}}}},
            ("task-type-unknown", "workflow.tasks.x.type"),
        ),
        ({"workflow": {"name": "i", "tasks": {}}}, ("tasks-missing", "workflow.tasks")),
        (
            {
                "workflow": {
                    "name": "i",
                    "tasks": {"x": {"type": "noop", "input": {"a": "${tasks.t.output}"}}},
                }
            },
            ("task-unknown", "workflow.tasks.x.input.a"),
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    code, path = expected
    found = faults(flow(**fields))
    assert [place for _, place in found] == [f"tasks.t.{path}"], found
    if code not in ("secret-misplaced", "schema-mismatch"):
        assert found[0][0] == code


def test_the_words_belong_to_this_type_alone() -> None:
    data = {
        "name": "w",
        "tasks": {"t": {"type": "noop", "workflow": INNER, "detach": False, "on_cancel": "cancel"}},
    }
    assert faults(data) == [
        ("key-misplaced", f"tasks.t.{key}") for key in ("detach", "on_cancel", "workflow")
    ]


def test_problems_have_line_and_column_where_they_stand() -> None:
    main = "name: w\ntasks:\n  t:\n    type: subworkflow\n    workflow: {file: a.yaml}\n  u: {type: nop}\n"
    a = "name: a\ntasks:\n  deep: {type: subworkflow, workflow: {file: b.yaml}}\n  x: {type: nop}\n"
    b = "name: b\ntasks:\n  y: {type: noop, wen: 1}\n  z: {type: noop, input: {v: '${tasks.q.output}'}}\n"
    found = check_loaded(read(main, a=a, b=b), KINDS).problems
    shown = {(one.source, one.line, one.column, one.code, one.path) for one in found}
    deep = "tasks.t.workflow.tasks.deep.workflow.tasks"
    assert shown == {
        (None, 6, 7, "task-type-unknown", "tasks.u.type"),
        ("a.yaml", 4, 7, "task-type-unknown", "tasks.t.workflow.tasks.x.type"),
        ("b.yaml", 3, 19, "key-unknown", f"{deep}.y.wen"),
        ("b.yaml", 4, 27, "task-unknown", f"{deep}.z.input.v"),
    }
    assert found[0].source is None and "b.yaml: line 3" in str(next(one for one in found if one.line == 3))
    assert "source" not in found[0].as_json() and found[-1].as_json()["source"] == "b.yaml"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{file: none.yaml}", "file-not-found"),
        ("{file: 3}", "value-wrong"),
        ("{file: a.yaml, x: 1}", "value-wrong"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_once(written: str, code: str) -> None:
    loaded = read(f"name: w\ntasks: {{t: {{type: subworkflow, workflow: {written}}}}}", a="name: a")
    found = check_loaded(loaded, KINDS).problems
    assert [one.code for one in found] == [code] and found[0].line == 2 and found[0].source is None


def test_a_file_that_holds_nothing_is_reported_as_such() -> None:
    main = "name: w\ntasks: {t: {type: subworkflow, workflow: {file: a.yaml}}}"
    found = check_loaded(read(main, a=""), KINDS).problems
    assert [(one.code, one.source) for one in found] == [("document-empty", "a.yaml")]


def test_files_on_the_command_line(tmp_path: Path) -> None:
    from harmonia_api.cli.source import load_file
    from harmonia_core.host import KernelSettings, load_plugins

    plugins = load_plugins(KernelSettings())
    root = tmp_path / "flows"
    (root / "parts").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("name: secret\ntasks: {n: {type: noop}}\n")
    (root / "parts" / "link.yaml").symlink_to(tmp_path / "secret.yaml")

    def main(file: str) -> Loaded:
        path = root / "main.yaml"
        path.write_text(f"name: w\ntasks: {{t: {{type: subworkflow, workflow: {{file: {file}}}}}}}\n")
        return load_file(path, plugins)

    part = "name: p\ntasks: {{t: {{type: subworkflow, workflow: {{file: {}}}}}}}\n"
    (root / "parts" / "one.yaml").write_text(part.format("two.yaml"))
    (root / "parts" / "two.yaml").write_text("name: two\ntasks: {n: {type: noop}}\n")
    assert main("parts/one.yaml").problems == ()
    for file in (
        "../secret.yaml",
        str(tmp_path / "secret.yaml"),
        "parts/link.yaml",
        str(root / "parts/two.yaml"),
    ):
        assert [one.code for one in main(file).problems] == ["file-outside"], file
    assert [one.code for one in main("parts").problems] in (["format-unknown"], ["file-unreadable"])
    (root / "parts" / "two.yaml").write_text(part.format("../main.yaml"))
    [problem] = main("parts/one.yaml").problems
    assert (
        problem.code == "file-cycle" and "main.yaml -> one.yaml -> two.yaml -> main.yaml" in problem.message
    )
    assert (problem.source, problem.line) == ("parts/two.yaml", 2)


def test_a_definition_may_be_nested_so_deep_and_no_deeper() -> None:
    data: dict[str, Any] = INNER
    for _ in range(40):
        data = flow(workflow=data)
    with pytest.raises(DefinitionInvalid, match="too-deep"):
        compile_loaded(load_data(data), KINDS)


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        *((text, text) for text in ("other", "other@latest", "other@1", "other@^1.4", "other@1.4.0-rc.1+b")),
        ({"name": "other"}, "other"),
        ({"name": "other", "version": "1.4"}, "other@1.4"),
    ],
)
def test_a_published_workflow_is_named_as_everywhere(written: Any, reference: str) -> None:
    child = compiled(flow(workflow=written)).root.tasks[0].child
    assert child is not None
    assert (child.reference, child.graph, child.definition_hash) == (reference, None, None)
    assert str(read_reference(reference)) == reference.removesuffix("@latest")
