"""`read`: pages of files of three kinds, from byte to byte; folders it may read, and nothing else."""

import json
import os
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harmonia_core import PermanentError
from harmonia_tasks import file_pages
from harmonia_tasks.file_pages import READERS
from harmonia_tasks.read import ReadInput, _check, find, read_page
from harmonia_tasks.settings import TasksSettings

JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=8)


def all_pages(kind: str, data: bytes, count: int = 2, delimiter: str = ",") -> list[list[Any]]:
    """Read every page of some bytes."""
    pages, offset = [], 0
    while True:
        page = READERS[kind](BufferedReader(BytesIO(data)), offset, count, delimiter)  # type: ignore[arg-type]
        pages.append(page.items)
        if page.offset is None:
            return pages
        assert page.offset > offset
        offset = page.offset


def flat(pages: list[list[Any]]) -> list[Any]:
    return [item for page in pages for item in page]


def refused(kind: str, data: bytes) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        all_pages(kind, data)
    return caught.value


@settings(max_examples=60, deadline=None)
@given(st.lists(JSONISH, max_size=7), st.integers(1, 4), st.sampled_from([None, 1]), st.booleans())
def test_values_come_back_in_order(values: list[Any], count: int, indent: int | None, bom: bool) -> None:
    start = b"\xef\xbb\xbf" if bom else b""
    array = start + json.dumps(values, indent=indent, ensure_ascii=False).encode()
    lines = start + "\n".join(json.dumps(value, ensure_ascii=False) for value in values).encode()
    assert flat(all_pages("json", array, count)) == values
    assert flat(all_pages("jsonl", lines, count)) == values
    assert all(len(page) <= count for page in all_pages("json", array, count))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=7), st.integers(1, 4))
def test_rows_of_a_table_come_back(rows: list[tuple[str, str]], count: int) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [("a", "b ö"), *rows]]
    found = flat(all_pages("csv", ("\r\n".join(quoted) + "\n").encode(), count))
    assert found == [{"a": one, "b ö": two} for one, two in rows]


@pytest.mark.parametrize("size", [1, 3, 7, 64])
def test_whatever_is_read_at_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_pages, "CHUNK", size)
    values = [123456, "äöü€", {"a": [1.5, None]}, -7]
    assert flat(all_pages("json", json.dumps(values, ensure_ascii=False).encode(), 3)) == values


def test_a_page_ends_with_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_pages, "PAGE_BYTES", 100)
    values = ["x" * 60] * 5
    assert [len(page) for page in all_pages("json", json.dumps(values).encode(), 9)] == [2, 2, 1]
    lines = "".join(f"{json.dumps(value)}\n" for value in values).encode()
    assert [len(page) for page in all_pages("jsonl", lines, 9)] == [2, 2, 1]
    table = ("a\n" + "".join(f"{value}\n" for value in values)).encode()
    assert [len(page) for page in all_pages("csv", table, 9)] == [2, 2, 1]


def test_other_tables() -> None:
    assert flat(all_pages("csv", b"a;b\n1;2\n\n3;\n", delimiter=";")) == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": ""},
    ]
    assert flat(all_pages("csv", b"a,b\n")) == flat(all_pages("csv", b"")) == []
    assert flat(all_pages("jsonl", b"\n\n1\n\n2\n\n")) == [1, 2] and flat(all_pages("jsonl", b"")) == []
    assert flat(all_pages("json", b" [ ] \n")) == []


