"""What is recorded under limits: tasks and executions that wait for their turn, and come to it."""

from typing import Any

from playing import Step
from scenarios_base import FINISH, RETRY, Scenario, killed, task


def limited(type: str, *after: str, limits: Any = "gpu", **more: Any) -> dict[str, Any]:
    """Return a task that needs a resource."""
    return {**task(type, *after, **more), "limits": limits}


def limit(kind: str, name: str, most: int) -> Step:
    """Return the step that sets a limit."""
    return {"do": "limit", "kind": kind, "name": name, "max": most}


ENDED_LIMITS = (
    Scenario(
        "limits", "Completed: under a limit of executions and one of a resource; an attempt is repeated.",
        {
            "a": limited("add", limits={"gpu": 2}, n=1),
            "b": limited("flaky", fails=1, retry_policy=RETRY),
            "c": limited("add", "a", n="${tasks.a.output.n}"),
        },
        more={"concurrency": {"max": 1, "key": "${input.who}"}},
        input={"who": "ada"},
        before=(limit("resource", "gpu", 2),),
    ),
    Scenario(
        "limit-unknown", "Failed: a task needs a resource that nobody has defined.",
        {"a": limited("add", n=1)},
    ),
)  # fmt: skip

OPEN_LIMITS = (
    Scenario(
        "limit-awaited", "A task waits for a resource of which there is none; another one has ended.",
        {"a": limited("add", "z", n=1), "z": task("add", n=2)},
        (killed("SlotsRequested", "a"),),
        ({"do": "recover"}, limit("resource", "gpu", 1), FINISH),
        before=(limit("resource", "gpu", 0),),
    ),
    Scenario(
        "limit-held", "A task holds a resource; its process is gone, and it holds it still.",
        {"a": limited("hold"), "b": limited("add", n=1)},
        (killed("TaskScheduled", "a"),),
        (limit("resource", "gpu", 1), {"do": "recover"}, FINISH),
        before=(limit("resource", "gpu", 1),),
    ),
    Scenario(
        "execution-queued", "An execution waits for its turn, with a deadline.",
        {"a": task("add", n=1)},
        (killed("SlotsRequested"),),
        ({"do": "recover"}, limit("workflow", "execution-queued", 1), FINISH),
        more={"timeout": 900},
        before=(limit("workflow", "execution-queued", 0),),
    ),
)  # fmt: skip
