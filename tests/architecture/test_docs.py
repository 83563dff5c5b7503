"""Documents are tests: links resolve, workflows validate, commands run and say what the document shows.

A block with a title (```yaml title=greet.yaml) is a file of that name for the commands of the same
document. A block is left out only by a line before it: `<!-- not executed: reason -->`; a command that
is meant to fail says `<!-- exit code: 2 -->`. In expected output `…` stands for anything.
Commands of `pytest` see a terminal of 80 columns, and the examples as a folder of the document.
"""

import ast
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = ("*.md", "docs/**/*.md", "plugins/*/*.md", "examples/**/*.md", "benchmarks/**/*.md")
DOCUMENTS = sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)})
LANGUAGES = {"console", "yaml", "python", "json", "ini", "toml", "text", "mermaid"}
FENCE = re.compile(r"^```(\w*)(?: title=(\S+))?\s*$(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CI = ("CI", "BUILD_NUMBER")
"""Where one of these is set, pytest prints longer lines than it does for a person."""
PLAIN = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
ENVIRONMENT = re.compile(r"(?:[A-Z_]+=\S+ )*")
QUOTED_OR_NESTED = re.compile(r"'[^']*'|\$\(((?:'[^']*'|[^()'])*)\)")
PLAIN_COMMAND = re.compile(r"(harmonia (?:'[^']*'|[^|&;<>$`*(){}'~])*?)(?: ([|>] .*))?")

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, title and text, and what the line before it says."""

    language: str
    title: str | None
    text: str
    line: int
    remark: str

    @property
    def is_left_out(self) -> bool:
        return re.fullmatch(r"<!-- not executed: \S.* -->", self.remark) is not None

    @property
    def exit_code(self) -> int:
        found = re.fullmatch(r"<!-- exit code: (\d+) -->", self.remark)
        return int(found[1]) if found else 0

    def commands(self) -> list[tuple[str, list[str]]]:
        """Return each command of a console block with the output lines shown below it."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.strip().splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found and line.strip():
                found[-1][1].append(line.strip())
        return found


def blocks(text: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()].splitlines()
        remark = before[-1].strip() if before else ""
        found.append(Block(match[1], match[2], match[3].lstrip("\n"), len(before) + 1, remark))
    return found


def run(command: str, folder: Path, given: str = "") -> tuple[int, str, str]:
    """Run a shell line with the environment's commands first on PATH, and wide, plain output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {name: value for name, value in os.environ.items() if name not in CI}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**own, **PLAIN, "PATH": path, "HARMONIA_DATA_DIR": str(folder / "data")},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def answer(command: str, folder: Path) -> tuple[int, str, str]:
    """Return exit code and output of a command; one of `harmonia` needs no process of its own.

    A process takes a second of a slow core to start; that the command starts is shown elsewhere.
    """
    if command.startswith("harmonia "):
        command = QUOTED_OR_NESTED.sub(
            lambda found: found[0] if found[1] is None else answer(found[1], folder)[1].strip(), command
        )
    plain = PLAIN_COMMAND.fullmatch(command)
    if plain is None:
        return run(command, folder)
    with chdir(folder):
        asked = ask(*shlex.split(plain[1])[1:], HARMONIA_DATA_DIR=str(folder / "data"))
    if asked.exception is not None and not isinstance(asked.exception, SystemExit):
        raise asked.exception
    if plain[2] is None:
        return asked.exit_code, asked.stdout, asked.stderr
    code, out, err = run(f"cat {plain[2]}", folder, asked.stdout)
    return code, out, asked.stderr + err


def ask(*words: str, **environment: str) -> Result:
    """Run a command of `harmonia` in this process: what it answers is judged, not that it starts."""
    from harmonia_api.cli.app import app

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        return CliRunner().invoke(app, words, prog_name="harmonia", env={**PLAIN, **environment})
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def anchors(text: str) -> set[str]:
    """Return the anchors that a renderer makes of a document's headings."""
    outside = FENCE.sub("", text)
    headings = re.findall(r"^#+ (.+)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_documents_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in DOCUMENTS}
    assert {"README.md", "CHANGELOG.md", "docs/index.md", "plugins/harmonia-sql/README.md"} <= names


@each_document
def test_links_resolve(path: Path) -> None:
    faults = []
    for link in LINK.findall(FENCE.sub("", path.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        outside = ROOT not in (file, *file.parents)
        if outside or not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            faults.append(link)
    assert faults == []


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            links = LINK.findall(FENCE.sub("", path.read_text("utf-8")))
            files = ((path.parent / link.partition("#")[0]).resolve() for link in links)
            waiting.extend(file for file in files if file.suffix == ".md" and file.exists())
    assert [str(path.relative_to(ROOT)) for path in DOCUMENTS if path not in reached] == []


@each_document
def test_blocks_are_of_a_kind_that_is_checked(path: Path) -> None:
    text = path.read_text("utf-8")
    found = blocks(text)
    fences = len(re.findall(r"^\s*```", text, re.MULTILINE))
    assert fences == 2 * len(found), "a fence is indented, not closed, or says more than language and title"
    assert [f"line {block.line}" for block in found if block.language not in LANGUAGES] == []


@each_document
def test_python_compiles(path: Path) -> None:
    for block in blocks(path.read_text("utf-8")):
        if block.language == "python":
            ast.parse(block.text, f"{path.name}:{block.line}")


@each_document
def test_workflows_validate(path: Path, tmp_path: Path) -> None:
    found = [block for block in blocks(path.read_text("utf-8")) if block.language == "yaml"]
    for block in found:  # a definition may name the files of others
        (tmp_path / (block.title or "workflow.yaml")).write_text(block.text, "utf-8")
    for block in found:
        if re.search(r"^tasks:", block.text, re.MULTILINE) and not block.is_left_out:
            file = tmp_path / (block.title or "workflow.yaml")
            file.write_text(block.text, "utf-8")
            result = ask("validate", str(file))
            assert result.exit_code == block.exit_code, f"line {block.line}: {result.output}"


@each_document
def test_commands_do_what_is_shown(path: Path, tmp_path: Path) -> None:
    found = blocks(path.read_text("utf-8"))
    for block in found:
        if block.title:
            (tmp_path / block.title).write_text(block.text, "utf-8")
    for block in found:
        if block.language == "console" and not block.is_left_out:
            commands = block.commands()
            assert commands, f"line {block.line}: a console block without a command"
            for command, shown in commands:
                check_command(command, shown, block, tmp_path)


def check_command(command: str, shown: list[str], block: Block, folder: Path) -> None:
    bare = ENVIRONMENT.sub("", command, count=1)
    if bare.startswith("make "):
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert bare.split()[1] in targets, command
        return
    if bare.startswith("pytest "):
        shutil.copytree(ROOT / "examples", folder / "examples", dirs_exist_ok=True)
        command = f"COLUMNS=80 {command} -p no:cacheprovider"
    known = bare.startswith(("harmonia ", "pytest ", "python "))
    assert known, f"line {block.line}: neither executed nor marked: {command}"
    code, out, err = answer(command, folder)
    output = out + err
    assert code == block.exit_code, f"line {block.line}: {command}\n{output}"
    pattern = r"[\s\S]*".join(re.escape(line).replace("…", r".*") for line in shown)
    assert re.search(pattern, output), f"line {block.line}: {command}\n{output}"


def readme_commands() -> list[tuple[str, list[str]]]:
    """Return each command of the README's table with the options it names."""
    rows = re.findall(r"^\| `harmonia ([^`]+)`", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    found = []
    for row in rows:
        words = row.replace("\\|", "|").split()
        command, second = words[0], words[1] if len(words) > 1 else ""
        options = re.findall(r"--[a-z-]+", row)
        names = [f"{command} {name}" for name in second.split("|")] if "|" in second else [command]
        found += [(name, options) for name in names]
    return found


@pytest.mark.parametrize(("command", "options"), readme_commands())
def test_command_table_of_the_readme_is_true(command: str, options: list[str]) -> None:
    result = ask(*command.split(), "--help")
    assert result.exit_code == 0, result.output
    assert [option for option in options if option not in result.stdout] == []
