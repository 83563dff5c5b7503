"""Every example runs and gives what it says: through the engine's door, and by its own command line."""

import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import anyio
import pytest
from warm import carried_out

from harmonia_api.cli.source import load_file
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECRET = "correct-horse"
SERVED = {"http-inventory", "http-download"}
"""Those that need a service: tests of their own start it, in `test_http_examples`."""
ALONE = sorted(path for path in EXAMPLES.glob("*.yaml") if path.stem not in SERVED)


@dataclass(frozen=True)
class Case:
    """One run of one example: its input, the output, and statuses of tasks that matter."""

    name: str
    input: dict[str, Any] = field(default_factory=dict)
    output: Any = None
    statuses: dict[str, str] = field(default_factory=dict)


WORDS = [
    {"number": 1, "word": "one", "letters": 3},
    {"number": 2, "word": "two", "letters": 3},
    {"number": 3, "word": "three", "letters": 5},
]
PRICED = [{"item": "pen", "sum": 24}, {"item": "ink", "sum": 18}]
LARGE = {"stock": "in stock", "price": "250 EUR", "approval": "succeeded"}
SMALL = {"stock": "in stock", "price": "50 EUR", "approval": "skipped"}
CASES = [
    Case("hello", {"name": "Ada"}, "Hello, Ada!"),
    Case("map", {"words": ["one", "two", "three"]}, {"words": WORDS, "letters": [3, 3, 5]}),
    Case("map", {"words": []}, {"words": [], "letters": []}),
    Case("import-orders", {}, {"orders": 6, "amount": 1374, "largest": "o-1004"}),
    Case("memo", {}, [{"text": f"Dear {n}"} for n in ("Ada", "Grace", "Ada")]),
    Case("retries", {}, "It took 3 attempts."),
    Case("limits", {"customer": "acme"}, "Report for acme"),
    Case("wait", {}, "A moment has passed."),
    Case("month-end", {"seconds": 0.1}, {"limit": 100}),
    Case("checkpoints", {}, {"sums": [6, 2, 4]}),
    Case("messages", {"order": 17}, {"amount": 250, "parcel": ["packed", "labelled"]}),
    Case("approval", {"amount": 250}, {"decision": "rejected", "by": None}),
    Case("approval", {"amount": 50}, {"decision": "approved", "by": "rule"}),
    Case("order", {"item": "tea"}, "tea: 3.50"),
    Case("parcel", {"address": "1 Main Street"}, "one box, 1 Main Street", {"check": "skipped"}),
    Case("secrets", {}, {"characters": len(f"Bearer {SECRET}"), "echo": "Bearer ***"}),
    Case("shout", {"text": "hello"}, "HELLO"),
    Case("subworkflows", {}, {"lines": PRICED, "parcel": "pallet with 14 items"}),
    Case("diamond", {"amount": 250}, {"confirmed": LARGE, "invoice": "succeeded"}, {"quorum": "succeeded"}),
    Case(
        "diamond",
        {"amount": 50},
        {"confirmed": SMALL, "invoice": "skipped"},
        {"approval": "skipped", "quick": "succeeded", "quorum": "succeeded", "confirm": "succeeded"},
    ),
]


@dataclass(frozen=True)
class Ended:
    """What an execution left: its public shape, events and log lines."""

    view: dict[str, Any]
    events: list[dict[str, Any]]

    def attempts(self, task: str) -> int:
        return next(int(one["attempt"]) for one in self.view["tasks"] if one["path"] == task)


async def run(name: str, input: dict[str, Any]) -> Ended:
    """Run an example on the memory backend, with the modules beside it allowed."""
    modules = [path.stem for path in EXAMPLES.glob("*.py")]
    settings = KernelSettings(
        plugins={"tasks": {"python_modules": modules, "shell": True, "read_folders": [str(EXAMPLES)]}},
        plugin_files=(EXAMPLES / "shout.py",),
    )
    plugins = load_plugins(settings)
    path = EXAMPLES / f"{name}.yaml"
    loaded = load_file(path, plugins)
    assert loaded.problems == ()
    assert loaded.definition is not None
    async with Engine(create_backend("memory://", plugins, settings), plugins, settings) as engine:
        execution = await engine.start(loaded.definition, input)
        with anyio.fail_after(60):
            await engine.wait(execution)
        return Ended(await engine.get(execution), [event async for event in engine.events(execution)])


@pytest.fixture(autouse=True)
def callable_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("HARMONIA_SECRET_API_KEY", SECRET)


def test_every_example_is_run() -> None:
    tested = {case.name for case in CASES} | {"build-pages", "dependency-audit"} | SERVED
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == {
        "order-booking",
        "patterns",
        "rollout",
        "subworkflows",
    }
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == tested


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.input}")
async def test_an_example_gives_its_output(case: Case) -> None:
    ended = await run(case.name, case.input)
    assert (ended.view["status"], ended.view["error"]) == ("completed", None)
    assert ended.view["output"] == case.output
    found = {task["path"]: task["status"] for task in ended.view["tasks"]}
    assert {**found, **case.statuses} == found


@pytest.mark.anyio
async def test_retries_are_recorded_with_their_reason() -> None:
    ended = await run("retries", {})
    retried = [event["data"]["error"]["code"] for event in ended.events if event["type"] == "RetryScheduled"]
    assert retried == ["service-busy", "service-busy"]
    assert ended.attempts("fetch") == 3


