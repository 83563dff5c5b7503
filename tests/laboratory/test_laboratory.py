"""What the laboratory runs and reports, with parts that take no time; and which modules are called pure."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import laboratory_parts
import pytest
from coverage_check import Coverage, cover, table
from laboratory_parts import Part, main
from laboratory_report import Outcome, report
from pure_modules import path_of, pure_modules

SAMPLE = """
import pytest

@pytest.mark.laboratory
def test_many(record_property):
    record_property("seeds", "20 of 20 | no violation")

@pytest.mark.laboratory
def test_bad():
    assert 1 == 2
"""


def test_the_pure_modules_are_those_of_the_contracts_and_what_they_reach() -> None:
    found = pure_modules()
    for name in (
        "model.state",
        "expressions.cel",
        "engine.decide",
        "engine.frontier",
        "engine.rewind_undo",
        "ids",
    ):
        assert f"harmonia_core.{name}" in found
    assert all(path_of(name).exists() for name in found)
    assert not {"harmonia_core.clock", "harmonia_core.engine.runner", "harmonia_core.host"} & set(found)


def test_a_part_that_fails_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [
        Part("coverage", "branches", lambda options, raw: ["-c", "raise SystemExit(3)"]),
        Part("bench", "benchmarks", lambda options, raw: ["-c", "print('one table')"]),
    ]
    monkeypatch.setattr(laboratory_parts, "PARTS", parts)
    assert main(["--folder", str(tmp_path)]) == 1
    text = next(tmp_path.glob("REPORT-20??-??-??.md")).read_text()
    assert "| coverage | **failed** |" in text and "| bench | passed |" in text and "\none table\n" in text
    assert "FAILED" in capsys.readouterr().out
    assert main(["--folder", str(tmp_path), "--parts", "bench"]) == 0


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--parts", "mutants"])
    assert "no part mutants; there are tests, coverage, mutation, bench" in capsys.readouterr().err


def test_figures_and_failures_of_tests_stand_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = laboratory: long")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "laboratory",
        "--junitxml=tests.xml",
        "-p",
        "no:cacheprovider",
    ]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1
    outcome = Outcome("tests", "long tests", False, 1.0, tmp_path / "tests.log", "python -m pytest")
    text = report(datetime.now(UTC), [outcome], tmp_path)
    assert "| tests | **failed** | 1 of 2 passed | 1 s |" in text
    assert "| test_sample.py::test_many | seeds: 20 of 20 \\| no violation |" in text
    assert "Failed: `test_sample.py::test_bad`: assert 1 == 2" in text


def test_mutants_and_gaps_stand_in_the_report(tmp_path: Path) -> None:
    mutants = {"modules": {"m": {"mutants": 3, "killed": 1, "timeout": 1, "survived": 1}}, "explained": 0}
    mutants |= {"unexplained": ["m.py:1 f: survived\n  - a\n  + b"], "stale": [["m:f", "x", "y"]]}
    (tmp_path / "mutation.json").write_text(json.dumps(mutants))
    sums = {"modules": 2, "statements": [9, 10], "branches": [4, 4]}
    (tmp_path / "coverage.json").write_text(json.dumps({"total": sums, "gaps": [["m", "7"]]}))
    outcomes = [Outcome(name, name, True, 1.0, tmp_path / name, "") for name in ("coverage", "mutation")]
    text = report(datetime.now(UTC), outcomes, tmp_path)
    for line in (
        "| coverage | passed | 9 of 10 statements, 4 of 4 branches, 2 modules | 1 s |",
        "| m | 7 |",
        "| mutation | passed | 2 of 3 killed, 0 explained, 1 unexplained | 1 s |",
        "| m | 3 | 1 | 1 | 1 | 0 |",
        "  + b",
        "Explained, but it does not survive: `m:f | x | y`",
    ):
        assert line in text.splitlines()


def test_modules_with_gaps_are_shown_and_all_are_counted() -> None:
    whole, gaps = Coverage("a", (3, 3), (2, 2), ""), Coverage("b", (1, 2), (0, 2), "7, 8->9")
    _head, row, sums = table([whole, gaps])
    assert row.split() == ["b", "1", "of", "2", "0", "of", "2", "7,", "8->9"]
    assert sums.split() == ["2", "pure", "modules", "4", "of", "5", "2", "of", "4"]
    assert table([whole])[0].startswith("1 pure modules")


def test_few_quick_tests_are_chosen_that_do_all() -> None:
    does = {"slow": {1, 2, 3}, "a": {1, 2}, "b": {2, 3}, "idle": set[int]()}
    assert sorted(cover(does, {"slow": 9.0, "a": 0.1, "b": 0.1, "idle": 0.0})) == ["a", "b"]
