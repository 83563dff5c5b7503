"""The engine's side of `python` in process mode: one call in a child of its own."""

import os
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any

from harmonia_core import TaskContext, TaskError
from harmonia_tasks.failures import from_child
from harmonia_tasks.process_answers import Answers
from harmonia_tasks.process_artifacts import CHUNK
from harmonia_tasks.process_frames import Frames, message
from harmonia_tasks.process_limits import HINTS
from harmonia_tasks.process_streams import Lines, Pump, carry
from harmonia_tasks.processes import Channel, Ended, Guarded, NotStarted, Order, command, environment, guarded

PRINT_LIMIT = 1024 * 1024
ROOM = 64 * 1024
"""Bytes that a frame may have beyond the output in it."""
LEVELS = {"stdout": "info", "stderr": "warning"}


async def call_in_process(ctx: TaskContext, request: Mapping[str, Any], limits: Mapping[str, int]) -> Any:
    """Run one request of `harmonia_tasks.child` and return its output.

    Raises what the function raised, under the name of its class; PermanentError
    `output-too-large`; TaskError `process-died`, `process-not-started` (category `infrastructure`).
    Cancelled: the whole process group is gone within a second.
    """
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    number = theirs.fileno()
    order = Order(
        [*command("harmonia_tasks.child"), str(number)], environment(), limits=limits, keep=(number,)
    )
    try:
        async with guarded(order) as child:
            theirs.close()
            call = _Call(ctx, channel, child, request["output_limit"])
            return await call.hold(message({**request, "ctx": facts(ctx)}))
    except NotStarted as error:
        text = f"No Python could be started ({error.stage}): {os.strerror(error.number)}."
        raise TaskError(text, "process-not-started", "infrastructure") from None
    finally:
        theirs.close()
        channel.close()


def facts(ctx: TaskContext) -> dict[str, Any]:
    """Return what a context knows, for the one in the child."""
    return {
        "execution": ctx.execution,
        "path": ctx.path,
        "attempt": ctx.attempt,
        "idempotency_key": ctx.idempotency_key,
        "deadline": ctx.deadline,
        "last_heartbeat": ctx.last_heartbeat,
    }


class _Call:
    """Send the request, carry out what the child says, log what it prints, wait for its end."""

    def __init__(self, ctx: TaskContext, channel: Channel, child: Guarded, output_limit: int) -> None:
        self._ctx, self._channel, self._child = ctx, channel, child
        self._answers = Answers(ctx, channel)
        self._frames = Frames(max(output_limit, CHUNK) + ROOM)
        self._fault: Exception | None = None

    async def hold(self, request: bytes) -> Any:
        prints = [Pump(name, self._child, [Lines(partial(self._log, name))], PRINT_LIMIT) for name in LEVELS]
        try:
            ended = await carry(self._child, prints, partial(self._channel.send, request), self._listen)
        finally:
            self._answers.close()
        faults = [self._fault, *(pump.fault for pump in prints)]
        for fault in faults:
            if fault is not None:
                raise fault
        return self._result(ended)

    async def _listen(self) -> None:
        try:
            while data := await self._channel.receive():
                for kind, body in self._frames.feed(data):
                    await self._answers.take(kind, body)
        except Exception as error:
            self._fault = error
            self._child.kill()

    def _log(self, stream: str, line: str) -> None:
        self._ctx.log(LEVELS[stream], line, stream=stream)

    def _result(self, ended: Ended) -> Any:
        answer = self._answers.answer
        if answer is None:
            raise _died(ended)
        if "error" in answer:
            raise from_child(answer["error"])
        return answer["output"]


def _died(ended: Ended) -> TaskError:
    if ended.signal is not None:
        how, details = f"by {ended.signal}", {"signal": ended.signal}
    else:
        how, details = f"with exit code {ended.exit_code}", {"exit_code": ended.exit_code}  # type: ignore[dict-item]
    message = f"The child process ended {how} before it gave an answer.{HINTS.get(ended.signal or '', '')}"
    return TaskError(message, "process-died", "infrastructure", details=details)
