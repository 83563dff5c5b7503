"""Messages: how a task begins to wait for them or sends one, and who gets which. Pure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harmonia_core.clock import rfc3339
from harmonia_core.ids import stable_key
from harmonia_core.model import events as e
from harmonia_core.model.commands import (
    Answer,
    AwaitMessage,
    Command,
    EmitMessage,
    FailTask,
    ScheduleTask,
    SucceedTask,
    TakeMessages,
)
from harmonia_core.model.events import Event
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.inbox import MOST_KEPT, Message
from harmonia_core.model.message_inputs import DAY, EmitInput, EventInput
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import TaskStatus

if TYPE_CHECKING:
    from harmonia_core.engine.request_kinds import Wish

NOT_AWAITED = "not-awaited"
"""Why a published message is handed on to another execution."""


def begin_event(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    """Return the commands with which an `event` begins to wait."""
    begun = ScheduleTask(path, node, 1, True, answer.value)
    try:
        wish = EventInput.model_validate(answer.value)
    except ValidationError as error:
        return [begun, FailTask(path, 1, invalid(error))]
    wants = tuple(want.model_dump(exclude_defaults=True) for want in wish.wants)
    return [begun, AwaitMessage(path, wants, "all" if wish.all else "any", wish.scope == "store")]


def begin_emit(node: TaskNode, path: str, answer: Answer, state: ExecutionState) -> list[Command]:
    """Return the commands with which an `emit` sends its message, and ends."""
    begun = ScheduleTask(path, node, 1, True, answer.value)
    try:
        wish = EmitInput.model_validate(answer.value)
    except ValidationError as error:
        return [begun, FailTask(path, 1, invalid(error))]
    id = wish.id or stable_key(state.root_id, path)
    ttl = wish.ttl or (DAY if wish.to is None else None)
    message = EmitMessage(path, id, wish.name, wish.correlation, wish.data, wish.to, ttl)
    return [begun, message, SucceedTask(path, 1, {"id": id})]


def invalid(error: ValidationError) -> ErrorInfo:
    """Return the error of a task whose input, once it was known, is not what its type takes."""
    faults = [
        f"{'.'.join(str(step) for step in fault['loc']) or 'input'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return ErrorInfo("validation", "input-invalid", "; ".join(faults), retryable=False)


def receive(state: ExecutionState, wish: "Wish") -> Iterator[Event]:
    """Yield what a message becomes; nothing if its id has come before."""
    body = wish.body
    id, name, expires = str(body["id"]), str(body["name"]), body.get("expires")
    correlation = body.get("correlation")
    if id in state.inbox.seen:
        return
    published, full = body.get("published"), len(state.inbox.kept) >= MOST_KEPT
    if expires is not None and expires <= wish.now:
        yield e.MessageRefused(id, name, "expired")
    elif (published or full) and not _awaited(state, name, correlation):
        # What is waited for finds room: a full inbox must not keep a task from going on.
        yield e.MessageRefused(id, name, NOT_AWAITED if published else "inbox-full")
    else:
        yield e.MessageReceived(id, name, correlation, body.get("data"), expires)


def _awaited(state: ExecutionState, name: str, correlation: Any) -> bool:
    """Tell whether a task waits for a message that is not content with those at hand."""
    content = {path for path, _ in state.inbox.due}
    message = Message("", name, correlation, None, 0.0, None)
    return any(
        path not in content and any(want.fits(message) for want in waiter.wants)
        for path, waiter in state.inbox.waiting.items()
    )


def hand_out(state: ExecutionState) -> list[Command]:
    """Return how the first task that may is given its messages.

    One at a time, and only when nothing else is to be decided: what a message leads to, such as the end
    of a race, is settled before another one is spent on it.
    """
    for path, messages in state.inbox.due:
        task = state.task(path)
        if task is None or task.status is not TaskStatus.BLOCKED:
            continue
        waiter = state.inbox.waiting[path]
        shapes = [message_view(message) for message in messages]
        output = shapes if waiter.mode == "all" else shapes[0]
        ids = tuple(message.id for message in messages)
        return [TakeMessages(path, ids), SucceedTask(path, task.attempt, output)]
    return []


def message_view(message: Message) -> dict[str, Any]:
    """Return a message as tasks read it."""
    return {
        "name": message.name,
        "id": message.id,
        "correlation": message.correlation,
        "data": message.data,
        "received_at": rfc3339(message.at),
    }
