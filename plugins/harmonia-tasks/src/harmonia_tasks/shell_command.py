"""One command of `shell`: from its input to how it ended and what it wrote."""

import json
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import ExitStack
from functools import partial
from subprocess import DEVNULL, PIPE, STDOUT

from harmonia_core import PermanentError, TaskContext
from harmonia_tasks.artifact_sink import Passed
from harmonia_tasks.process_limits import rlimits
from harmonia_tasks.process_streams import Kept, Lines, Pump, Sink, carry, feed
from harmonia_tasks.processes import Ended, Guarded, NotStarted, Order, guarded
from harmonia_tasks.settings import TasksSettings
from harmonia_tasks.shell_input import ShellInput
from harmonia_tasks.shell_outcome import ShellOutput, Written, not_started, output_of

PRIVATE = "HARMONIA_"
"""Variables that begin like this are never inherited: secrets may be among them."""


async def run_command(ctx: TaskContext, input: ShellInput, settings: TasksSettings) -> ShellOutput:
    """Run a command to its end and return its output; raise TaskError."""
    data = _stdin(ctx, input)
    order = Order(input.argv(), environment(ctx, input), input.cwd, rlimits(input.limits, settings))
    streams = {
        "stdin": DEVNULL if data is None else PIPE,
        "stdout": DEVNULL if input.stdout == "discard" and not input.log_stdout else PIPE,
        "stderr": {"discard": DEVNULL, "stdout": STDOUT}.get(input.stderr, PIPE),
    }
    try:
        async with guarded(order, **streams) as command:
            return await _Conversation(ctx, input, settings, command).hold(data)
    except NotStarted as error:
        raise not_started(input, error) from None


def environment(ctx: TaskContext, input: ShellInput) -> dict[str, str]:
    """Return the environment of a command: little of the engine's, who asks for it, and its own."""
    inherited = {name: value for name, value in os.environ.items() if _is_inherited(name, input.inherit_env)}
    asked = {
        "HARMONIA_EXECUTION": ctx.execution,
        "HARMONIA_PATH": ctx.path,
        "HARMONIA_ATTEMPT": str(ctx.attempt),
        "HARMONIA_IDEMPOTENCY_KEY": ctx.idempotency_key,
    }
    return {**inherited, **asked, **input.env}


def _is_inherited(name: str, patterns: tuple[str, ...]) -> bool:
    if name.startswith(PRIVATE):
        return False
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns
    )


def _stdin(ctx: TaskContext, input: ShellInput) -> AsyncIterable[bytes] | None:
    if input.stdin is None:
        return None
    if isinstance(input.stdin, dict) and input.stdin.keys() == {"$artifact"}:
        return ctx.open_artifact(input.stdin)
    return _once(_encoded(input))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _encoded(input: ShellInput) -> bytes:
    text = input.stdin if isinstance(input.stdin, str) else json.dumps(input.stdin, ensure_ascii=False)
    try:
        return text.encode(input.encoding)
    except UnicodeEncodeError as error:
        message = f"stdin cannot be encoded as {input.encoding}: {error.reason} at character {error.start}."
        raise PermanentError(message, "input-invalid", category="validation") from None


class _Conversation:
    """Feed a command that runs, and take what it writes."""

    def __init__(
        self, ctx: TaskContext, input: ShellInput, settings: TasksSettings, command: Guarded
    ) -> None:
        self._ctx, self._input, self._command = ctx, input, command
        self._limit = input.limits.output_bytes or settings.output_limit
        self._kept = {"stdout": Kept(), "stderr": Kept()}
        self._lines = {name: Lines(partial(self._log, name), input.encoding) for name in self._kept}

    async def hold(self, data: AsyncIterable[bytes] | None) -> ShellOutput:
        with ExitStack() as stack:
            writer = None
            if self._input.stdout == "artifact":
                writer = stack.enter_context(self._ctx.artifact(self._input.artifact, self._input.media_type))
            out = [*([Passed(writer)] if writer else ()), *self._sinks("stdout")]
            ended = await self._carry(data, out)
            written = self._written()
        if writer is not None:
            written.artifact = writer.reference
        return output_of(self._input, ended, written)

    async def _carry(self, data: AsyncIterable[bytes] | None, out: list[Sink]) -> Ended:
        limit = self._input.limits.output_bytes if self._input.stdout == "artifact" else self._limit
        pumps = [
            Pump("stdout", self._command, out, limit),
            Pump("stderr", self._command, list(self._sinks("stderr")), self._limit),
        ]
        send = None if data is None else partial(feed, self._command, data)
        ended = await carry(self._command, pumps, send)
        for pump in pumps:
            if pump.fault is not None:
                raise pump.fault
        return ended

    def _sinks(self, name: str) -> Iterator[Sink]:
        given = self._input.stdout if name == "stdout" else self._input.stderr
        if given in ("text", "json", "lines"):
            yield self._kept[name]
        if given == "log" or (name == "stdout" and self._input.log_stdout):
            yield self._lines[name]

    def _written(self) -> Written:
        out, err = self._input.stdout, self._input.stderr
        return Written(
            self._kept["stdout"].bytes() if out in ("text", "json", "lines") else None,
            self._kept["stderr"].bytes() if err == "text" else None,
            self._lines["stderr"].tail if err == "log" else None,
        )

    def _log(self, stream: str, line: str) -> None:
        self._ctx.log("info", line, stream=stream)
