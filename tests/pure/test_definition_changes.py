"""What differs between two definitions, and which level that is: the table of docs/workflows.md."""

import copy
from pathlib import Path
from typing import Any

import pytest

from harmonia_core.definitions.changes import definition_changes, weightiest
from harmonia_core.definitions.choosing import Before, at_version, choose
from harmonia_core.definitions.errors import VersionExists
from harmonia_core.definitions.load import load_data
from harmonia_core.definitions.presenting import as_text, text_diff
from harmonia_core.definitions.records import Release
from harmonia_core.errors import DefinitionInvalid
from harmonia_core.model.definition import WorkflowDefinition

BASE: dict[str, Any] = {
    "name": "order",
    "version": "1.4.0",
    "input_schema": {
        "type": "object",
        "required": ["item"],
        "properties": {"item": {"type": "string", "maxLength": 20}, "size": {"enum": ["s", "m"]}},
    },
    "output_schema": {
        "type": "object",
        "properties": {"id": {"type": ["string", "null"]}},
        "required": ["id"],
    },
    "output": {"id": "${tasks.book.output}"},
    "tasks": {
        "price": {"type": "noop"},
        "book": {
            "type": "sequence",
            "depends_on": "price",
            "steps": [{"id": "hold", "type": "noop"}, {"id": "pay", "type": "noop"}],
        },
        "choose": {
            "type": "decision",
            "cases": [{"when": "${input.item == 'tea'}", "task": {"type": "noop"}}],
            "default": {"task": {"type": "noop"}},
        },
    },
}


