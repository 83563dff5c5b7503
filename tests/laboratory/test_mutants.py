"""The mutants that are made of a function, and what becomes of them."""

from pathlib import Path
from typing import Any

import pytest
from explanations import explanations, judged
from line_tests import LineTests
from mutant_making import Mutant, mutants
from mutant_running import KILLED, SURVIVED, TIMEOUT, UNTESTED, Copies, Verdict

SOURCE = '''"""A module."""

LIMIT = 3


def judge(n, more=1):
    """Say something."""
    if n > LIMIT and not more:
        raise ValueError("too many of them")
    while n < 0:
        n += 1
    return n


@staticmethod
def other():
    return dict(a=1)
'''


def made(tmp_path: Path, source: str = SOURCE) -> list[Mutant]:
    file = tmp_path / "sample.py"
    file.write_text(source)
    return list(mutants("sample", file))


def test_every_kind_of_change_is_made(tmp_path: Path) -> None:
    assert {(one.function, one.was, one.now) for one in made(tmp_path)} == {
        ("judge", "if n > LIMIT and (not more):", now)
        for now in (
            *("if True:", "if False:", "if n > LIMIT:", "if not more:"),
            *("if n >= LIMIT and (not more):", "if n <= LIMIT and (not more):", "if n > LIMIT and more:"),
        )
    } | {
        ("judge", "raise ValueError('too many of them')", "pass"),
        ("judge", "while n < 0:", "while False:"),
        ("judge", "while n < 0:", "while n <= 0:"),
        ("judge", "while n < 0:", "while n >= 0:"),
        ("judge", "while n < 0:", "while n < 1:"),
        ("judge", "n += 1", "n -= 1"),
        ("judge", "n += 1", "pass"),
        ("judge", "n += 1", "n += 2"),
        ("judge", "return n", "return None"),
        ("other", "return dict(a=1)", "return None"),
        ("other", "return dict(a=1)", "return dict()"),
        ("other", "return dict(a=1)", "return dict(a=2)"),
    }


def test_a_mutant_knows_the_lines_of_the_head_that_it_changes(tmp_path: Path) -> None:
    assert {(one.line, one.last) for one in made(tmp_path) if one.was.startswith("if")} == {(8, 8)}


def test_a_module_is_not_changed_by_making_mutants_of_it(tmp_path: Path) -> None:
    assert [one.key for one in made(tmp_path)] == [one.key for one in made(tmp_path)]


class Item:
    """A test that calls a function, as pytest would; `run` gives what it reports."""

    def __init__(self, nodeid: str, call: Any) -> None:
        self.nodeid, self.call = nodeid, call


class Report:
    def __init__(self, failed: bool) -> None:
        self.failed = failed


def fake_run(item: Any) -> list[Report]:
    try:
        item.call()
    except AssertionError:
        return [Report(True)]
    return [Report(False)]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    """Return the verdicts on the mutants of a function with one weak test."""
    file = tmp_path_factory.mktemp("tried") / "sample.py"
    file.write_text(
        "def grown(n):\n    while n < 10:\n        n += 2\n    return n\n\n\ndef lone():\n    return 1\n"
    )
    space: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), space)

    def weak() -> None:
        assert space["grown"](9) > 10

    lines = LineTests({"weak": 0.01}, {"sample": {2: [0], 3: [0], 4: [0]}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mutant_running.run", fake_run)
        patch.setattr("mutant_running.GRACE", 0.2)
        copies = Copies([Item("weak", weak)], lines, jobs=2, budget=1.0)
        return list(copies.tried(mutants("sample", file)))


def test_a_mutant_is_killed_or_late_or_survives_or_is_not_tested(tried: list[Verdict]) -> None:
    found = {(one.mutant.was, one.mutant.now): one.outcome for one in tried}
    assert found == {
        ("while n < 10:", "while False:"): KILLED,
        ("while n < 10:", "while n <= 10:"): SURVIVED,
        ("while n < 10:", "while n >= 10:"): KILLED,
        ("while n < 10:", "while n < 11:"): SURVIVED,
        ("n += 2", "n -= 2"): TIMEOUT,
        ("n += 2", "pass"): TIMEOUT,
        ("n += 2", "n += 3"): SURVIVED,
        ("return n", "return None"): KILLED,
        ("return 1", "return None"): UNTESTED,
        ("return 1", "return 2"): UNTESTED,
    }
    assert {one.by for one in tried if one.outcome == KILLED} == {"weak"}


def test_what_survives_is_explained_and_what_is_explained_survives(tried: list[Verdict]) -> None:
    survivor = ("sample:grown", "n += 2", "n += 3")
    dead = ("sample:grown", "return n", "return None")
    gone = ("sample:grown", "return n", "return n + 1")
    elsewhere = ("other:grown", "return n", "return None")
    found = judged(tried, dict.fromkeys([survivor, dead, gone, elsewhere], "why"), {"sample"})
    assert [one.mutant.key for one in found.explained] == [survivor]
    assert len(found.unexplained) == 4
    assert found.stale == [dead, gone]


def test_the_explanations_can_be_read() -> None:
    assert all(key[0].startswith("harmonia_core.") and why for key, why in explanations().items())


def test_an_explanation_may_stand_for_several_and_never_twice(tmp_path: Path) -> None:
    entry = '[[equivalent]]\nfunction = "m:f"\nwas = "a"\nnow = ["b", "c"]\nwhy = "Same."\n'
    file = tmp_path / "some.toml"
    file.write_text(entry)
    assert explanations(file) == {("m:f", "a", "b"): "Same.", ("m:f", "a", "c"): "Same."}
    file.write_text(entry * 2)
    with pytest.raises(AssertionError, match="explained twice"):
        explanations(file)
