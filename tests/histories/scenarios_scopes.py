"""What is recorded of tasks inside tasks: scopes that have ended, and some that are cut in their middle."""

from playing import Step
from scenarios_base import PERSON, RECOVER, RETRY, Scenario, killed, task

BACK = {"to": "count", "when": "vars.left > 0"}
SAID = task("noop", said="${vars.problem.code}")
SIX_SECONDS: Step = {"do": "pass", "seconds": 6.0}
VALUE = {"type": "hold", "input": {"value": "${index}", "hold": "${index > 0}"}}

ENDED_SCOPES = (
    Scenario(
        "blocks", "Completed: branches, a decision, a jump back, an error that is caught, variables, a race.",
        {
            "both": {
                "type": "parallel",
                "branches": {
                    "left": {"task": task("add", n=1)},
                    "right": {"steps": {"a": task("noop", n=2), "b": task("add", n="${tasks.a.output.n}")}},
                },
            },
            "choose": {
                "type": "decision", "depends_on": ["both"],
                "cases": [
                    {"when": "tasks.both.output.left.n > 5", "task": task("broken")},
                    {"when": "tasks.both.output.right.n == 3", "task": task("noop", chosen=2)},
                ],
            },
            "rounds": {
                "type": "sequence", "depends_on": ["choose"], "vars": {"left": 2},
                "steps": {
                    "begin": task("noop", once=True),
                    "count": task("set", left="${vars.left - 1}"),
                    "look": {**task("noop", left="${vars.left}"), "next": BACK},
                },
                "output": {"rounds": "${index + 1}", "begun": "${tasks.begin.output.once}"},
            },
            "safe": {
                "type": "try",
                "steps": {"call": task("flaky", fails=9, code="no-answer")},
                "catch": [
                    {"errors": "timeout", "task": task("noop")},
                    {"errors": ["no-answer"], "as": "problem", "task": SAID},
                ],
                "finally": {"task": task("set", tidy=True)},
            },
            "first": {
                "type": "race",
                "branches": {"slow": {"task": task("wait", duration=9)}, "quick": {"task": task("add", n=6)}},
            },
        },
        more={
            "vars": {"tidy": False},
            "output": {
                "rounds": "${tasks.rounds.output}", "said": "${tasks.safe.output.said}",
                "tidy": "${vars.tidy}", "first": "${tasks.first.output.n}",
            },
        },
    ),
    Scenario(
        "too-many-rounds", "Failed: a loop that does not come to its end.",
        {"loop": {"type": "loop", "while": True, "max_iterations": 3, "task": task("noop", i="${index}")}},
    ),
)  # fmt: skip

OPEN_SCOPES = (
    Scenario(
        "loop-middle", "A loop in its second round, an attempt in flight in a step.",
        {"loop": {"type": "loop", "times": 3, "steps": {"a": task("noop", i="${index}"), "held": VALUE}}},
        (killed("TaskScheduled", "loop[1]/body/held"),), RECOVER, None, {"output": "${tasks.loop.output}"},
    ),
    Scenario(
        "race-won", "A race is won; what is interrupted in the other branch has not ended yet.",
        {"first": {"type": "race", "branches": {
            "held": {"tasks": {"deep": task("hold", value=1)}},
            "quick": {"task": task("wait", duration=5)},
        }}},
        (killed("ScopeStopped", "first", 1, {"do": "see", "type": "TimerSet"}, SIX_SECONDS),),
        RECOVER, None, {"output": "${tasks.first.status}"},
    ),
    Scenario(
        "block-backoff", "A block has failed and waits to begin anew.",
        {"safe": {"type": "try", "retry_policy": RETRY, "steps": {
            "look": task("noop", n=1), "call": task("flaky", fails="${tasks.look.output.n}")}}},
        (killed("RetryScheduled", "safe"),), RECOVER,
    ),
    Scenario(
        "items-inside", "Items of a map are graphs; their tasks have ended, are in flight, have not begun.",
        {"each": {
            "type": "map", "input": {"items": [3, 4, 5]}, "max_concurrency": 2,
            "task": {"type": "group", "tasks": {
                "one": task("add", n="${item}"),
                "two": {"type": "hold", "depends_on": ["one"], "input": {
                    "value": "${tasks.one.output.n}", "hold": "${index > 0}"}},
            }},
        }},
        (killed("TaskScheduled", "each[1]/two"),), RECOVER, None, {"output": "${tasks.each.output}"},
    ),
    Scenario(
        "error-handled", "An error was caught; the handler's attempt is in flight, then comes the last step.",
        {"safe": {"type": "try", "task": task("broken"),
                  "catch": [{"as": "why", "task": task("hold", value="${vars.why.code}")}],
                  "finally": {"task": task("noop")}}},
        (killed("TaskScheduled", "safe/catch_1"),), RECOVER, None, {"output": "${tasks.safe.output}"},
    ),
    Scenario(
        "cancelling-inside", "Cancelling was asked for; an attempt inside two composites has not ended yet.",
        {"outer": {"type": "group", "tasks": {"inner": {"type": "sequence", "steps": {
            "held": task("hold"), "next": task("noop")}}}}},
        (killed("CancelRequested", "", 1, {"do": "cancel", "reason": "enough", "actor": PERSON}),), RECOVER,
    ),
)  # fmt: skip