def put(data: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Return a copy with a value at a dotted place; `...` takes the key away."""
    found = copy.deepcopy(data)
    *around, last = place.split(".")
    at: Any = found
    for part in around:
        at = at[int(part)] if isinstance(at, list) else at[part]
    if value is ...:
        del at[last]
    elif isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return found


def definition(data: dict[str, Any]) -> WorkflowDefinition:
    loaded = load_data(data)
    assert loaded.definition is not None and not loaded.problems, loaded.problems
    return loaded.definition


def changes(new: dict[str, Any], old: dict[str, Any] = BASE) -> list[tuple[str, str, str]]:
    found = definition_changes(definition(old).as_data(), definition(new).as_data())
    return [(change.level, change.place, change.kind) for change in found]


IN, OUT = "input_schema", "output_schema"
ID = f"{OUT}.properties.id"
PAY = "tasks.book.steps.pay"


@pytest.mark.parametrize(
    ("place", "value", "level", "where", "kind"),
    [
        ("description", "words", "patch", "description", "added"),
        ("labels", {"a": "b"}, "patch", "labels", "added"),
        ("retry_policy", {"max_retries": 2}, "patch", "retry_policy", "added"),
        ("timeout", 5, "patch", "timeout", "added"),
        ("vars", {"a": 1}, "minor", "vars", "added"),
        ("output.more", 1, "minor", "output.more", "added"),
        ("output.id", "x", "minor", "output.id", "changed"),
        ("output", {}, "major", "output.id", "removed"),
        ("output", "text", "major", "output", "changed"),
        ("tasks.price.timeout", 5, "patch", "tasks.price.timeout", "added"),
        ("tasks.price.description", "x", "patch", "tasks.price.description", "added"),
        ("tasks.price.when", "${input.item == 'x'}", "minor", "tasks.price.when", "added"),
        ("tasks.price.input", {"a": 1}, "minor", "tasks.price.input", "added"),
        ("tasks.price.type", "transform", "major", "tasks.price.type", "changed"),
        ("tasks.choose", ..., "major", "tasks.choose", "removed"),
        ("tasks.more", {"type": "noop"}, "minor", "tasks.more", "added"),
        ("tasks.book.depends_on", [], "minor", "tasks.book", "removed"),
        ("tasks.choose.depends_on", ["price"], "minor", "tasks.choose", "added"),
        ("tasks.book.steps.1", {"id": "pay", "type": "fail"}, "major", f"{PAY}.type", "changed"),
        ("tasks.book.steps", [{"id": "hold", "type": "noop"}], "major", "tasks.book.steps.pay", "removed"),
        ("tasks.choose.default.task.type", "fail", "major", "tasks.choose.default.task.type", "changed"),
        ("tasks.choose.cases.0.when", "${true}", "minor", "tasks.choose.cases[0].when", "changed"),
        ("tasks.choose.default", ..., "minor", "tasks.choose.default", "removed"),
        (IN, ..., "minor", IN, "changed"),
        (OUT, ..., "major", OUT, "changed"),
        (f"{IN}.required", [], "minor", f"{IN}.properties.item", "changed"),
        (f"{IN}.required", ["item", "size"], "major", f"{IN}.properties.size", "changed"),
        (f"{OUT}.required", [], "major", f"{OUT}.properties.id", "changed"),
        (f"{IN}.properties.more", {"type": "string"}, "minor", f"{IN}.properties.more", "added"),
        (f"{IN}.properties.size", ..., "major", f"{IN}.properties.size", "removed"),
        (f"{OUT}.properties.more", {"type": "string"}, "minor", f"{OUT}.properties.more", "added"),
        (f"{OUT}.properties.id", {"type": "string"}, "minor", f"{ID}.type", "changed"),
        (f"{OUT}.properties.id", {"type": "null"}, "minor", f"{ID}.type", "changed"),
        (f"{ID}.type", ["string", "null", "array"], "major", f"{ID}.type", "changed"),
        (f"{IN}.properties.item.maxLength", 10, "major", f"{IN}.properties.item.maxLength", "changed"),
        (f"{IN}.properties.item.maxLength", 30, "minor", f"{IN}.properties.item.maxLength", "changed"),
        (f"{IN}.properties.item.maxLength", ..., "minor", f"{IN}.properties.item.maxLength", "changed"),
        (f"{IN}.properties.item.minLength", 1, "major", f"{IN}.properties.item.minLength", "changed"),
        (f"{IN}.properties.item.pattern", "a+", "major", f"{IN}.properties.item.pattern", "changed"),
        (f"{IN}.properties.item.title", "Item", "patch", f"{IN}.properties.item.title", "changed"),
        (f"{IN}.properties.size.enum", ["s", "m", "l"], "minor", f"{IN}.properties.size.enum", "changed"),
        (f"{IN}.properties.size.enum", ["s"], "major", f"{IN}.properties.size.enum", "changed"),
        (f"{IN}.properties.item.anyOf", [{}], "major", f"{IN}.properties.item.anyOf", "changed"),
        (f"{IN}.additionalProperties", False, "major", f"{IN}.additionalProperties", "changed"),
    ],
)  # fmt: skip
def test_the_table(place: str, value: Any, level: str, where: str, kind: str) -> None:
    assert changes(put(BASE, place, value)) == [(level, where, kind)]


def test_a_number_takes_every_integer() -> None:
    place = "input_schema.properties.item"
    whole, any_number = put(BASE, place, {"type": "integer"}), put(BASE, place, {"type": "number"})
    assert changes(any_number, whole) == [("minor", f"{place}.type", "changed")]
    assert changes(whole, any_number) == [("major", f"{place}.type", "changed")]


def test_steps_in_another_order_work_differently_and_tasks_do_not() -> None:
    turned = put(BASE, "tasks.book.steps", BASE["tasks"]["book"]["steps"][::-1])
    assert changes(turned) == [("minor", "tasks.book.steps", "changed")]
    assert changes({**BASE, "tasks": dict(reversed(BASE["tasks"].items()))}) == [
        ("patch", "definition", "changed")
    ]


def test_what_is_the_same_differs_in_nothing_whatever_its_version() -> None:
    assert changes({**BASE, "version": "9.0.0"}) == [] and weightiest([]) is None


def test_a_task_that_goes_with_all_that_is_in_it_is_one_change() -> None:
    assert changes(put(BASE, "tasks.book", ...)) == [("major", "tasks.book", "removed")]
    assert changes(BASE, put(BASE, "tasks.book", ...)) == [("minor", "tasks.book", "added")]


def test_normal_forms_are_read_back_and_are_the_same_whatever_was_written() -> None:
    listed = {**BASE, "tasks": [{"id": name, **task} for name, task in BASE["tasks"].items()]}
    assert as_text(definition(listed).as_data()) == as_text(definition(BASE).as_data())
    import yaml

    again = definition(yaml.safe_load(as_text(definition(BASE).as_data())))
    assert again.content_hash() == definition(BASE).content_hash()


def test_a_diff_of_texts_shows_what_a_person_would_write() -> None:
    new = put(put(BASE, "tasks.price.timeout", "PT5S"), "version", "1.4.1")
    text = text_diff(definition(BASE).as_data(), definition(new).as_data(), ("a", "b"), context=0)
    lines = [line for line in text.splitlines() if not line.startswith("@@")]
    assert lines == ["--- a", "+++ b", "-version: 1.4.0", "+version: 1.4.1", "+    timeout: 5.0"]


def release(data: dict[str, Any]) -> Release:
    made = definition(data)
    return Release(made.name, made.version, made.content_hash(), 0.0)


def newest(data: dict[str, Any] = BASE) -> Before:
    return Before(release(data), definition(data))


@pytest.mark.parametrize(
    ("bump", "place", "value", "version"),
    [
        ("auto", "tasks.choose", ..., "2.0.0"),
        ("auto", "tasks.more", {"type": "noop"}, "1.5.0"),
        ("auto", "description", "x", "1.4.1"),
        ("major", "description", "x", "2.0.0"),
        (None, "version", "7.0.0-rc.1", "7.0.0-rc.1"),
    ],
)
def test_a_version_is_chosen(bump: Any, place: str, value: Any, version: str) -> None:
    choice = choose(definition(put(BASE, place, value)), [release(BASE)], newest(), bump)
    assert (choice.definition.version, choice.stands) == (version, None)
    assert choice.definition.as_data().get("version", "1.0.0") == version


def test_the_same_content_is_the_version_that_stands() -> None:
    standing = release(BASE)
    assert choose(definition(BASE), [standing], newest(), None).stands == standing
    moved = definition({**BASE, "version": "3.0.0"})
    assert choose(moved, [standing], newest(), "auto").stands == standing
    assert choose(moved, [standing], newest(), None).stands is None


def test_another_content_under_a_version_is_refused_by_both_hashes() -> None:
    other = definition(put(BASE, "description", "x"))
    with pytest.raises(VersionExists) as refused:
        choose(other, [release(BASE)], newest(), None)
    details = refused.value.details()
    assert (details["hash"], details["given"]) == (definition(BASE).content_hash(), other.content_hash())
    assert all(one in str(refused.value) for one in (details["hash"], details["given"]))


def test_a_version_that_is_not_whole_is_refused() -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        choose(definition({**BASE, "version": "1.5"}), [], None, None)
    assert [problem.code for problem in refused.value.problems] == ["version-incomplete"]
    assert at_version(definition({**BASE, "version": "1.5"}), "1.5.0").version == "1.5.0"


def test_the_table_of_the_page_names_every_level() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/workflows.md").read_text("utf-8")
    assert all(f"| {level} |" in page for level in ("major", "minor", "patch"))
