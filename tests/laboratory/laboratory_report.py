"""Make the laboratory's report from what its parts left in machine-readable form."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

LIBRARIES = ("harmonia", "pytest", "hypothesis", "coverage", "pydantic", "SQLAlchemy")
BAD = ("failure", "error")


class Outcome(NamedTuple):
    """How a part of the laboratory went. said: the file of what it printed; command: what repeats it."""

    name: str
    what: str
    good: bool
    seconds: float
    said: Path
    command: str


class Case(NamedTuple):
    """A test that was run. bad: why it failed, if it did; figures: what it handed over."""

    name: str
    seconds: float
    bad: str | None
    skipped: bool
    figures: tuple[tuple[str, str], ...]


def report(begun: datetime, outcomes: list[Outcome], raw: Path) -> str:
    """Return the report as Markdown."""
    lines = [f"# Laboratory report, {begun:%Y-%m-%d}", "", *_about(begun), "", *_summary(outcomes, raw)]
    sections = {"tests": _tests, "coverage": _coverage, "mutation": _mutation, "bench": _said}
    for outcome in outcomes:
        lines += ["", f"## {outcome.what.capitalize()}", "", *sections[outcome.name](outcome, raw)]
    return "\n".join(lines) + "\n"


def _about(begun: datetime) -> Iterator[str]:
    took = (datetime.now(UTC) - begun).total_seconds()
    yield f"Begun {begun:%Y-%m-%d %H:%M} UTC, {took / 60:,.0f} minutes. Source: {_source()}."
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    libraries = ", ".join(f"{one} {version(one)}" for one in LIBRARIES)
    yield f"Python {platform.python_version()} on {machine}; {libraries}."


def _source() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short", "HEAD")
    changed = " with changes" if git("status", "--porcelain") else ""
    return f"commit {commit}{changed}" if commit else "no repository"


def _summary(outcomes: list[Outcome], raw: Path) -> Iterator[str]:
    yield from ("| part | outcome | figures | took |", "|---|---|---|---|")
    figures = {"tests": _test_figures, "coverage": _coverage_figures, "mutation": _mutation_figures}
    for one in outcomes:
        found = figures[one.name](raw) if one.name in figures else "see below"
        yield f"| {one.name} | {'passed' if one.good else '**failed**'} | {found} | {one.seconds:,.0f} s |"


def cases(file: Path) -> list[Case]:
    """Return the tests of a junit file; none if it was not written."""
    if not file.exists():
        return []
    return [_case(node) for node in ElementTree.parse(file).iter("testcase")]


def _case(node: ElementTree.Element) -> Case:
    bad = next((found for name in BAD if (found := node.find(name)) is not None), None)
    why = None if bad is None else (bad.get("message") or "").strip().splitlines()[:1]
    figures = tuple((one.get("name", ""), one.get("value", "")) for one in node.iter("property"))
    name = f"{node.get('classname', '').replace('.', '/')}.py::{node.get('name')}"
    skipped = node.find("skipped") is not None
    return Case(name, float(node.get("time", 0)), None if why is None else "".join(why), skipped, figures)


def _test_figures(raw: Path) -> str:
    found = cases(raw / "tests.xml")
    skipped = sum(case.skipped for case in found)
    bad = sum(case.bad is not None for case in found)
    left_out = f", {skipped} skipped" if skipped else ""
    return f"{len(found) - skipped - bad} of {len(found)} passed{left_out}"


def _tests(outcome: Outcome, raw: Path) -> Iterator[str]:
    found = cases(raw / "tests.xml")
    if not found:
        yield "No test was run."
        return
    yield from ("| test | figures | took |", "|---|---|---|")
    for case in found:
        figures = "; ".join(f"{name}: {_cell(value)}" for name, value in case.figures)
        state = "**failed** " if case.bad is not None else "skipped " if case.skipped else ""
        yield f"| {_cell(case.name)} | {state}{figures} | {case.seconds:,.1f} s |"
    for case in found:
        if case.bad is not None:
            yield from ("", f"Failed: `{case.name}`: {case.bad}", "")
            yield from _fenced([f"python -m pytest -m laboratory '{case.name}'"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _coverage_figures(raw: Path) -> str:
    found = _read(raw / "coverage.json").get("total")
    if found is None:
        return "none: it did not come to its end"
    lines, branches = (
        f"{found[name][0]:,} of {found[name][1]:,} {name}" for name in ("statements", "branches")
    )
    return f"{lines}, {branches}, {found['modules']} modules"


def _coverage(outcome: Outcome, raw: Path) -> Iterator[str]:
    yield _coverage_figures(raw) + "."
    gaps = _read(raw / "coverage.json").get("gaps", ())
    if gaps:
        yield from ("", "| module | missing |", "|---|---|")
    for module, missing in gaps:
        yield f"| {module} | {missing} |"


def _mutation_figures(raw: Path) -> str:
    found = _read(raw / "mutation.json")
    if not found:
        return "none: it did not come to its end"
    modules = found["modules"].values()
    every = sum(one["mutants"] for one in modules)
    dead = sum(one.get("killed", 0) + one.get("timeout", 0) for one in modules)
    left = f"{found['explained']} explained, {len(found['unexplained'])} unexplained"
    return f"{dead:,} of {every:,} killed, {left}"


def _mutation(outcome: Outcome, raw: Path) -> Iterator[str]:
    found = _read(raw / "mutation.json")
    yield _mutation_figures(raw) + "."
    kinds = ("mutants", "killed", "timeout", "survived", "untested")
    yield from ("", f"| module | {' | '.join(kinds)} |", "|---" + "|---:" * len(kinds) + "|")
    for name, one in found.get("modules", {}).items():
        yield f"| {name} | {' | '.join(str(one.get(kind, 0)) for kind in kinds)} |"
    for stale in found.get("stale", ()):
        yield from ("", f"Explained, but it does not survive: `{' | '.join(stale)}`")
    if found.get("unexplained"):
        yield from ("", "Unexplained:", "", *_fenced(found["unexplained"]))


def _said(outcome: Outcome, raw: Path) -> Iterator[str]:
    yield from _fenced(outcome.said.read_text("utf-8").splitlines())


def _fenced(lines: Iterable[str]) -> Iterator[str]:
    yield from ("```text", *lines, "```")
