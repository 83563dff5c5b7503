"""What is recorded of undoing: compensations that have ended, and some that are cut in their middle."""

from typing import Any

from playing import Step
from scenarios_base import FINISH, PERSON, RECOVER, RETRY, Life, Scenario, killed, task

COMPENSATE = {"on_failure": "compensate"}
BY_HAND: Step = {"do": "resolve", "path": "b~undo", "how": "done", "comment": "by phone", "actor": PERSON}
SKIP: Step = {"do": "resolve", "path": "b~undo", "how": "skip", "actor": PERSON}
SKIP_A: Step = {"do": "resolve", "path": "a", "how": "skip", "actor": PERSON}
LATE: Step = {"do": "complete", "path": "a", "output": {"n": 1}}
GIVE_UP: Step = {"do": "resolve", "path": "stuck", "how": "fail", "comment": "no use", "actor": PERSON}
UNDO: Step = {"do": "undo", "reason": "wrong order", "actor": PERSON}


def undone(step: dict[str, Any], type: str = "add", **input: Any) -> dict[str, Any]:
    """Return a task with what undoes it."""
    return {
        **step,
        "compensate": {"type": type, "input": input or {"n": "${output.n}"}, "retry_policy": RETRY},
    }


A, B = undone(task("add", n=1)), undone(task("add", "a", n=2), "broken")
EACH = {"type": "map", "input": {"items": [7, 8]}, "depends_on": ["a"],
        "task": undone(task("add", n="${item}"), "flaky", fails="${index}")}  # fmt: skip
BLOCK = {"type": "group", "depends_on": ["each"], "on_failure": "compensate",
         "tasks": {"in": undone(task("add", n=5)), "out": task("broken", "in")},
         "catch": [{"task": task("noop", why="${error.code}")}]}  # fmt: skip

ENDED_UNDOS = (
    Scenario(
        "compensated", "Compensated: a block that fails and is caught, then all; an undo is retried.",
        {"a": A, "each": EACH, "block": BLOCK, "last": task("broken", "block")}, more=COMPENSATE,
    ),
    Scenario(
        "undone-by-hand", "Compensated: an undo failed for good, and a person did it.",
        {"a": A, "b": B, "last": task("broken", "b")},
        (Life(steps=(FINISH, BY_HAND, FINISH)),), more=COMPENSATE,
    ),
)  # fmt: skip

OPEN_UNDOS = (
    Scenario(
        "undo-late", "An attempt that somebody had skipped has succeeded all the same; it can be undone.",
        {"a": undone(task("later"), "add", n=1), "held": task("hold"), "last": task("broken", "held")},
        (killed("UndoRecorded", "a", 1, {"do": "see", "type": "TaskDeferred"}, SKIP_A, LATE),), RECOVER,
        more=COMPENSATE,
    ),
    Scenario(
        "undo-middle", "Compensating: one undo has ended, the attempt of the next is in flight.",
        {"a": undone(task("add", n=1), "hold", value="${output.n}"), "b": undone(task("add", "a", n=2)),
         "last": task("broken", "b")},
        (killed("TaskScheduled", "a~undo"),), RECOVER, more=COMPENSATE,
    ),
    Scenario(
        "undo-backoff", "Items of a map are being undone; one has ended, the other waits for another try.",
        {"a": A, "each": EACH, "last": task("broken", "each")},
        (killed("RetryScheduled", "each[1]~undo"),), RECOVER, more=COMPENSATE,
    ),
    Scenario(
        "undo-attention", "An undo has failed for good; a person must decide, the rest waits.",
        {"a": A, "b": B, "last": task("broken", "b")}, (Life(),), (SKIP, *RECOVER), more=COMPENSATE,
    ),
    Scenario(
        "undo-wanted", "Somebody wants everything undone; an attempt has not ended yet.",
        {"a": A, "held": task("hold", "a")},
        (killed("CancelRequested", "", 1, {"do": "see", "type": "UndoRecorded"}, UNDO),), RECOVER,
    ),
    Scenario(
        "held-failure", "A task that fails waits for a person instead.",
        {"stuck": task("broken"), "next": task("noop", "stuck")}, (Life(),), (GIVE_UP, *RECOVER),
        more={"on_failure": "hold"},
    ),
)  # fmt: skip
