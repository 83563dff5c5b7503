"""Codes of causes: all documented as they are, all shown by a test in a situation of their own."""

import re
from pathlib import Path

from harmonia_core.engine.explain_causes import CODES, TROUBLES
from harmonia_core.engine.explain_moments import _KINDS

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    "pure/test_explain_causes.py",
    "kernel/test_explain.py",
    "acceptance/test_explain_commands.py",
    "pure/test_explain_laws.py",
    "kernel/test_explain_limits.py",
)


def test_the_table_of_the_document_says_what_the_code_says() -> None:
    text = (ROOT / "docs/explain.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.+) \|$", text, re.MULTILINE)
    assert rows == [(code, kind.needs, kind.meaning) for code, kind in CODES.items()]


def test_every_code_is_kebab_case_and_shown_by_a_test() -> None:
    texts = "".join((ROOT / "tests" / name).read_text("utf-8") for name in TESTS)
    assert [code for code in CODES if f'"{code}"' not in texts] == []
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in CODES)


def test_what_other_tables_name_is_a_code() -> None:
    assert CODES.keys() >= {*TROUBLES, *_KINDS}
