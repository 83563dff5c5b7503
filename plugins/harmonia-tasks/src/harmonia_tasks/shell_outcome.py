"""What the end of a command means: an output, or an error that says what to do."""

import errno
import os
import signal
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json

from harmonia_core import PermanentError, TaskError
from harmonia_tasks.process_limits import HINTS
from harmonia_tasks.process_streams import last_lines
from harmonia_tasks.processes import Ended, NotStarted
from harmonia_tasks.shell_input import ShellInput

_LINE = 300


class ShellOutput(BaseModel):
    """Output of `shell`.

    signal: the name of the signal that ended the command; exit_code is then 128 and its number.
    stdout, stderr: null if they went elsewhere. seconds: how long the command ran.
    """

    exit_code: int
    signal: str | None
    stdout: Any
    stderr: str | None
    seconds: float


@dataclass(slots=True)
class Written:
    """What a command wrote. Bytes: None if they were not kept. shown: the end of stderr, if it was logged."""

    stdout: bytes | None = None
    stderr: bytes | None = None
    shown: str | None = None
    artifact: dict[str, Any] | None = None


def output_of(input: ShellInput, ended: Ended, written: Written) -> ShellOutput:
    """Return the output of a command that ended; raise TaskError unless it ended as expected."""
    _require_expected(input, ended, written)
    code = 128 + _number(ended.signal) if ended.exit_code is None else ended.exit_code
    stdout = written.artifact if input.stdout == "artifact" else _value(input, written.stdout)
    stderr = None if written.stderr is None else _decoded(input, written.stderr, "stderr")
    return ShellOutput(
        exit_code=code, signal=ended.signal, stdout=stdout, stderr=stderr, seconds=ended.seconds
    )


def not_started(input: ShellInput, error: NotStarted) -> TaskError:
    """Return the error for a command that could not be started."""
    program, why = input.argv()[0], os.strerror(error.number)
    if error.stage == "cwd":
        return PermanentError(f"The working folder {input.cwd} cannot be entered: {why}.", "cwd-not-found")
    if error.number in (errno.ENOENT, errno.ENOTDIR):
        message = (
            f"There is no program {program!r} on the command's PATH, or what its first line names is missing."
        )
        return PermanentError(message, "command-not-found")
    if error.number in (errno.EACCES, errno.EPERM, errno.ENOEXEC):
        return PermanentError(f"{program!r} cannot be executed: {why}.", "command-not-executable")
    if error.number == errno.E2BIG:
        message = "The arguments and the environment are too large; hand large data over in `stdin`."
        return PermanentError(message, "command-too-large")
    message = f"{program!r} could not be started ({error.stage}): {why}."
    return TaskError(message, "process-not-started", "infrastructure")


def _require_expected(input: ShellInput, ended: Ended, written: Written) -> None:
    if input.expected_exit == "any" or ended.exit_code in input.expected_exit:
        return
    details: dict[str, Any] = {"seconds": ended.seconds}
    shown = _decoded_loosely(input, written.stderr) if written.shown is None else written.shown
    if shown:
        details["stderr"] = last_lines(shown)
    if written.stdout:
        details["stdout"] = last_lines(_decoded_loosely(input, written.stdout))
    if ended.exit_code is None:
        message = f"{_subject(input)} was ended by {ended.signal}.{HINTS.get(ended.signal or '', '')}"
        raise TaskError(message, "killed-by-signal", details={"signal": ended.signal, **details})
    message = f"{_subject(input)} ended with exit code {ended.exit_code}{_last_line(details)}"
    raise TaskError(message, "exit-code", details={"exit_code": ended.exit_code, **details})


def _subject(input: ShellInput) -> str:
    return "The script" if input.shell else f"{input.argv()[0]!r}"


def _last_line(details: dict[str, Any]) -> str:
    line = details.get("stderr", "").rpartition("\n")[2].strip()
    return f": {line}" if line and len(line) <= _LINE else "."


def _number(name: str | None) -> int:
    known = getattr(signal, name or "", None)
    return int(known) if known is not None else int((name or "signal 0").rpartition(" ")[2])


def _value(input: ShellInput, data: bytes | None) -> Any:
    if data is None:
        return None
    text = _decoded(input, data, "stdout")
    if input.stdout == "json":
        return _json(text)
    if input.stdout == "lines":
        lines = text.split("\n")
        return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]
    return text


def _json(text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        message = f"What the command wrote to stdout is not JSON: {error}."
        raise PermanentError(message, "output-not-json", category="validation") from None


def _decoded(input: ShellInput, data: bytes, name: str) -> str:
    try:
        return data.decode(input.encoding, "strict" if input.undecodable == "error" else "replace")
    except UnicodeDecodeError as error:
        message = f"{name} is no {input.encoding} text: {error.reason} at byte {error.start}."
        raise PermanentError(message, "output-not-text", category="validation") from None


def _decoded_loosely(input: ShellInput, data: bytes | None) -> str:
    return (data or b"").decode(input.encoding, "replace")
