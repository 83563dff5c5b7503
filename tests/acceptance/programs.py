"""Processes of Harmonia for acceptance tests: started at a store, awaited, and what they leave behind.

Nothing sleeps to be in step with a process: `until` looks for what is awaited, up to a deadline.
"""

import json
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from warm import started
from watched import Answer, Program, said

HERE = Path(__file__).parent
HARMONIA = Path(sys.executable).with_name("harmonia")
FINAL = {"TaskSucceeded", "TaskFailed", "TaskSkipped", "TaskUnreachable", "TaskCancelled"}

Found = TypeVar("Found")


def until(what: Callable[[], Found], seconds: float = 15.0, about: str = "") -> Found:
    """Return what a function finds, as soon as it finds something; fail after a time."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain {about}"
        time.sleep(0.005)
    return found


@dataclass(frozen=True)
class Mark:
    """One line of the marks that tasks leave: which attempt began in which process."""

    path: str
    attempt: int
    pid: int


@dataclass
class Place:
    """A folder with a store, definitions and marks. environment: on top of the test's own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    _programs: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = self.folder / "store.db"
        self.url = f"sqlite:///{self.database}"
        self.marks_file = self.folder / "marks"
        self.environment = {
            "PYTHONPATH": str(HERE),
            "MARKS": str(self.marks_file),
            "GATE": str(self.folder / "gate"),
            "STOPPED": str(self.folder / "stopped"),
            "RECEIVED": str(self.folder / "received"),
            "HARMONIA_PLUGINS__TASKS__PYTHON_MODULES": "work",
            **self.environment,
        }

    def define(self, tasks: dict[str, Any], **more: Any) -> Path:
        """Write a definition and return its file."""
        path = self.folder / "workflow.json"
        path.write_text(json.dumps({"name": "acceptance", "tasks": tasks, **more}))
        return path

    def start(
        self, *arguments: str | Path, db: bool = True, prefix: Sequence[str] = (), **options: Any
    ) -> Program:
        """Start `harmonia` with these arguments and this store, behind a prefix; options are Popen's.

        Without either it begins as a copy of a process that has imported everything.
        """
        command = [str(HARMONIA), *map(str, arguments), *(["--db", self.url] if db else [])]
        return self._begin(command, options, prefix)

    def script(self, name: str, *arguments: object, **options: Any) -> Program:
        """Start a program of this folder with the store's URL and these arguments; options are Popen's."""
        return self._begin([str(HERE / name), self.url, *map(str, arguments)], options, [sys.executable])

    def _begin(self, command: Sequence[str], options: dict[str, Any], prefix: Sequence[str] = ()) -> Program:
        number = len(self._programs)
        out, err = self.folder / f"out.{number}", self.folder / f"err.{number}"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            environment = {**os.environ, **self.environment}
            process = started(command, prefix, self.folder, environment, (stdout, stderr), options)
        program = Program(process, out, err)
        self._programs.append(program)
        return program

    def call(self, *arguments: str | Path, db: bool = True, seconds: float = 20.0, **options: Any) -> Program:
        """Run `harmonia` to its end."""
        program = self.start(*arguments, db=db, **options)
        program.ended(seconds)
        return program

    def ask(self, *arguments: str | Path, db: bool = True) -> Answer:
        """Run a command of `harmonia` in this process: for what only looks, and is shown elsewhere to start.

        A process takes a second of a slow core to start. An exception that the command lets through fails.
        """
        from typer.testing import CliRunner

        from harmonia_api.cli.app import app

        words = [*map(str, arguments), *(["--db", self.url] if db else [])]
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            with chdir(self.folder):
                done = CliRunner().invoke(app, words, prog_name="harmonia", env=dict(self.environment))
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answer(done.exit_code, done.stdout, said(done.stderr))

    def completed(self) -> int:
        """Return how many executions have completed; none while there are no tables yet."""
        rows = self.rows("SELECT count(*) FROM execution WHERE status = 'completed'")
        return int(rows[0][0]) if rows else 0

    def end(self) -> None:
        """Kill what still runs, stopped processes included."""
        for program in self._programs:
            if program.process.poll() is None:
                program.process.kill()
                program.process.wait()

    def marks(self) -> list[Mark]:
        """Return the marks that tasks have left so far, in order."""
        try:
            lines = self.marks_file.read_text().split("\n")[:-1]
        except FileNotFoundError:
            return []
        return [Mark(path, int(attempt), int(pid)) for path, attempt, pid in map(str.split, lines)]

    def begun(self, path: str, program: Program) -> None:
        """Wait until a task has begun in a process."""

        def noted() -> bool:
            if program.process.poll() is not None:
                raise AssertionError(f"ended before {path} began:\n{program.stdout}\n{program.stderr}")
            return any((mark.path, mark.pid) == (path, program.process.pid) for mark in self.marks())

        until(noted, about=f"for {path}")

    def let_through(self, program: Program | None = None) -> None:
        """Let the tasks of a process, or of this one, through the gate at which `hold` and `ignore` wait."""
        with (self.folder / "gate").open("a") as gate:
            gate.write(f"{program.process.pid if program else os.getpid()}\n")

    def stopped(self) -> list[list[str]]:
        """Return [path, pid] of the attempts that have heeded their cancellation."""
        file = self.folder / "stopped"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def freeze(self, program: Program) -> None:
        """Stop a process (SIGSTOP) outside a write transaction."""
        for _ in range(100):
            program.send(signal.SIGSTOP)
            until(program.frozen, about="for a process to stop")
            if self._can_write():
                return
            program.send(signal.SIGCONT)
        raise AssertionError("it was in a transaction whenever it was stopped")

    def _can_write(self) -> bool:
        """Tell whether nobody is in the middle of a write transaction."""
        connection = sqlite3.connect(self.database, timeout=0.0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return True

    def deserted(self) -> bool:
        """Tell whether what ended processes have sent to the store has come to its end."""
        return True

    def rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the store itself; nothing while it or its tables are not there yet."""
        if not self.database.exists() or not self.database.stat().st_size:
            return []
        connection = sqlite3.connect(self.database, timeout=10.0)
        try:
            return connection.execute(question, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def events(self) -> list[tuple[int, str, dict[str, Any]]]:
        """Return (seq, type, data) of all events in the store, ascending."""
        found = self.rows("SELECT seq, type, data FROM event ORDER BY execution_id, seq")
        return [(seq, kind, json.loads(data)) for seq, kind, data in found]

    def execution(self) -> str:
        """Return the id of the one execution in the store, once it is there."""
        [(execution_id,)] = until(
            lambda: self.rows("SELECT execution_id FROM execution"), about="for an execution"
        )
        return str(execution_id)

    def show(self, execution_id: str) -> dict[str, Any]:
        """Return `executions show --json`."""
        answer = self.ask("executions", "show", execution_id, "--json")
        assert answer.code == 0, answer.stderr
        shown: dict[str, Any] = json.loads(answer.stdout)
        return shown


def task(function: str, depends_on: Sequence[str] = (), mode: str = "thread", **more: Any) -> dict[str, Any]:
    """Return a `python` task that calls a function of `work`. more: other keys; `args` goes to the call."""
    call = {"callable": f"work:{function}", "mode": mode, "args": more.pop("args", {})}
    return {"type": "python", "input": call, "depends_on": list(depends_on), **more}


def in_flight(events: Sequence[tuple[int, str, dict[str, Any]]]) -> set[str]:
    """Return the paths whose intent to run is recorded and whose end is not."""
    open_: set[str] = set()
    for _, kind, data in events:
        if kind == "TaskScheduled":
            open_.add(data["path"])
        elif kind in FINAL or kind in ("RetryScheduled", "AttemptLost", "TaskDeferred", "TaskAttention"):
            open_.discard(data["path"])
    return open_
