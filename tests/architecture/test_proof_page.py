"""The page about what finds what says of the seeded bugs what their tests do."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/proof.md").read_text("utf-8")
ROWS = {row[1]: row for row in re.finditer(r"^\| `(\w+)`: .*$", PAGE, re.MULTILINE)}
COLUMNS = {
    "simulator": (2, "tests/simulation/test_simulation_bugs.py", "FOUND"),
    "history checker": (3, "tests/consistency/test_seeded_consistency.py", "RULES"),
    "sweep": (4, "tests/sweep/test_sweep_bugs.py", "FOUND"),
    "model": (5, "tests/model/test_model_seeded.py", "CAUGHT"),
}


def table(file: str, name: str) -> dict[str, ast.expr]:
    """Return a dictionary that a module is written with: its keys, and its values unread."""
    for node in ast.parse((ROOT / file).read_text("utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == name and isinstance(node.value, ast.Dict):
            keys = [ast.literal_eval(key) for key in node.value.keys if key is not None]
            return dict(zip(keys, node.value.values, strict=True))
    raise AssertionError(f"{file} has no table {name}")


def words(value: ast.expr) -> set[str]:
    """Return the names and texts of a value."""
    names = {one.id for one in ast.walk(value) if isinstance(one, ast.Name)} - {"range"}
    return names | {str(one.value) for one in ast.walk(value) if isinstance(one, ast.Constant)}


@pytest.mark.parametrize("means", COLUMNS)
def test_it_says_of_each_bug_what_its_test_does(means: str) -> None:
    place, file, name = COLUMNS[means]
    found = table(file, name)
    assert len(ROWS) == 10
    for bug, row in ROWS.items():
        said = row[0].split("|")[place].strip()
        if bug not in found:
            assert said == "–", f"{means} does not look for {bug}"
            continue
        told = {one.strip() for one in re.sub(r", with.*", "", said).split(",")}
        assert told <= words(found[bug]), f"{means} says of {bug}: {said}"


def test_the_bugs_are_those_that_are_seeded() -> None:
    text = (ROOT / "tests/seeded/test_bugs.py").read_text("utf-8")
    assert all(f'"{bug}"' in text for bug in ROWS)
