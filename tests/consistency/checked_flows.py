"""The workflows that clients start, and the task that all of them are made of: it notes what it does."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from harmonia_core import TaskContext, TaskType, task_type

LIMITS = {"gpu": 2, "disk": 1}
SECRET = "HARMONIA_SECRET_WORD", "open-sesame"
"""What a task of these workflows is handed, and says."""

Note = Callable[..., None]


def effect_type(engine: str, note: Note, pace: Callable[[], Awaitable[None]]) -> TaskType:
    """Return the task type for one engine. note: writes down; pace: awaited in the middle of an attempt."""

    @task_type("effect")
    async def effect(ctx: TaskContext, input: dict[str, Any]) -> Any:
        """Note the beginning and the end of the attempt, and return the input; fail first if told to."""
        name = {"engine": engine, "execution": ctx.execution, "path": ctx.path, "attempt": ctx.attempt}
        note("begin", **name, units=input.get("units", {}))
        try:
            await pace()
        finally:
            note("end", **name)
        if ctx.attempt <= input.get("fails", 0):
            raise RuntimeError("as told")
        return input

    return effect


def effect(*depends_on: str, input: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    after = {"depends_on": list(depends_on)} if depends_on else {}
    return {"type": "effect", "input": dict(input or {}), **after, **more}


def under(limits: Mapping[str, int], **more: Any) -> dict[str, Any]:
    return effect(input={"units": dict(limits)}, limits=dict(limits), **more)


AGAIN = {"retry_policy": {"max_retries": 3, "initial_delay": 0.2, "jitter": 0}}
INNER = {"name": "inner", "tasks": {"a": effect(), "b": effect("a", input={"fails": 1}, **AGAIN)}}
UNDONE = {"compensate": effect()}


def flow(name: str, tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    return {"name": name, "tasks": tasks, "input_schema": schema, **more}


FLOWS: dict[str, dict[str, Any]] = {
    one["name"]: one
    for one in (
        flow(
            "plain",
            {
                "a": effect(),
                "b": effect("a", input={"fails": 1}, **AGAIN),
                "off": effect("a", when="${input.n < 0}"),
                "c": effect("b", "off"),
            },
            output="${input.n}",
        ),
        flow(
            "limited",
            {
                "m": {"type": "map", "input": {"range": {"stop": 3}}, "task": under({"gpu": 1})},
                "both": {**under({"gpu": 1, "disk": 1}), "depends_on": ["m"]},
            },
        ),
        flow(
            "mail",
            {
                "a": effect(),
                "one": {"type": "event", "input": {"name": "mail"}, "depends_on": ["a"]},
                "b": effect("one"),
                "two": {"type": "event", "input": {"name": "mail"}, "depends_on": ["b"]},
            },
            output="${tasks.two.output.id}",
        ),
        flow("asking", {"ask": {"type": "approval", "input": {"title": "Go on?"}}, "a": effect("ask")}),
        flow(
            "timed",
            {
                "short": {"type": "wait", "input": {"duration": 3}},
                "long": {"type": "wait", "input": {"duration": 7}},
                "a": effect("short", "long"),
            },
        ),
        flow("family", {"child": {"type": "subworkflow", "workflow": INNER}, "a": effect("child")}),
        flow(
            "undoing",
            {
                "a": effect(**UNDONE),
                "b": effect("a", **UNDONE),
                "c": effect("b", input={"fails": 9}),
            },
            on_failure="compensate",
        ),
        flow(
            "folding",
            {
                "m": {
                    "type": "map",
                    "input": {"range": {"stop": 3}},
                    "task": effect(input={"n": "${item}"}),
                    "reduce": {"initial": 0, "value": "result + output.n"},
                },
                "tell": effect("m", input={"word": "${secrets.word}"}),
            },
            output="${tasks.m.output}",
        ),
    )
}
