"""`--input` and `--input-file`: what becomes of them, and every way to be refused."""

from pathlib import Path
from typing import Any

import pytest

from harmonia_api.cli.inputs import read_input
from harmonia_api.cli.source import Refused
from harmonia_core.host import Plugins, load_plugins

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "count": {"type": "integer"},
        "either": {"type": ["string", "null"]},
        "flag": {"type": ["string", "integer"]},
        "far": {"$ref": "#/$defs/text"},
        "round": {"$ref": "#/properties/round"},
    },
    "$defs": {"text": {"type": "string"}},
}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ([], {}),
        (["name=1"], {"name": "1"}),
        (["name=a=b"], {"name": "a=b"}),
        (["name="], {"name": ""}),
        (["far=true"], {"far": "true"}),
        (["count=7"], {"count": 7}),
        (["either=null"], {"either": None}),
        (["either=12"], {"either": "12"}),
        (["flag=true"], {"flag": "true"}),
        (["flag=3"], {"flag": 3}),
        (["other=[1, 2]"], {"other": [1, 2]}),
        (["other=plain text"], {"other": "plain text"}),
        (["name=a", "count=2"], {"name": "a", "count": 2}),
    ],
)
def test_it_is_text_where_the_schema_says_so_and_json_otherwise(
    plugins: Plugins, given: list[str], value: dict[str, Any]
) -> None:
    assert read_input(given, None, SCHEMA, plugins) == value


def test_without_a_schema_json_is_tried(plugins: Plugins) -> None:
    assert read_input(["a=1", "b=x"], None, None, plugins) == {"a": 1, "b": "x"}


@pytest.mark.parametrize(
    ("given", "file", "codes"),
    [
        (["name"], None, ["input-malformed"]),
        (["=x", "y"], None, ["input-malformed", "input-malformed"]),
        (["count=1", "count=2"], None, ["input-twice"]),
        (["count=many"], None, ["input-invalid"]),
        (["count=many", "name=1", "either=[]"], None, ["input-invalid"]),
        (["count=1"], "good.json", ["input-twice"]),
        ([], "missing.json", ["file-not-found"]),
        ([], "broken.json", ["json-syntax"]),
        ([], "broken.yaml", ["yaml-syntax"]),
        ([], "text.txt", ["format-unknown"]),
    ],
)
def test_what_is_wrong_is_said_at_once(
    plugins: Plugins, tmp_path: Path, given: list[str], file: str | None, codes: list[str]
) -> None:
    for name, text in {"good.json": "{}", "broken.json": "{", "broken.yaml": "a: [", "text.txt": "a"}.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(Refused) as caught:
        read_input(given, tmp_path / file if file else None, SCHEMA, plugins)
    assert [problem.code for problem in caught.value.problems] == codes


def test_a_number_that_is_a_flag_is_no_integer(plugins: Plugins) -> None:
    with pytest.raises(Refused):
        read_input(["count=true"], None, SCHEMA, plugins)
