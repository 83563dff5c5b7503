"""What is recorded of long executions: one that goes on elsewhere, and one that goes on from a state."""

from scenarios_base import RECOVER, Scenario, killed, task

LOOP = {
    "type": "loop", "times": 4, "total_timeout": 900, "steps": {
        "a": task("noop", i="${index}"),
        "held": {"type": "hold", "input": {"value": "${vars.sum}", "hold": "${index > 1}"}},
        "add": task("set", sum="${vars.sum + tasks.a.output.i}"),
    },
}  # fmt: skip
BEFORE = {
    "each": task("map", items=[1, 2], task=task("add", n="${item}")),
    "loop": {**LOOP, "depends_on": ["each"]},
}
MORE = {
    "vars": {"sum": 0},
    "timeout": 3600,
    "output": {"sum": "${vars.sum}", "last": "${tasks.loop.status}"},
}
ROLLING = {"roll_over_after": 20}

CHAINS = (
    Scenario(
        "rolled-over", "Continued: a loop whose log was long enough; its successor has not begun.",
        BEFORE, (killed("ExecutionRolledOver"),), more=MORE, settings=ROLLING,
    ),
    Scenario(
        "goes-on", "A loop in its third round, which goes on from another's state; an attempt in flight.",
        BEFORE, (killed("TaskScheduled", "loop[2]/body/held"),), RECOVER, more=MORE, settings=ROLLING,
        chain=True,
    ),
)  # fmt: skip