@pytest.mark.parametrize(
    ("kind", "data", "place"),
    [
        ("jsonl", b"1\n{\n", 2),
        ("jsonl", b"1\nNaN\n", 2),
        ("jsonl", b"1\n\xff\n", 2),
        ("jsonl", b"[" * 100_000, 0),
        ("csv", b"a,a\n1,2\n", 0),
        ("csv", b"a,b\n1,2\n3\n", 8),
        ("csv", b'a,b\n1,"2\n', 4),
        ("json", b"", 0),
        ("json", b"{}", 0),
        ("json", b"[1", 2),
        ("json", b"[1 2]", 3),
        ("json", b"[1,]", 3),
        ("json", b"[1] 2", 3),
        ("json", b"[1, nul]", 4),
        ("json", b"[\xff]", 0),
        ("json", b"[" * 100_000, 1),
    ],
)
def test_what_cannot_be_read_says_where(kind: str, data: bytes, place: int) -> None:
    error = refused(kind, data)
    assert error.error_code == "file-malformed" and f"At byte {place:,}:" in str(error)


@pytest.mark.parametrize(
    ("kind", "data"), [("jsonl", b'"aaaaaaaaaaaaaaaaaa"\n'), ("json", b'["aaaaaaaaaaaaaaaaaa"]')]
)
def test_an_item_has_its_limit(kind: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_pages, "ITEM_BYTES", 10)
    monkeypatch.setattr(file_pages, "CHUNK", 4)
    assert refused(kind, data).error_code == "item-too-large"


# Files


def test_only_files_below_allowed_folders_are_found(tmp_path: Path) -> None:
    first, second, outside = tmp_path / "one", tmp_path / "two", tmp_path / "out.json"
    for folder in (first, second):
        folder.mkdir()
    outside.write_text("[1]")
    (second / "deep").mkdir()
    (second / "deep" / "in.json").write_text("[1]")
    (first / "link.json").symlink_to(outside)
    folders = [first, second]
    assert find("deep/in.json", folders) == find(str(second / "deep" / "in.json"), folders)
    assert find("none.json", folders) == first / "none.json"
    for name in ("../out.json", str(outside), "link.json", "/etc/passwd"):
        with pytest.raises(PermanentError) as caught:
            find(name, folders[:1])
        assert caught.value.error_code == "file-not-allowed"
    with pytest.raises(PermanentError, match="none"):
        find("a.json", [])


def test_it_reads_page_by_page(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("1\n2\n3\n")
    first = read_page(ReadInput(file="rows.jsonl", count=2), [tmp_path])
    assert first.items == [1, 2] and first.next is not None and first.next.offset == 4
    last = read_page(ReadInput(file="rows.jsonl", count=2, cursor=first.next), [tmp_path])
    assert (last.items, last.next) == ([3], None)
    os.utime(file, (1, 1))
    with pytest.raises(PermanentError) as caught:
        read_page(ReadInput(file="rows.jsonl", cursor=first.next), [tmp_path])
    assert caught.value.error_code == "file-changed" and not caught.value.retryable


def test_what_is_no_file_is_missing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for name in ("none.json", "folder.json", "pipe.json"):
        with pytest.raises(PermanentError) as caught:
            read_page(ReadInput(file=name), [tmp_path])
        assert caught.value.error_code == "file-missing"


def test_what_is_known_is_checked_before_anything_runs(tmp_path: Path) -> None:
    def codes(folders: list[Path], **constants: Any) -> list[str]:
        return [problem.code for problem in _check(folders, constants)]

    assert (
        codes([tmp_path], file="a.csv")
        == codes([tmp_path], file="a", format="csv")
        == codes([], count=3)
        == []
    )
    assert codes([], file="a.csv") == codes([tmp_path], file="../a.csv") == ["file-not-allowed"]
    assert codes([tmp_path], file="a.txt") == ["format-unknown"]


def test_settings_and_inputs_are_checked() -> None:
    assert TasksSettings(read_folders="/a, /b").read_folders == ("/a", "/b")  # type: ignore[arg-type, comparison-overlap]
    assert TasksSettings().read_folders == ()
    for wrong in ({"count": 0}, {"delimiter": "ab"}, {"format": "xml"}, {"file": ""}):
        with pytest.raises(ValidationError):
            ReadInput(**{"file": "a.csv", **wrong})
