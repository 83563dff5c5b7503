"""Every control-flow pattern runs as it demands, and the page about them says what there is."""

import json
import re
import shlex
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pattern_branches
import pattern_states
import pytest
from pattern_case import Case
from typer.testing import CliRunner

from harmonia_core.host import KernelSettings, load_plugins, load_text
from harmonia_core.testing.harness import Harness

ROOT = Path(__file__).resolve().parents[2]
FILES = {int(path.name[:2]): path for path in sorted((ROOT / "examples" / "patterns").glob("*.yaml"))}
CASES = [*pattern_branches.CASES, *pattern_states.CASES]
PATTERNS = 43
MARKS = {
    "TaskScheduled": ">",
    "TaskSucceeded": ".",
    "TaskSkipped": "-",
    "TaskFailed": "!",
    "TaskCancelled": "~",
    "TaskUnreachable": "?",
    "ScopeStopped": "%",
}
HOW = {"native", "by composition", "in part", "not yet", "no"}

each_file = pytest.mark.parametrize("path", FILES.values(), ids=lambda path: path.stem)


def told(event: dict[str, Any]) -> str | None:
    """Return an event of a task in the notation of the cases; None for what is no matter of control flow."""
    data = event["data"]
    if event["type"] == "StepEntered":
        round = f"[{data['iteration']}]" if data.get("iteration") else ""
        return f"@{data['path']}{round}#{data['step']}"
    mark = MARKS.get(event["type"])
    return None if mark is None else mark + data["path"]


def chains(trace: str) -> list[list[str]]:
    """Return the lines of a trace, each with a bare path as its begin and its end."""
    found = [
        [
            event
            for word in line.split()
            for event in ([word] if word[0] in ">.-!~?%@" else [f">{word}", f".{word}"])
        ]
        for line in trace.splitlines()
    ]
    return [chain for chain in found if chain]


def misplaced(case: Case, log: list[str]) -> list[str]:
    """Return where a log departs from the trace that a case demands."""
    expected = {event for chain in chains(case.trace) for event in chain}
    faults = [f"missing: {event}" for event in sorted(expected - set(log))]
    faults += [f"unexpected: {event}" for event in sorted(set(log) - expected)]
    faults += [f"twice: {event}" for event in sorted(expected) if log.count(event) > 1]
    if not faults:
        order = {event: number for number, event in enumerate(log)}
        pairs = [pair for chain in chains(case.trace) for pair in pairwise(chain)]
        faults += [f"{first} after {second}" for first, second in pairs if order[first] > order[second]]
        spans = [(order[f">{path}"], order[f".{path}"], path) for path in case.apart]
        faults += [
            f"{one[2]} beside {two[2]}" for one, two in combinations(sorted(spans), 2) if two[0] < one[1]
        ]
    return faults


def ended(case: Case, view: dict[str, Any]) -> bool:
    """Tell whether an execution has ended as a case says."""
    error = (view["error"] or {}).get("code")
    status = "completed" if case.error is None else "failed"
    return (view["status"], error, view["output"]) == (status, case.error, case.output)


def named(case: Case) -> str:
    return f"{FILES[case.number].stem}-{json.dumps(case.input)}"


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES, ids=named)
async def test_a_pattern_leaves_its_trace(case: Case) -> None:
    plugins = load_plugins(KernelSettings())
    path = FILES[case.number]
    loaded = load_text(path.read_text("utf-8"), path.name, plugins.registry.get("definition_formats", "yaml"))
    assert loaded.problems == () and loaded.definition is not None
    async with Harness() as harness:
        view = await harness.run(loaded.definition, case.input or None)
        log = [word for event in await harness.events(view["id"]) if (word := told(event))]
    assert misplaced(case, log) == [], log
    assert ended(case, view), view


@each_file
def test_its_command_gives_its_output(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first case of a pattern has the input that the head of its file gives."""
    from harmonia_api.cli.app import app

    (command,) = re.findall(r"^#   harmonia (run .*)$", path.read_text("utf-8"), re.MULTILINE)
    case = next(case for case in CASES if FILES[case.number] == path)
    monkeypatch.chdir(ROOT)
    settings = {"HARMONIA_DATA_DIR": str(tmp_path), "NO_COLOR": "1"}
    done = CliRunner().invoke(app, [*shlex.split(command), "--json"], prog_name="harmonia", env=settings)
    assert done.exit_code == (0 if case.error is None else 1), done.output
    assert ended(case, json.loads(done.stdout.splitlines()[-1])), done.stdout


@each_file
def test_its_head_says_what_it_is(path: Path) -> None:
    text = path.read_text("utf-8")
    rows = {row[0]: row for row in table()}
    number = int(path.name[:2])
    assert text.startswith(f"# Pattern {number}, {rows[number][1]}: ")
    assert f"\nname: {path.stem[3:]}\n" in text


def test_every_file_has_a_case_and_there_are_many() -> None:
    assert {case.number for case in CASES} == set(FILES)
    assert len(FILES) >= 28


def test_the_page_names_every_pattern_and_its_file() -> None:
    rows = table()
    assert [row[0] for row in rows] == list(range(1, PATTERNS + 1))
    for number, _, how, link in rows:
        assert how in HOW
        expected = None if how in {"not yet", "no"} else f"../examples/patterns/{FILES[number].name}"
        assert link == expected, number


def test_the_page_counts_right() -> None:
    text = page()
    for how in HOW:
        said = re.search(rf"^\| \*{how}\* \| (\d+) \|", text, re.MULTILINE)
        assert said is not None and int(said[1]) == sum(row[2] == how for row in table()), how


def page() -> str:
    return (ROOT / "docs" / "patterns.md").read_text("utf-8")


def table() -> list[tuple[int, str, str, str | None]]:
    """Return number, name, how and link of each row of the page."""
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|", page(), re.MULTILINE)
    links = [re.search(r"\]\(([^)]+)\)", row[3]) for row in rows]
    return [(int(row[0]), row[1], row[2], link and link[1]) for row, link in zip(rows, links, strict=True)]


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        (">a .a >b", "missing: .b"),
        (">a .a >b .b >c", "unexpected: >c"),
        (">a .a >b .b .b", "twice: .b"),
        (">a >b .b .a", ".a after >b"),
    ],
)
def test_a_wrong_log_is_told(log: str, fault: str) -> None:
    assert misplaced(Case(0, None, "a b"), log.split()) == [fault]
    assert misplaced(Case(0, None, "a \n b", apart=("b", "a")), [">a", ">b", ".b", ".a"]) == ["a beside b"]
    assert misplaced(Case(0, None, "a b", apart=("b", "a")), [">a", ".a", ">b", ".b"]) == []
