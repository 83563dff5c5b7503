"""The page about bugs of other engines names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/other-engines-bugs.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| [A-Z](?!hat happened)", line)]


def test_every_row_names_an_issue_and_a_test_that_is_there() -> None:
    assert len(ROWS) >= 14
    for row in ROWS:
        _, _, where, _, shown, _ = row.split("|")
        named = re.findall(r"`([\w/.-]+)::(\w+)`", shown)
        assert named and re.search(r"#\d+", where), row
        for file, name in named:
            text = (ROOT / file).read_text("utf-8")
            assert re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE), f"{file}::{name}"