@pytest.mark.anyio
async def test_the_secret_is_in_no_event() -> None:
    ended = await run("secrets", {})
    assert SECRET not in repr(ended)


@pytest.mark.anyio
async def test_pages_are_built_by_commands(tmp_path: Path) -> None:
    ended = await run("build-pages", {"out": str(tmp_path / "-the $(pages)")})
    assert ended.view["output"] == {
        "report": ["about", "index", "2 pages, 93 bytes"],
        "headings": ["index.html:1", "about.html:1"],
    }
    (folder,) = tmp_path.iterdir()
    pages = {page.name: page.read_text() for page in folder.iterdir()}
    assert pages == {
        "index.html": "<h1>Pages</h1>\n\nBuilt by $(whoami).\n",
        "about.html": "<h1>About</h1>\n\nOne &amp; all; &lt;none&gt; is left out.\n",
    }


@pytest.mark.anyio
async def test_the_audit_writes_both_reports_through_the_engine(tmp_path: Path) -> None:
    ended = await run("dependency-audit", {"out": str(tmp_path), "large": 3})
    assert ended.view["status"] == "completed", ended.view["error"]
    check_reports(tmp_path, ended.view["output"], largest=3)


@pytest.mark.anyio
async def test_the_audit_shows_what_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "bare-1.0.dist-info").mkdir(parents=True)
    (site / "odd-1.0.dist-info").mkdir()
    (site / "odd-1.0.dist-info" / "METADATA").write_text("Name: <b>odd|one\nSummary: x\n\n")
    (site / "odd-1.0.dist-info" / "RECORD").write_text("gone.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    ended = await run("dependency-audit", {"out": str(tmp_path)})
    assert ended.view["status"] == "completed", ended.view["error"]
    assert ended.view["output"]["with_findings"] >= 2
    markdown, html = ((tmp_path / f"dependency-audit.{kind}").read_text() for kind in ("md", "html"))
    assert "- **bare** without a version: missing-metadata, no-file-list\n" in markdown
    odd = "**&lt;b&gt;odd\\|one** without a version: no-version, no-licence, files-missing (1 files)\n"
    assert odd in markdown
    assert "&lt;b&gt;odd|one</b>" in html
    assert '<span class="tag serious">files-missing</span><' in html
    assert '<span class="tag">no-licence</span>' in html
    assert " distributions have findings, " in html


def test_the_one_file_plugin_is_short() -> None:
    assert len((EXAMPLES / "shout.py").read_text().splitlines()) < 20


def check_reports(folder: Path, output: dict[str, Any], largest: int) -> None:
    """Assert that both reports name every distribution and load nothing from anywhere."""
    names = {distribution.metadata["Name"] for distribution in distributions()}
    markdown = (folder / "dependency-audit.md").read_text()
    html = (folder / "dependency-audit.html").read_text()
    assert (output["markdown"], output["html"]) == (
        str(folder / "dependency-audit.md"),
        str(folder / "dependency-audit.html"),
    )
    assert output["distributions"] >= len(names)
    assert {name for name in names if f"\n| {name} |" not in markdown} == set()
    assert {name for name in names if f"<td><b>{name}</b>" not in html} == set()
    assert re.search(r"(src|href|url)\s*[=(]|@import|<script", html) is None
    assert markdown.partition("## Largest")[2].partition("## Licences")[0].count("\n| ") == largest + 1


def command_of(path: Path) -> str:
    """Return the first command in an example's head."""
    found = re.search(r"^#   ((?:[A-Z_]+=\S+ )*harmonia run .*)$", path.read_text(), re.MULTILINE)
    assert found is not None, f"{path.name} does not say how to run it"
    return found[1]


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.stem)
def test_the_command_in_an_examples_head_works(path: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HARMONIA_", "PYTHONPATH")) and name != "COLUMNS"
    }
    environment = {**environment, "HARMONIA_DATA_DIR": str(tmp_path / "data"), "NO_COLOR": "1"}
    ended = carried_out(command_of(path), tmp_path, environment)
    assert ended.returncode == 0, ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    for expected in words_of(path.stem):
        assert expected in ended.stdout
    if path.stem == "dependency-audit":
        folder = tmp_path / "harmonia-report"
        output = {
            "markdown": str(folder / "dependency-audit.md"),
            "html": str(folder / "dependency-audit.html"),
        }
        check_reports(folder, {**output, "distributions": sys.maxsize}, largest=10)


def words_of(name: str) -> list[str]:
    """Return what the command's output must contain."""
    return {
        "hello": ["Hello, Ada!"],
        "build-pages": ["2 pages, 93 bytes"],
        "diamond": ["250 EUR"],
        "limits": ["Report for acme"],
        "map": ["three"],
        "import-orders": ["1374", "o-1004"],
        "checkpoints": ["sums"],
        "memo": ["Dear Grace"],
        "messages": ["250", "labelled"],
        "approval": ["rejected"],
        "retries": ["It took 3 attempts."],
        "wait": ["A moment has passed."],
        "month-end": ["100"],
        "order": ["tea: 3.50"],
        "parcel": ["one box, 1 Main Street"],
        "secrets": ["Bearer ***"],
        "shout": ["HELLO"],
        "subworkflows": ["pallet with 14 items"],
        "dependency-audit": ["dependency-audit.html", "dependency-audit.md"],
    }[name]
