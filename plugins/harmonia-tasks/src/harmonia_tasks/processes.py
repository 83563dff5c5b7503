"""The engine's side of process mode: a child in a process group of its own, ended with the attempt."""

import json
import os
import signal
import sys
from codecs import getincrementaldecoder
from contextlib import suppress
from subprocess import PIPE
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream, Process

from harmonia_core import PermanentError, TaskContext, TaskError
from harmonia_tasks.failures import from_child

PRINT_LIMIT = 1024 * 1024
PIECE = 64 * 1024
TERM_GRACE = 0.3  # seconds between asking and killing; both together stay under one
STREAM_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


def command(module: str) -> list[str]:
    """Return the command that runs a module of this plugin; `-P` keeps the working folder out."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """Return this process's environment and whole import path, so that a child finds the same modules."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


async def call_in_process(ctx: TaskContext, request: dict[str, Any]) -> Any:
    """Run one request of `harmonia_tasks.child` and return its output.

    Raises what the function raised, as a TaskError of the same class name; PermanentError
    `output-too-large`; TaskError `process-died` (category `infrastructure`).
    Cancelled: the whole process group is gone within a second.
    """
    process = await anyio.open_process(
        command("harmonia_tasks.child"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment(),
        start_new_session=True,
    )
    conversation = _Conversation(ctx, process, request["output_limit"])
    try:
        await conversation.hold(json.dumps(request).encode() + b"\n")
    finally:
        await _end(process)
    return conversation.result()


class _Conversation:
    """Send the request, collect the answer, turn what is printed into log entries."""

    def __init__(self, ctx: TaskContext, process: Process, output_limit: int) -> None:
        self._ctx, self._process = ctx, process
        self._answer_limit = output_limit + PIECE
        self._answer = bytearray()
        self._too_much: str | None = None

    async def hold(self, request: bytes) -> None:
        """Talk until the child has ended and, for a moment more, what it printed has arrived."""
        async with anyio.create_task_group() as readers:
            readers.start_soon(self._log_prints)
            readers.start_soon(self._send, request)
            await self._read_answer()
            await self._process.wait()
            _signal(self._process, signal.SIGKILL)
            # A grandchild that left the group may keep the pipe open for ever.
            readers.cancel_scope.deadline = anyio.current_time() + 1.0

    def result(self) -> Any:
        """Return the output in the answer, or raise what went wrong instead."""
        if self._too_much:
            raise PermanentError(self._too_much, "output-too-large")
        try:
            answer = json.loads(self._answer)
        except ValueError:
            raise _died(self._process.returncode) from None
        if "error" in answer:
            raise from_child(answer["error"])
        return answer["output"]

    async def _send(self, request: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(*STREAM_GONE):
            await self._process.stdin.send(request)

    async def _read_answer(self) -> None:
        async for piece in _pieces(self._process.stdout):
            self._answer += piece
            if len(self._answer) > self._answer_limit:
                return self._stop(f"The function returned more than {self._answer_limit} bytes.")

    async def _log_prints(self) -> None:
        decoder, rest, taken = getincrementaldecoder("utf-8")("replace"), "", 0
        async for piece in _pieces(self._process.stderr):
            taken += len(piece)
            if taken > PRINT_LIMIT:
                return self._stop(f"The function printed more than {PRINT_LIMIT} bytes.")
            # What was printed at once is one entry, however many lines it has.
            lines, newline, rest = (rest + decoder.decode(piece)).rpartition("\n")
            if newline:
                self._ctx.log("info", lines)
        if rest:
            self._ctx.log("info", rest)

    def _stop(self, reason: str) -> None:
        self._too_much = reason
        _signal(self._process, signal.SIGKILL)


async def _pieces(stream: ByteReceiveStream | None) -> Any:
    assert stream is not None
    with suppress(*STREAM_GONE):
        while True:
            yield await stream.receive(PIECE)


async def _end(process: Process) -> None:
    """Leave nothing of the process group, whether or not the attempt is being cancelled."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            with anyio.move_on_after(TERM_GRACE):
                await process.wait()
        _signal(process, signal.SIGKILL)
        await process.aclose()


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _died(code: int | None) -> TaskError:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        how, details = f"by signal {name}", {"signal": name}
        hint = " The system may have run out of memory." if name == "SIGKILL" else ""
    else:
        how, details, hint = f"with exit code {code}", {"exit_code": code}, ""  # type: ignore[dict-item]
    message = f"The child process ended {how} before it gave an answer.{hint}"
    return TaskError(message, "process-died", "infrastructure", details=details)
