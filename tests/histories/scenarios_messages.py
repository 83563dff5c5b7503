"""What is recorded of messages and approvals: what was taken, kept, refused, and what still waits."""

from typing import Any

from playing import Step
from scenarios_base import FINISH, RECOVER, Life, Scenario, killed, task

ANN, BOB = {"kind": "person", "id": "ann"}, {"kind": "person", "id": "bob"}
PAID = {"name": "paid", "correlation": 17}


def message(id: str, name: str, **more: Any) -> Step:
    """Return the step that sends a message."""
    return {"do": "put", "kind": "message", "id": f"message-{id}", "body": {"id": id, "name": name, **more}}


def asked(kind: str, id: str, actor: dict[str, str], **body: Any) -> Step:
    """Return the step that asks for a decision or a delegation on `ok`."""
    by = actor["id"]
    return {"do": "put", "kind": kind, "id": id, "actor": actor, "body": {"path": "ok", "by": by, **body}}


APPROVED = asked("decide", "yes", BOB, decision="approved", data={"n": 1}, comment="fine")
PAY: Step = message("2", "paid", correlation=17, data={"amount": 5})
QUESTION = {"title": "Pay?", "assignees": ["ann"]}
SEEN: Step = {"do": "see", "type": "MessageAwaited"}
ASKED: Step = {"do": "see", "type": "ApprovalRequested"}

ENDED_MESSAGES = (
    Scenario(
        "messages", "Completed: messages taken, kept, repeated, refused; one sent to itself, one published.",
        {
            "pay": task("event", **PAID),
            "send": task("emit", "pay", name="mine", to="${context.execution}", data=[1]),
            "publish": task("emit", "send", name="for-all", ttl=60),
            "both": task("event", "publish", all=[{"name": "mine"}, {"name": "other"}]),
        },
        (Life(None, (
            SEEN, message("1", "other"), message("1", "other"),
            message("0", "other", expires=5.0), PAY, FINISH,
        )),),
        more={"output": "${tasks.both.output[0].data}"},
    ),
    Scenario(
        "approvals", "Failed: a decision is delegated, taken, asked for again; another one is overdue.",
        {
            "ok": task("approval", **QUESTION),
            "end": task("approval", "ok", title="Really?", deadline=60, assignees=["eve"],
                        escalation={"after": 10, "to": ["ann"]}),
        },
        (Life(None, (
            ASKED, asked("decide", "no", BOB, decision="rejected"), asked("delegate", "to", ANN, to="bob"),
            APPROVED, asked("decide", "late", ANN, decision="rejected"), FINISH,
        )),),
    ),
)  # fmt: skip

OPEN_MESSAGES = (
    Scenario(
        "message-awaited", "A task waits for a message; another one is kept that nobody waits for yet.",
        {
            "pay": task("event", **PAID),
            "other": task("event", "pay", any=[{"name": "no"}, {"name": "other"}]),
        },
        (killed("MessageReceived", "", 1, SEEN, message("1", "other", data="kept"), FINISH),),
        (PAY, *RECOVER), None, {"output": ["${tasks.pay.output.data}", "${tasks.other.output.data}"]},
    ),
    Scenario(
        "approval-open", "An approval has escalated and been delegated, and still waits.",
        {"ok": task("approval", **QUESTION, escalation={"after": 5, "to": ["eve"]}, deadline=3600)},
        (killed("ApprovalDelegated", "ok", 1, ASKED, {"do": "pass", "seconds": 6.0},
                {"do": "see", "type": "ApprovalEscalated"}, asked("delegate", "to", ANN, to="bob"), FINISH),),
        (APPROVED, *RECOVER), None, {"output": "${tasks.ok.output.by}"},
    ),
)  # fmt: skip
