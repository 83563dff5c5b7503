"""Outputs: strict JSON, detached, bounded; and what exceptions become."""

import enum
import json
from collections import OrderedDict, namedtuple
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.engine.failures import MESSAGE_LIMIT, bounded, describe
from harmonia_core.engine.masking import Masker
from harmonia_core.engine.output import NotJSON, TooLarge, detached, encode
from harmonia_core.errors import PermanentError, StateLocked
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.values import MAX_DEPTH

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Name(enum.StrEnum):
    ADA = "ada"


Pair = namedtuple("Pair", "a b")


@given(JSON)
def test_json_comes_back_equal_compact_and_detached(value: Any) -> None:
    copy, encoded = encode(value, 10**6)
    assert copy == value and json.loads(encoded) == value
    assert encoded == json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() or b"." in encoded
    assert detached(value) == value
    if isinstance(value, list | dict):
        assert copy is not value


def test_subclasses_become_plain() -> None:
    value = {"pair": Pair(1, (2,)), "level": Level.HIGH, Name.ADA: Name.ADA, "order": OrderedDict(b=1)}
    copy, encoded = encode(value, 1000)
    assert copy == {"pair": [1, [2]], "level": 3, "ada": "ada", "order": {"b": 1}}
    assert type(copy["order"]) is dict and type(copy["level"]) is int and type(copy["ada"]) is str
    assert json.loads(encoded) == copy


def test_large_integers_stay_exact() -> None:
    value = [2**70, -(10**4299), 0.1 + 0.2]
    copy, _ = encode(value, 10_000)
    assert copy == value and detached(value) == value
    with pytest.raises(NotJSON, match="4300 digits"):
        encode([10**4300], 10_000)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": {"b": [1, {2}]}}, "a.b[1]: set is not JSON"),
        ([nan], "[0]: nan is not a JSON number"),
        ({"x": -inf}, "x: -inf is not a JSON number"),
        (Colour.RED, "the value itself: Colour is not JSON"),
        ({"a": {3: 1}}, "a.3: a key must be text, not int"),
        ({"a": "\udfff"}, "half a surrogate"),
    ],
)
def test_the_first_bad_value_is_named(value: Any, message: str) -> None:
    with pytest.raises(NotJSON) as caught:
        encode(value, 1000)
    assert message in str(caught.value)


def test_a_value_inside_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NotJSON, match=f"more than {MAX_DEPTH} levels deep, or contains itself"):
        encode(loop, 1000)


def test_the_deepest_value_can_be_read_back_inside_an_event() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert detached({"data": {"output": encode(value, 1000)[0]}}) == {"data": {"output": value}}


@pytest.mark.parametrize("value", ["é" * 30, ["x" * 65], list(range(20)), {str(n): n for n in range(10)}])
def test_the_limit_is_in_bytes_and_exact(value: Any) -> None:
    size = len(encode(value, 10_000)[1])
    assert encode(value, size)[0] == value
    with pytest.raises(TooLarge):
        encode(value, size - 1)


def test_what_is_far_too_large_is_refused_before_it_is_copied() -> None:
    class Counting(list[int]):
        def __iter__(self) -> Any:
            raise AssertionError("was read")

    with pytest.raises(TooLarge):
        encode(Counting([0] * 1000), 100)


def test_bounded_keeps_both_ends() -> None:
    text = bounded("a" * 5000 + "b" * 5000, 100)
    assert text.startswith("a" * 25 + "\n…") and text.endswith("b" * 75) and "9,900" in text


def test_causes_that_go_in_circles_end() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    assert describe(first).cause == "KeyError: 'second'"


def test_a_group_lists_its_leaves() -> None:
    group = ExceptionGroup("g", [ValueError("a"), ExceptionGroup("h", [KeyError("b"), OSError("c")])])
    error = describe(group)
    assert error.kind == "ExceptionGroup"
    assert [one["kind"] for one in error.details["errors"]] == ["ValueError", "KeyError", "OSError"]


def test_a_text_is_concealed_before_it_is_cut() -> None:
    secret = "".join(chr(ord("A") + number % 26) for number in range(60))
    masker = Masker([secret])

    def leaks(error: ErrorInfo) -> bool:
        texts = f"{error.message} {error.cause} {error.traceback} {error.details}"
        return any(secret[at : at + 8] in texts for at in range(len(secret) - 8))

    cut = MESSAGE_LIMIT // 4
    for before in range(cut - 70, cut + 10, 5):
        error = PermanentError("-" * before + secret + "-" * MESSAGE_LIMIT)
        error.__cause__ = KeyError("-" * (before % 125) + secret + "-" * MESSAGE_LIMIT)
        for raised in (error, ExceptionGroup("g", [error, error])):
            assert not leaks(masker.error(describe(raised, masker.text)))
        if cut - 50 < before < cut - 10:
            assert leaks(masker.error(describe(error))), "a secret that was split is found no more"


def test_a_failing_store_is_infrastructure() -> None:
    error = describe(StateLocked("The store is locked."))
    assert (error.category, error.code, error.retryable) == ("infrastructure", "store-locked", True)
