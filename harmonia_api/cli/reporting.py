"""Around every command: logging, and errors as one clear message and an exit code."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from harmonia_core import HarmoniaError, Problem

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _ToStderr(logging.Handler):
    """Write to whatever stderr is at the moment, for a live display puts its own in place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except OSError:
            self.handleError(record)


def log_to_stderr(verbose: int) -> None:
    """Log to stderr: warnings, with 1 what happens, with 2 everything."""
    handler = _ToStderr()
    plain = "%(levelname)s: %(message)s"
    handler.setFormatter(logging.Formatter(plain if verbose < 1 else f"%(asctime)s %(name)s {plain}"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[min(verbose, 2)])
    # What goes wrong in executions is on display anyway.
    logging.getLogger("harmonia.executions").setLevel(logging.NOTSET if verbose else logging.CRITICAL)


@contextmanager
def command(json: bool, verbose: int) -> Iterator[Callable[[int], None]]:
    """Run one command; call what this gives with its exit code at the end.

    An error of Harmonia becomes a message on stderr, with `json` a document on stdout.
    """
    log_to_stderr(verbose)
    from harmonia_core import HarmoniaError

    try:
        yield _finish
    except HarmoniaError as error:
        raise typer.Exit(report(error, json)) from None


def _finish(code: int) -> None:
    raise typer.Exit(code)


def report(error: "HarmoniaError", json: bool) -> int:
    """Say what is wrong and what to do, and return the exit code."""
    from harmonia_api.cli import exits
    from harmonia_api.cli.printing import print_json
    from harmonia_core.host import ProblemsError

    if isinstance(error, ProblemsError):
        if json:
            print_json({"problems": [problem.as_json() for problem in error.problems]})
        else:
            _print_problems(error.problems, getattr(error, "source", None))
    elif json:
        print_json({"error": {"code": error.code, "message": str(error), **error.details()}})
    else:
        print(f"{error} [{error.code}]", file=sys.stderr)
    return exits.of_error(error)


def _print_problems(problems: "tuple[Problem, ...]", source: str | None) -> None:
    for problem in problems:
        print(problem_line(problem, source), file=sys.stderr)
    count = len(problems)
    print(f"{count} problem{'' if count == 1 else 's'}; nothing was done.", file=sys.stderr)


def problem_line(problem: "Problem", source: str | None) -> str:
    """Return `file:line:column: path: message (suggestion) [code]`, without what is not known."""
    if problem.source is not None:
        source = str(Path(source or "").parent / problem.source)
    place = [source] if source else []
    if problem.line is not None:
        place += [str(problem.line), str(problem.column or 1)]
    parts = [":".join(place)] if place else []
    parts += [problem.path] if problem.path else []
    hint = f" ({problem.suggestion})" if problem.suggestion else ""
    return ": ".join([*parts, f"{problem.message}{hint} [{problem.code}]"])
