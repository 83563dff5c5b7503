"""Histories of parents: tasks that are executions of their own, as the log that starts them has it."""

from scenarios_base import FINISH, PERSON, RECOVER, Life, Scenario, killed, task

QUICK = {"tasks": {"n": task("noop", i="${input.i}")}, "output": "${tasks.n.output.i}"}
ITEM = {"i": "${item}"}
SLOW = {"tasks": {"w": task("wait", duration=3600)}}
FAILING = {"name": "failing", "tasks": {"f": task("broken")}}


def sub(workflow: object, **more: object) -> dict[str, object]:
    """Return a task that is an execution of its own."""
    return {"type": "subworkflow", "workflow": workflow, **more}


ENDED_CHILDREN = (
    Scenario(
        "children", "Completed: a child, one that nobody waits for, one for each item, one that failed.",
        {
            "one": sub(QUICK, input={"i": 1}),
            "away": sub(QUICK, detach=True, depends_on=["one"], input={"i": 2}),
            "each": {"type": "map", "input": {"range": {"stop": 2}}, "task": sub(QUICK, input=ITEM)},
            "tried": sub(FAILING, catch=[{"task": task("noop", code="${error.code}")}]),
        },
        more={"output": ["${tasks.one.output}", "${tasks.each.output}", "${tasks.tried.output.code}"]},
    ),
    Scenario(
        "child-cancelled", "Cancelled by a person, the child first.", {"one": sub(SLOW)},
        (Life(steps=({"do": "see", "type": "ChildRequested"},
                     {"do": "cancel", "reason": "enough", "actor": PERSON}, FINISH)),),
    ),
)  # fmt: skip

OPEN_CHILDREN = (
    Scenario(
        "child-left", "A child is asked for, and abandoned once the time of its task is over.",
        {"one": sub(SLOW, total_timeout=5, on_cancel="abandon")},
        (killed("ChildRequested", "one"),), RECOVER,
    ),
    Scenario(
        "child-detached", "A child that nobody waits for is asked for; the task behind it is in flight.",
        {"one": sub(QUICK, detach=True, input={"i": 1}), "held": task("hold", "one", value=3)},
        (killed("TaskScheduled", "held"),), RECOVER, None, {"output": "${tasks.held.output}"},
    ),
)  # fmt: skip
