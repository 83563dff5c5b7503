"""The pytest plugin: found by itself, free where it is not used, reports and coverage, also with workers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harmonia_core.testing import Rehearsal

pytest_plugins = ["pytester"]

ORDER = """
name: order
tasks:
  charge: {type: http, retry_policy: {max_retries: 1}, input: {url: "https://bank.example.com"}}
  thank: {type: noop, depends_on: charge, when: input.polite}
"""
FINE = """
def test_fine(workflow):
    order = workflow("order.yaml")
    order.mock("charge", {"status": 200})
    assert order.run({"polite": True}).path == ["charge", "thank"]
"""


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    """Load what a run loads: a session within this process forgets what it was the first to load."""
    Rehearsal("{name: x, tasks: {a: {type: noop}}}").run()


@pytest.fixture(autouse=True)
def for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one of these is set, pytest prints longer lines than it does for a person."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)


def session(pytester: pytest.Pytester, tests: str, *words: str) -> pytest.RunResult:
    (pytester.path / "order.yaml").write_text(ORDER, "utf-8")
    pytester.makepyfile(tests)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly", *words)


def test_a_plain_function_tests_a_workflow(pytester: pytest.Pytester) -> None:
    session(pytester, FINE).assert_outcomes(passed=1)


def test_a_failing_test_draws_the_path(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    result = session(
        pytester,
        """
        from harmonia_core.testing import Rehearsal

        def test_wrong(workflow):
            order = workflow("order.yaml")
            order.mock("charge", ValueError("odd"))
            assert order.run({"polite": True}).status == "completed"

        def test_without_the_fixture():
            run = Rehearsal({"name": "b", "tasks": {"a": {"type": "noop"}}}).run()
            assert run.status == "failed"

        def test_no_workflow_at_all():
            assert False
        """,
    )
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*assert 'failed' == 'completed'",
            "*- workflow order -*",
            "order: failed after 1 s, unhandled: odd",
            "x charge  failed       0 s  2 attempts, unhandled: odd",
            "- thank   unreachable       blocked by charge",
            "*- workflow b -*",
            "+ a  succeeded  0 s",
        ]
    )
    assert str(result.stdout).count("- workflow ") == 2
    assert "Captured log" not in str(result.stdout)


def test_what_was_not_used_fails_a_test_that_has_passed(pytester: pytest.Pytester) -> None:
    result = session(
        pytester,
        """
        def test_unused(workflow):
            order = workflow("order.yaml")
            order.mock("charge", None)
            order.mock("thank", None)
            order.run({"polite": False})

        def test_two_executions_use_it(workflow):
            order = workflow("order.yaml")
            order.mock("charge", None)
            order.mock("thank", None)
            order.run({"polite": False})
            order.run({"polite": True})

        def test_its_own_failure_comes_first(workflow):
            workflow("order.yaml").mock("charge", None)
            assert 0, "its own"
        """,
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*came to:", "*.mock('thank')", "*unused_ok=True*", "*its own*"])
    assert str(result.stdout).count("arranges what no execution") == 1


def test_paths_begin_beside_the_test(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("deeper")
    (folder / "part.yaml").write_text(ORDER, "utf-8")
    (folder / "whole.yaml").write_text(
        "name: whole\n"
        "tasks: {one: {type: subworkflow, workflow: {file: part.yaml}, input: {polite: false}}}\n",
        "utf-8",
    )
    (folder / "test_deeper.py").write_text(
        "def test_it(workflow):\n"
        "    whole = workflow('whole.yaml')\n"
        "    whole.mock('one/charge', None)\n"
        "    assert whole.run().skipped == {'one/thank': 'when'}\n"
        "def test_missing(workflow):\n"
        "    workflow('hole.yaml')\n",
        "utf-8",
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*There is no file *hole.yaml*There are: part.yaml, whole.yaml*"])


def test_coverage_is_shown_written_and_demanded(pytester: pytest.Pytester) -> None:
    result = session(pytester, FINE, "--workflow-coverage=cover.json", "--workflow-coverage-fail-under=50")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*coverage of workflows*",
            "order 1.0.0 *6 *3 *50%",
            "    charge: retried",
            "    charge: retries exhausted",
            "    thank: when false",
            "TOTAL *6 *3 *50%",
            "Written to cover.json.",
        ]
    )
    written = json.loads((pytester.path / "cover.json").read_text("utf-8"))
    assert (
        written["percent"] == 50.0 and "thank: when false" in written["workflows"]["order 1.0.0"]["missing"]
    )
    result = session(pytester, FINE, "--workflow-coverage-fail-under=51")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL: 50.0% of the branches were come to, 51% are demanded."])
    assert "coverage of workflows" not in str(session(pytester, FINE).stdout)


def test_coverage_of_nothing_and_of_a_path_for_a_file(pytester: pytest.Pytester) -> None:
    nothing = session(pytester, "def test_a(): pass", "--workflow-coverage-fail-under=1")
    assert nothing.ret == 1
    nothing.stdout.fnmatch_lines(["No test ran a workflow."])
    wrong = session(pytester, FINE, "--workflow-coverage", ".")
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines(["*took '.' for its file*--workflow-coverage=FILE.json*"])


def test_coverage_of_workers_is_added_up(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    (pytester.path / "order.yaml").write_text(ORDER, "utf-8")
    for name, polite in (("test_one", True), ("test_two", False)):
        text = FINE.replace('True}).path == ["charge", "thank"]', f"{polite}}}).status == 'completed'")
        (pytester.path / f"{name}.py").write_text(text, "utf-8")
    words = ("-n", "2", "--dist", "loadfile", "--workflow-coverage", "--workflow-coverage-fail-under=60")
    light = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:pytest_cov")
    result = pytester.runpytest_subprocess(*light, *words)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["TOTAL *6 *4 *67%"])
    assert result.ret == 0 and "thank" not in str(result.stdout).split("coverage of workflows")[1]


def test_it_costs_nothing_where_no_workflow_is_tested() -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); import harmonia_core.testing.pytest_plugin;"
        "print(sorted(n for n in set(sys.modules) - before if not n.startswith('harmonia_core')),"
        " sorted(n for n in set(sys.modules) - before if n.startswith('harmonia_core')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "[] ['harmonia_core', 'harmonia_core.testing', 'harmonia_core.testing.pytest_plugin']\n"
    )


def test_the_kit_needs_no_pytest(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "from harmonia_core.testing import *\n"
        "import harmonia_core.testing as kit\n"
        "assert all(getattr(kit, name) for name in dir(kit))\n"
        "print(Rehearsal({'name': 'a', 'tasks': {'a': {'type': 'noop'}}}).run().status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "completed\n" and list(tmp_path.iterdir()) == []
