"""Bring messages and decisions to executions; the part of an engine that people and services speak to."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from harmonia_core.contracts.rows import RequestRow
from harmonia_core.engine.approvals import may_decide, open_approval
from harmonia_core.engine.id_maker import IdMaker
from harmonia_core.engine.listening import Listening
from harmonia_core.engine.post import PostOffice
from harmonia_core.engine.postings import Post, posted
from harmonia_core.engine.walks import node_of
from harmonia_core.errors import Problem
from harmonia_core.expressions.schema import check_value
from harmonia_core.model.events import ApprovalDecided, ApprovalDelegated, DecisionRefused
from harmonia_core.model.inbox import Approval
from harmonia_core.model.message_errors import (
    AlreadyDecided,
    ApprovalNotOpen,
    DecisionInvalid,
    MessageInvalid,
    NotAnAssignee,
)
from harmonia_core.model.message_inputs import DAY, MAX_MESSAGE, EmitInput
from harmonia_core.model.refs import BlobRef
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import FINAL_TASK

Actor = Mapping[str, str]


class Messaging(Listening):
    """Take messages and decisions."""

    _new_id: IdMaker
    _office: PostOffice

    async def signal(
        self,
        execution_id: str,
        name: str,
        data: Any = None,
        *,
        correlation: Any = None,
        message_id: str | None = None,
        ttl: float | str | None = None,
        actor: Actor | None = None,
    ) -> str:
        """Send a message to an execution and return its id once it is durable; waiting for it may come later.

        message_id: two messages of the same id count once. ttl: how long it is kept, without it as long as
        the execution lives. Raises MessageInvalid, ExecutionNotFound, ExecutionFinished.
        """
        post = self._post(name, data, correlation, message_id, ttl, actor)
        row = await self._head(execution_id)
        await self._requests.put(posted(post, execution_id, row.namespace, self._clock.now()))
        return post.id

    async def publish(
        self,
        name: str,
        data: Any = None,
        *,
        correlation: Any = None,
        message_id: str | None = None,
        ttl: float | str | None = None,
        namespace: str = "default",
        actor: Actor | None = None,
    ) -> str:
        """Publish a message for exactly one execution that waits for it, now or later; return its id.

        message_id: two messages of the same id count once. ttl: how long it is kept, a day without it.
        Raises MessageInvalid.
        """
        post = self._post(name, data, correlation, message_id, ttl or DAY, actor)
        await self._office.publish(namespace, post, self._new_id())
        return post.id

    def _post(
        self,
        name: str,
        data: Any,
        correlation: Any,
        message_id: str | None,
        ttl: float | str | None,
        actor: Actor | None,
    ) -> Post:
        given = {"name": name, "data": data, "correlation": correlation, "id": message_id, "ttl": ttl}
        try:
            wish = EmitInput.model_validate(given)
        except ValidationError as error:
            raise MessageInvalid(_problems(error)) from None
        expires = None if wish.ttl is None else self._clock.now() + wish.ttl
        return Post(wish.id or self._new_id(), wish.name, wish.correlation, wish.data, expires, actor)

    async def decide(
        self,
        execution_id: str,
        path: str,
        decision: Literal["approved", "rejected"],
        data: Any = None,
        *,
        comment: str | None = None,
        actor: Actor | None = None,
    ) -> None:
        """Decide on an approval; return once that is recorded.

        The actor's id is who decides. Raises ApprovalNotOpen, AlreadyDecided, NotAnAssignee,
        DecisionInvalid, ExecutionNotFound, ExecutionFinished, RequestNotConsumed.
        """
        if decision not in ("approved", "rejected"):
            raise ValueError(f"{decision!r} is no decision; it is 'approved' or 'rejected'")
        task = await self._answerable(execution_id, path, actor)
        await self._check(execution_id, task, data, comment)
        body = {"path": path, "decision": decision, "data": data, "comment": comment, "by": _id(actor)}
        await self._carry_out(self._requests.row(execution_id, "decide", body, actor, self._new_id()), path)

    async def delegate(self, execution_id: str, path: str, to: str, *, actor: Actor | None = None) -> None:
        """Let somebody else decide on an approval as well; return once that is recorded.

        Raises what `decide` does.
        """
        await self._answerable(execution_id, path, actor)
        body = {"path": path, "to": to, "by": _id(actor)}
        await self._carry_out(self._requests.row(execution_id, "delegate", body, actor, self._new_id()), path)

    async def _answerable(self, execution_id: str, path: str, actor: Actor | None) -> TaskState:
        """Return the task of an approval that the actor may decide on."""
        row = await self._requests.open_head(execution_id)
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        found = open_approval(state, path)
        if found is None:
            raise _not_open(state, path)
        self._require(found[0], path, actor)
        return found[1]

    def _require(self, approval: Approval, path: str, actor: Actor | None) -> None:
        if not may_decide(approval, _id(actor)):
            raise NotAnAssignee(path, _id(actor), approval.people)

    async def _check(self, execution_id: str, task: TaskState, data: Any, comment: str | None) -> None:
        """Compare the data with the form that the approval asks to be filled in."""
        given = task.input
        if isinstance(given, BlobRef):
            row = await self._head(execution_id)
            state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
            given = await self._loader.value(state, row.namespace, given)
        form = given.get("form") if isinstance(given, dict) else None
        problems = [] if form is None else check_value(form, data, "data", "data-invalid")
        try:
            EmitInput.model_validate({"name": "decision", "data": [data, comment]})
        except ValidationError:
            message = f"data and comment together have more than {MAX_MESSAGE // 1024} KiB"
            problems = [*problems, Problem("value-too-large", "data", message)]
        if problems:
            raise DecisionInvalid(problems)

    async def _carry_out(self, request: RequestRow, path: str) -> None:
        """Bring a request to its execution, and wait until it counts."""
        row = await self._head(request.execution_id)
        await self._requests.put(request)
        await self._requests.consumed(request)
        for recorded in await self._loader.events(request.execution_id, row.seq):
            if recorded.causation != request.request_id:
                continue
            if isinstance(recorded.event, ApprovalDecided | ApprovalDelegated):
                return
            if isinstance(recorded.event, DecisionRefused) and recorded.event.reason == "not-an-assignee":
                raise NotAnAssignee(path, recorded.event.by, ())
        raise AlreadyDecided(request.execution_id, path)


def _not_open(state: ExecutionState, path: str) -> AlreadyDecided | ApprovalNotOpen:
    try:
        task = state.task(path)
    except ValueError:  # brackets with no number between them
        task = None
    over = task is not None and task.status in FINAL_TASK and _is_approval(state, path)
    if over:
        return AlreadyDecided(state.execution_id, path)
    return ApprovalNotOpen(state.execution_id, path, sorted(state.inbox.approvals))


def _is_approval(state: ExecutionState, path: str) -> bool:
    return node_of(state.graph, path).type == "approval"


def _id(actor: Actor | None) -> str | None:
    return None if actor is None else actor.get("id")


def _problems(error: ValidationError) -> list[Problem]:
    return [
        Problem("value-wrong", ".".join(str(step) for step in fault["loc"]), fault["msg"])
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
