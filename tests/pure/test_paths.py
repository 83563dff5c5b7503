"""The path grammar and its resolver."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.errors import ExpressionError
from harmonia_core.expressions.paths import resolve
from harmonia_core.model.paths import Path, nearest, normalise, read_path

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,10}", fullmatch=True)
KEYS = st.one_of(NAMES, st.text(max_size=12), st.integers(0, 999_999_999))
ROOTS = NAMES.filter(lambda name: name not in ("true", "false", "null"))


@given(ROOTS, st.lists(KEYS, max_size=6))
def test_every_path_is_read_back_from_what_it_writes(root: str, steps: list[str | int]) -> None:
    path = normalise(root, steps)
    assert read_path(str(path)) == path


@given(st.text())
def test_reading_a_path_never_raises(text: str) -> None:
    path = read_path(text)
    assert path is None or read_path(str(path)) == path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("tasks.fetch", ("fetch",)),
        ("tasks.fetch.output", ("fetch", "output")),
        ("tasks.fetch.count", ("fetch", "output", "count")),
        ("tasks.fetch.status", ("fetch", "status")),
        ("tasks['fetch'][\"status\"]", ("fetch", "status")),
        ("tasks.fetch[0].a-b", ("fetch", "output", 0, "a-b")),
        (r"""tasks.a.output['it\'s "x"']""", ("a", "output", 'it\'s "x"')),
        (r'tasks.a.output["\u00e9\n"]', ("a", "output", "é\n")),
        ("tasks.a.output[-1]", ("a", "output", -1)),
    ],
)
def test_paths_stand_in_normal_form(text: str, steps: tuple[str | int, ...]) -> None:
    assert read_path(text) == Path("tasks", steps)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a.",
        "a..b",
        "a[",
        "a[x]",
        "a[1",
        "a.1",
        "a + b",
        "a()",
        'a["x]',
        r'a["\q"]',
        "true",
        "null",
        "1",
    ],
)
def test_what_is_no_path_is_left_to_cel(text: str) -> None:
    assert read_path(text) is None


def test_a_path_knows_what_lies_above_it() -> None:
    path = Path("input", ("a", "b"))
    assert path.starts_with(path) and path.starts_with(Path("input"))
    assert not path.starts_with(Path("vars")) and not Path("input", ("a",)).starts_with(path)


DATA: Any = {"list": [{"name": "x"}, None], "text": "abc", "flag": True, "n": 1.5, "none": None, "empty": {}}


@pytest.mark.parametrize(
    ("steps", "value"),
    [((), DATA), (("list", 0, "name"), "x"), (("list", 1), None), (("text",), "abc"), (("empty",), {})],
)
def test_a_path_resolves_to_what_stands_there(steps: tuple[str | int, ...], value: Any) -> None:
    assert resolve(DATA, steps) == value


def test_what_is_resolved_is_no_copy() -> None:
    assert resolve(DATA, ("list",)) is DATA["list"]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (("lsit", 0), "x.lsit[0] does not exist: x has no key 'lsit'; did you mean 'list'?"),
        (("zzz",), "x.zzz does not exist: x has no key 'zzz' (it has 'list', 'text', "),
        (("empty", "a"), "x.empty has no key 'a' (it has none)"),
        ((0,), "x has no key 0 (it has"),
        (("list", 2, "name"), "x.list is a list of 2"),
        (("list", -1), "x.list is a list of 2"),
        (("list", "name"), "x.list is a list of 2, it has no key 'name'"),
        (("list", 1, "a"), "x.list[1] is null"),
        (("text", 0), "x.text is a text"),
        (("flag", "a"), "x.flag is a boolean"),
        (("n", "a"), "x.n is a number"),
    ],
)
def test_a_missing_path_names_the_part_that_exists(steps: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        resolve(DATA, steps, "x")
    assert raised.value.error_code == "path-missing"
    assert message in str(raised.value)


def test_only_some_of_many_keys_are_named() -> None:
    with pytest.raises(ExpressionError, match=r"'k9', \.\.\.\)"):
        resolve({f"k{n}": n for n in range(50)}, ("nothing",))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSON_VALUES, st.lists(st.one_of(st.text(max_size=3), st.integers(-2, 3)), max_size=4))
def test_resolving_gives_a_value_or_a_typed_error(value: Any, steps: list[str | int]) -> None:
    try:
        resolve(value, steps)
    except ExpressionError as error:
        assert error.error_code == "path-missing"


def test_the_nearest_name_is_near() -> None:
    assert nearest("inptu", ("input", "vars")) == "input"
    assert nearest("quite-else", ("input", "vars")) is None
