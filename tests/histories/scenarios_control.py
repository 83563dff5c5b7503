"""What is recorded of executions that people steer: paused, resumed, skipped in, ended at once."""

from typing import Any

from playing import Step
from scenarios_base import FINISH, PERSON, RETRY, Life, Scenario, killed, task
from scenarios_children import SLOW, sub

SET_UP: Step = {"do": "see", "type": "TimerSet"}


def ask(kind: str, **body: Any) -> Step:
    """Return the step with which a person asks for something."""
    return {"do": "put", "kind": kind, "body": body, "actor": PERSON, "id": f"a-{kind}"}


PAUSE = ask("pause", timers="hold", reason="the database moves")
ASIDE = (ask("set", path="", values={"limit": 20}), ask("priority", priority=-7))
GIVEN = ask("skip", path="late", output={"given": True}, comment="known already")
STOP = ask("terminate", reason="it hangs")
TIME: Step = {"do": "pass", "seconds": 5000.0}

ENDED_CONTROL = (
    Scenario(
        "paused", "Completed after a pause with held timers, changed variables and a skipped task.",
        {"wait": task("wait", duration=60), "late": task("wait", duration=3600),
         "sum": task("noop", "wait", "late", limit="${vars.limit}", late="${tasks.late.output}")},
        (Life(steps=(SET_UP, PAUSE, TIME, *ASIDE, GIVEN, ask("resume"), FINISH)),),
        more={"vars": {"limit": 10}, "priority": 5, "output": "${tasks.sum.output}"},
    ),
    Scenario(
        "terminated", "Terminated while a child and an attempt were at work.",
        {"one": sub(SLOW), "held": task("hold")},
        (Life(steps=({"do": "see", "type": "ChildRequested"}, STOP, FINISH)),),
    ),
)  # fmt: skip

OPEN_CONTROL = (
    Scenario(
        "paused-lost", "Paused with held timers; an attempt is in flight, another waits for its retry.",
        {"held": task("hold", value=3), "again": task("flaky", fails=1, retry_policy=RETRY),
         "one": sub(SLOW, total_timeout=90, on_cancel="abandon")},
        (killed("ChildControlRequested", "one", 1, {"do": "see", "type": "RetryScheduled"}, PAUSE, FINISH),),
        ({"do": "recover"}, ask("resume"), FINISH),
    ),
)  # fmt: skip
