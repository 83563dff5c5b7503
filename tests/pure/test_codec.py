"""Events as text and back: every class, references, and data that only looks like one."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.errors import StateCorrupt
from harmonia_core.model import events as e
from harmonia_core.model import upcasters
from harmonia_core.model.codec import EVENT_TYPES, canonical, decode, encode, read_ref
from harmonia_core.model.outcomes import ErrorInfo, error_from_json
from harmonia_core.model.refs import BlobRef, ItemsRef, public
from harmonia_core.model.upcasters import UPCASTERS
from harmonia_core.model.values import Hole, SecretRef

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
FLOAT = st.floats(0, 1e12)
BLOBS = st.builds(BlobRef, TEXT, st.integers(0, 10**9))
LOOKS = st.sampled_from([{"$blob": "sha256:1", "size": 3}, {"$items": "m", "count": 1}, {"input@": 1}, "@"])
STORED = JSON | BLOBS | st.builds(ItemsRef, TEXT, st.integers(0, 99)) | LOOKS
ERRORS = st.builds(
    ErrorInfo, st.sampled_from(["task", "timeout", "server"]), TEXT, TEXT, st.booleans(), st.none() | FLOAT,
    JSON, st.none() | TEXT, st.none() | TEXT, st.none() | TEXT,
)  # fmt: skip
PARTS = st.lists(TEXT | st.builds(SecretRef, TEXT), min_size=1, max_size=3).map(tuple)
HOLES = st.lists(
    st.builds(Hole, st.lists(TEXT | st.integers(0, 9), max_size=3).map(tuple), PARTS), max_size=2
).map(tuple)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "input": STORED, "output": STORED, "value": STORED, "holes": HOLES,
    "vars": st.dictionaries(TEXT, JSON, max_size=2),
    "labels": st.dictionaries(TEXT, TEXT, max_size=2), "versions": st.dictionaries(TEXT, TEXT, max_size=2),
    "deadline": st.none() | FLOAT, "total_deadline": st.none() | FLOAT, "due": FLOAT, "delay": FLOAT,
    "jitter": st.floats(-1, 1), "attempt": st.integers(0, 99), "epoch": st.integers(1, 99),
    "width": st.none() | st.integers(0, 9), "first": st.booleans(),
    "failed_tasks": st.lists(TEXT, max_size=3).map(tuple),
    "place": st.sampled_from(["when", "input", "output"]),
    "kind": st.sampled_from(["wait", "retry", "total"]), "counted": st.booleans(),
    "cause": st.sampled_from(["orphaned", "forced", "delivery", "unknown"]),
}  # fmt: skip
OPTIONAL = {
    e.CancelRequested: {"reason"}, e.ExecutionCancelled: {"reason"}, e.Answered: {"error"},
    e.ExecutionAdopted: {"previous"},
}  # fmt: skip


def drawn(kind: type[e.Event]) -> st.SearchStrategy[e.Event]:
    given: dict[str, st.SearchStrategy[Any]] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        strategy = ERRORS if field.name == "error" else FIELDS.get(field.name, TEXT)
        given[field.name] = st.none() | strategy if field.name in OPTIONAL.get(kind, ()) else strategy
    return st.builds(kind, **given)


@given(st.one_of([drawn(kind) for kind in EVENT_TYPES.values()]))
def test_every_event_comes_back_as_it_was(event: e.Event) -> None:
    name = type(event).__name__
    again = decode(name, event.V, encode(event))
    assert again == event and encode(again) == encode(event)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_every_event_is_documented_and_frozen(kind: type[e.Event]) -> None:
    assert kind.__doc__ and issubclass(kind, e.Event) and kind.V >= 1
    assert kind.__dataclass_params__.frozen and "__slots__" in vars(kind)  # type: ignore[attr-defined]


def test_defaults_are_left_out() -> None:
    assert encode(e.TaskScheduled("t", 1)) == b'{"path":"t","attempt":1}'
    assert encode(e.TaskSucceeded("t", 1, None)) == b'{"path":"t","attempt":1,"output":null}'


def test_a_reference_and_data_that_looks_like_one_are_told_apart() -> None:
    ref = BlobRef("sha256:1", 3)
    assert encode(e.TaskSucceeded("t", 1, ref)) != encode(e.TaskSucceeded("t", 1, ref.as_json()))
    assert decode("TaskSucceeded", 1, encode(e.TaskSucceeded("t", 1, ref.as_json()))).output == ref.as_json()  # type: ignore[attr-defined]
    assert read_ref(ItemsRef("m", 2).as_json()) == ItemsRef("m", 2)
    assert public(ref) == {"$blob": "sha256:1", "size": 3} and public([ref]) == [ref]


@pytest.mark.parametrize(
    ("kind", "version", "text"),
    [
        ("TaskVanished", 1, "{}"),
        ("TaskSkipped", 2, "{}"),
        ("TaskSkipped", 1, "{"),
        ("TaskSkipped", 1, '{"path": "t"}'),
        ("TaskSkipped", 1, '{"path": "t", "reason": "when", "mood": 1}'),
        ("TaskSucceeded", 1, '{"path": "t", "attempt": 1, "output@": {}}'),
        ("TaskSucceeded", 1, '{"path": "t", "attempt": 1, "output@": []}'),
        ("TaskFailed", 1, '{"path": "t", "attempt": 1, "error": "boom"}'),
        ("TaskFailed", 1, "[]"),
        ("TaskFailed", 0, "{}"),
        ("AttemptLost", 1, "[]"),
        ("AttemptLost", 2, '{"path": "t", "attempt": 1, "fruitful": true}'),
    ],
)
def test_a_record_that_cannot_be_read_is_corrupt(kind: str, version: int, text: str) -> None:
    with pytest.raises(StateCorrupt, match=f"^{kind} v{version} "):
        decode(kind, version, text)


@pytest.mark.parametrize(("kind", "version"), [("TaskVanished", 1), ("TaskSkipped", 9)])
def test_what_a_newer_version_wrote_asks_for_an_upgrade(kind: str, version: int) -> None:
    with pytest.raises(StateCorrupt, match="upgrade Harmonia"):
        decode(kind, version, "{}")


def test_every_version_ever_written_has_an_upcaster_and_nothing_else_has() -> None:
    steps = {(name, v) for name, kind in EVENT_TYPES.items() for v in range(1, kind.V)}
    assert UPCASTERS.keys() == steps
    functions = list(UPCASTERS.values())
    assert all(function.__doc__ and function.__name__.isidentifier() for function in functions)
    assert len(set(functions)) == len(functions)


def test_an_upcaster_leaves_the_record_as_it_was() -> None:
    record = {"path": "t", "attempt": 2, "fruitful": True}
    assert UPCASTERS["AttemptLost", 1](record) == {"path": "t", "attempt": 2, "counted": False}
    assert record == {"path": "t", "attempt": 2, "fruitful": True}


@pytest.mark.parametrize(
    ("kind", "text", "event"),
    [
        ("ExecutionAdopted", '{"engine":"e","epoch":2}', e.ExecutionAdopted("e", 2, None, "unknown")),
        ("AttemptLost", '{"path":"t","attempt":1}', e.AttemptLost("t", 1, counted=True)),
        ("AttemptLost", '{"path":"t","attempt":1,"fruitful":false}', e.AttemptLost("t", 1, counted=True)),
        ("AttemptLost", '{"path":"t","attempt":1,"fruitful":true}', e.AttemptLost("t", 1, counted=False)),
    ],
)
def test_an_old_version_is_cast_up(kind: str, text: str, event: e.Event) -> None:
    assert decode(kind, 1, text) == event
    assert decode(kind, 2, encode(event)) == event


def test_upcasters_are_chained(monkeypatch: pytest.MonkeyPatch) -> None:
    def further(data: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**data, "path": data["path"].upper()}

    monkeypatch.setattr(e.AttemptLost, "V", 3)
    monkeypatch.setattr(upcasters, "UPCASTERS", UPCASTERS | {("AttemptLost", 2): further})
    fruitful = '{"path":"t","attempt":1,"fruitful":true}'
    assert decode("AttemptLost", 1, fruitful) == e.AttemptLost("T", 1, counted=False)
    assert decode("AttemptLost", 2, '{"path":"t","attempt":1}') == e.AttemptLost("T", 1)
    assert decode("AttemptLost", 3, '{"path":"t","attempt":1}') == e.AttemptLost("t", 1)


@given(JSON)
def test_equal_values_have_equal_canonical_text(value: Any) -> None:
    assert canonical({"b": value, "a": [1, (2,)]}) == canonical({"a": (1, [2]), "b": value})


@given(ERRORS)
def test_an_error_comes_back_from_its_public_shape(error: ErrorInfo) -> None:
    assert error_from_json(error.as_json()) == error
