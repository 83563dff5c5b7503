"""Why a task that has begun does not end, or one that is ready does not begin: from the state alone. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from harmonia_core.clock import rfc3339
from harmonia_core.engine.child_folds import CANCELLING as CHILD_CANCELLING
from harmonia_core.engine.child_folds import CHILD
from harmonia_core.engine.explain_causes import FEW, Cause, command
from harmonia_core.engine.explain_limits import limited
from harmonia_core.engine.winding import winding
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.inbox import Approval, Inbox, Waiter, Want
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.slots import LIMIT
from harmonia_core.model.state import ExecutionState, Question, TaskState
from harmonia_core.model.statuses import TaskStatus

Of = Callable[[ExecutionState, TaskNode, str, TaskState], Cause]
_QUESTIONS = {
    "when": "its condition",
    "input": "its input",
    "output": "its output",
    "undo": "the input of what undoes it",
    "reduce": "what its items are folded into",
}


def cause_of(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause | None:
    """Return why a task or item does not go on that holds nothing; None for one that waits or has ended."""
    if task.status is TaskStatus.BLOCKED:
        found = _BLOCKED.get(task.reason or "")
    else:
        found = _BY_STATUS.get(task.status)
    return None if found is None else found(state, node, path, task)._replace(paths=(path,))


def _running(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    attempt = {"kind": "attempt", "attempt": task.attempt, "timeout": node.timeout}
    if task.reason == "total-timeout" or winding(state, path):
        return Cause(
            "attempt-not-stopping",
            path,
            f"Attempt {task.attempt} has been told to stop; it is abandoned if it does not answer.",
            attempt,
            task.begun_at,
            help=(command("logs", state.execution_id, "--task", path),),
        )
    until = None if node.timeout is None or task.begun_at is None else task.begun_at + node.timeout
    return Cause(
        "attempt-running",
        path,
        f"Attempt {_of_most(node, task)} is at work.",
        attempt | {"heartbeat_timeout": node.heartbeat_timeout},
        task.begun_at,
        until,
        (command("logs", state.execution_id, "--task", path, "--follow"),),
    )


def _of_most(node: TaskNode, task: TaskState) -> str:
    most = 1 + (node.retry.max_retries if node.retry else 0)
    return f"{task.attempt} of {most}" if most > 1 else f"{task.attempt}"


def _ready(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    if task.child is not None and task.reason == "total-timeout" and task.error is None:
        return _child(state, node, path, task)
    return Cause("about-to-go-on", path, "Its next step is being taken.", {"kind": "engine"}, task.begun_at)


def _backoff(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    error = task.error
    code, message = ("", "") if error is None else (error.code, error.message)
    blocking: dict[str, Any] = {
        "kind": "retry",
        "attempt": task.attempt,
        "max_attempts": 1 + (node.retry.max_retries if node.retry else 0),
        "error": {"code": code, "message": message},
    }
    now = command("resolve", state.execution_id, path, "--retry")
    if code == "circuit-open":
        origin = _origin(error)
        text = f"{origin or 'The host'} has failed repeatedly and is left alone for a while."
        blocking = {**blocking, "kind": "circuit", "host": origin}
        return Cause("circuit-open", path, text, blocking, task.begun_at, task.due, (now,))
    text = f"Attempt {_of_most(node, task)} failed ({code or 'no error recorded'}: {_line(message)})."
    return Cause("retry-backoff", path, text, blocking, task.begun_at, task.due, (now,))


def _origin(error: ErrorInfo | None) -> str | None:
    details = error.details if error is not None else None
    return details.get("origin") if isinstance(details, Mapping) else None


def _line(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= 120 else first[:119] + "…"


def _timer(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    skip = _skip(state, path)
    timer = {"kind": "timer", "due": _time(task.due)}
    return Cause(
        "timer-running", path, "A `wait` that is not over yet.", timer, task.begun_at, task.due, skip
    )


def _skip(state: ExecutionState, path: str) -> tuple[str, ...]:
    """Return how a task is gone on without; an undo that is at work cannot be."""
    return () if undone_by(path) is not None else (command("resolve", state.execution_id, path, "--skip"),)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)


def _deferred(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    text = f"Attempt {task.attempt} goes on elsewhere, and somebody has to complete it with its token."
    attempt = {"kind": "attempt", "attempt": task.attempt, "timeout": node.timeout}
    skip = _skip(state, path)
    return Cause("attempt-deferred", path, text, attempt, task.begun_at, task.due, skip)


def _event(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    waiter = state.inbox.waiting.get(path) or Waiter((), "any", task.begun_at or 0.0)
    wants = [_want(want) for want in waiter.wants]
    joint = " and " if waiter.mode == "all" else " or "
    text = f"No message {joint.join(map(_named, waiter.wants))} has come."
    near = _near(state.inbox, waiter)
    if near:
        text += f" One of that name has, with another correlation: {near[0]['correlation']!r}."
    blocking = {"kind": "message", "messages": wants, "mode": waiter.mode, "near": near}
    until = None if task.total_deadline is None else task.total_deadline
    return Cause("event-awaited", path, text, blocking, waiter.since, until, _signals(state, waiter))


def _want(want: Want) -> dict[str, Any]:
    return {"name": want.name, "correlation": None if want.key is None else from_json(want.key)}


def _named(want: Want) -> str:
    return repr(want.name) + ("" if want.key is None else f" with correlation {want.key}")


def _near(inbox: Inbox, waiter: Waiter) -> list[dict[str, Any]]:
    """Return messages that would have been taken but for their correlation."""
    names = {want.name for want in waiter.wants if want.key is not None}
    fits = (one for one in inbox.kept if one.name in names and not any(w.fits(one) for w in waiter.wants))
    found = [
        {"id": one.id, "name": one.name, "correlation": one.correlation, "at": _time(one.at)} for one in fits
    ]
    return found[:FEW]


def _signals(state: ExecutionState, waiter: Waiter) -> tuple[str, ...]:
    wants = waiter.wants if waiter.mode == "all" else waiter.wants[:1]
    return tuple(
        command(
            "signal",
            state.execution_id,
            one.name,
            *(("--correlation", one.key) if one.key is not None else ()),
        )
        for one in wants
    )


def _approval(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    approval = state.inbox.approvals.get(path) or Approval("")
    who = " or ".join(approval.people) or "anybody"
    blocking = {
        "kind": "approval",
        "title": approval.title,
        "assignees": list(approval.people),
        "escalate_to": list(approval.escalate_to),
        "escalates_at": _time(task.due) if approval.escalate_to else None,
        "deadline": _time(approval.deadline),
        "on_deadline": approval.on_deadline,
    }
    by = ("--as", approval.people[0]) if approval.people else ()
    approve = command("approve", state.execution_id, path, *by)
    text = f"Waits for {who} to decide: {_line(approval.title)}"
    return Cause("approval-open", path, text, blocking, task.begun_at, approval.deadline, (approve,))


def _child(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    ending = task.reason != CHILD
    what = "is to end early and has not yet" if ending else "has not ended"
    blocking = {"kind": "execution", "id": task.child, "ending": ending}
    explain = command("explain", task.child or "")
    text = f"Execution {task.child}, which it started, {what}."
    return Cause("child-open", path, text, blocking, task.begun_at, None, (explain,))


def _attention(state: ExecutionState, node: TaskNode, path: str, task: TaskState) -> Cause:
    error, code = task.error, f"attention-{task.reason}"
    blocking: dict[str, Any] = {"kind": "decision", "reason": task.reason, "attempt": task.attempt}
    if error is not None:
        blocking["error"] = {"code": error.code, "message": error.message}
    said = "" if error is None else f" ({error.code}: {_line(error.message)})"
    text = _DECISIONS.get(task.reason or "", "A person must decide about it") + said + "."
    if undone_by(path) is not None:
        code = "undo-failed"
        ways: tuple[str, ...] = ("--retry", "--done", "--skip")
    else:
        ways = ("--retry", "--skip", "--fail") if node.item is None else ("--skip", "--fail")
    if error is not None and error.code == "secret-missing":
        code = "secret-missing"
    help = tuple(command("resolve", state.execution_id, path, way) for way in ways)
    return Cause(code, path, text, blocking, task.begun_at, None, help)


_DECISIONS = {
    "lost": "The process that ran it is gone, and it may not be run twice without a person's word",
    "lost-repeatedly": "The processes that ran it died again and again",
    "failed": "It has failed, and its policy is to hold",
    "undo-failed": "What undoes it has failed",
}
_BLOCKED: Mapping[str, Of] = {
    "timer": _timer,
    "deferred": _deferred,
    "event": _event,
    "approval": _approval,
    CHILD: _child,
    CHILD_CANCELLING: _child,
    LIMIT: limited,
}
_BY_STATUS: Mapping[TaskStatus, Of] = {
    TaskStatus.READY: _ready,
    TaskStatus.RUNNING: _running,
    TaskStatus.BACKOFF: _backoff,
    TaskStatus.ATTENTION: _attention,
}


def question(state: ExecutionState, asked: Question) -> Cause:
    """Return the cause that a question which takes its time is open."""
    what = _QUESTIONS.get(asked.place, "which way it goes")
    text = f"{what[0].upper()}{what[1:]} is being evaluated, over large values."
    blocking = {"kind": "question", "place": asked.place, "path": asked.path or None}
    return Cause("question-open", asked.path, text, blocking, paths=(asked.path,))
