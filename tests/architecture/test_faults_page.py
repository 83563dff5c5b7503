"""The page of faults says what is so: its tests exist, and its messages are those of the source."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/faults.md").read_text("utf-8")
ROWS = [
    line for line in PAGE.splitlines() if line.startswith("|") and not re.match(r"\| ?(fault|-)|\|-", line)
]
SOURCES = [
    *(ROOT / "plugins/harmonia-sql/src/harmonia_sql").rglob("*.py"),
    *(ROOT / "harmonia_core").glob("*.py"),
    *(ROOT / "harmonia_core/engine").glob("*.py"),
]
# What stands for a value in a message: places, numbers with their units, and what others said.
VALUE = re.compile(r"'DB' on HOST:PORT|PATH|…|\bnfs4\b|\d+(?:\.\d+)? s\b")
SHORTEST = 12


def texts_of(source: Path) -> Iterator[str]:
    """Yield the texts of a module, each value in them replaced by a NUL."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"%(?:\.\d)?[sdfg]( s)?", "\0", node.value)


@cache
def texts() -> list[str]:
    """Return the texts of all sources."""
    return [text for source in SOURCES for text in texts_of(source)]


@cache
def pieces() -> list[str]:
    """Return whole pieces of texts, of several words, longest first: messages are put together from them."""
    found = {piece.strip() for text in texts() for piece in text.split("\0") if " " in piece.strip()}
    return sorted(found, key=len, reverse=True)


def is_said(part: str) -> bool:
    """Tell whether a part of a message stands in the source, or is put together from pieces there."""
    if any(part in text for text in texts()):
        return True
    for piece in pieces():
        part = part.replace(piece, "")
    return len(re.sub(r"\W", "", part)) <= len("for")


MESSAGES = [message for row in ROWS for message in re.findall(r'"([^"]{20,})"', row)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_each_row_names_a_test_that_exists(row: str) -> None:
    file, _, name = row.rstrip(" |").rpartition("| ")[2].strip("`").partition("::")
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name.startswith("test_") and name in names


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message[:40])
def test_each_message_is_said(message: str) -> None:
    parts = [part.strip() for part in VALUE.split(message)]
    missing = [part for part in parts if len(part) >= SHORTEST and not is_said(part)]
    assert missing == []


def test_every_file_of_such_tests_is_on_the_page() -> None:
    files = [*ROOT.glob("plugins/harmonia-sql/tests/test_faults*.py"), *ROOT.glob("tests/*/test_faults_*.py")]
    absent = [file.name for file in files if file.name not in PAGE and file != Path(__file__)]
    assert absent == [] and len(MESSAGES) > 20 and len(ROWS) > 40
