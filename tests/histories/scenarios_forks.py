"""What is recorded of executions that begin from a state of another one."""

from scenarios_base import FINISH, PERSON, RECOVER, RETRY, Life, Scenario, killed, task

INSIDE = {
    "first": task("add", n="${input.n}"),
    "each": task("map", "first", items=[1, 2, 3, 4], max_concurrency=2, task={
        "type": "hold", "input": {"value": "${item}", "hold": "${index == 2}"}, "retry_policy": RETRY}),
    "both": {"type": "parallel", "depends_on": ["first"], "branches": {
        "left": {"tasks": {"a": task("add", n=1), "b": task("add", "a", n="${tasks.a.output.n}")}},
        "right": {"tasks": {"held": {"type": "hold", "input": {"value": "${vars.word}", "hold": True}}}},
    }},
    "sum": task("noop", "each", value="${tasks.each.output.map(n, n * 10)}"),
}  # fmt: skip
FORK = {"do": "fork", "labels": {"why": "test"}, "comment": "another way", "actor": PERSON}

FORKS = (
    Scenario(
        "forked", "A fork with items, branches and a variable of another execution; attempts in flight.",
        INSIDE,
        (killed("TaskScheduled", "each[3]"), killed("TaskScheduled", "each[2]", 1, FORK, FINISH)),
        RECOVER, {"n": 1}, {"output": "${tasks.sum.output}", "vars": {"word": "yes"}, "timeout": 900},
        labels={"team": "ä"}, fork=True,
    ),
    Scenario(
        "rerun", "Run again from what had failed, to its end.",
        {"a": task("add", n="${input.n}"), "b": task("flaky", "a", fails="${input.fails}", code="once"),
         "c": task("add", "a", n="${tasks.a.output.n}")},
        (Life(), Life(steps=({"do": "rerun", "input": {"n": 1, "fails": 0}}, FINISH))),
        (), {"n": 1, "fails": 9}, {"output": "${tasks.b.output}"}, fork=True,
    ),
)  # fmt: skip
