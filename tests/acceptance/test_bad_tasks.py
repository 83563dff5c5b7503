"""Tasks of every bad manner in a real engine process: each fails with a typed error, the rest goes on."""

from typing import Any

import pytest
from programs import Place, task

# Function, mode, what else it needs, and the error's code and category.
BAD: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("return_object", "thread", {}, "output-not-json", "validation"),
    ("return_object", "process", {}, "output-not-json", "validation"),
    ("return_nan", "thread", {}, "output-not-json", "validation"),
    ("return_cycle", "thread", {}, "output-not-json", "validation"),
    ("return_surrogate", "thread", {}, "output-not-json", "validation"),
    ("return_deep", "thread", {}, "output-not-json", "validation"),
    ("return_much", "thread", {}, "output-too-large", "validation"),
    ("return_much", "process", {}, "output-too-large", "validation"),
    ("exit", "thread", {}, "unhandled", "task"),
    ("exit", "process", {}, "unhandled", "task"),
    ("exit_async", "thread", {}, "unhandled", "task"),
    ("raise_group", "thread", {}, "unhandled", "task"),
    ("raise_group_async", "thread", {}, "unhandled", "task"),
    ("raise_unpicklable", "thread", {}, "unhandled", "task"),
    ("raise_unpicklable", "process", {}, "unhandled", "task"),
    ("raise_unprintable", "thread", {}, "unhandled", "task"),
    ("raise_interrupt", "thread", {}, "unhandled", "task"),
    ("raise_interrupt", "process", {}, "unhandled", "task"),
    ("raise_interrupt_async", "thread", {}, "unhandled", "task"),
    ("raise_stop", "thread", {}, "unhandled", "task"),
    ("raise_stop_async", "thread", {}, "unhandled", "task"),
    ("cancel_itself", "thread", {}, "unhandled", "task"),
    ("generator_exit_async", "thread", {}, "unhandled", "task"),
    ("print_for_ever", "thread", {}, "output-too-large", "task"),
    ("print_for_ever", "process", {}, "output-too-large", "validation"),
    ("recurse", "thread", {}, "unhandled", "task"),
    ("leave", "process", {}, "process-died", "infrastructure"),
    ("crash", "process", {}, "process-died", "infrastructure"),
    ("swallow", "thread", {"timeout": 0.3}, "attempt-timeout", "timeout"),
    ("deaf", "thread", {"timeout": 0.3}, "attempt-timeout", "timeout"),
    ("deaf", "process", {"timeout": 2}, "attempt-timeout", "timeout"),
    ("break_streams", "process", {}, "process-died", "infrastructure"),
]


def name_of(function: str, mode: str) -> str:
    return f"{function}_{mode}"


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all of them in one execution of one process, good tasks between them; return what is shown."""
    place = Place(tmp_path_factory.mktemp("bad"))
    place.environment["HARMONIA_CANCEL_GRACE"] = "0.5"
    tasks: dict[str, Any] = {}
    for number, (function, mode, more, _, _) in enumerate(BAD):
        tasks[name_of(function, mode)] = task(function, mode=mode, **more)
        tasks[f"good_{number}"] = task("mark", args={"value": number})
    tasks["after"] = task("mark", [name_of(*bad[:2]) for bad in BAD], join={"count": "all", "done": "end"})
    program = place.call("run", place.define(tasks), "--json", seconds=60)
    view = place.show(place.execution())
    place.end()
    return {"program": program, "view": view, "tasks": {one["path"]: one for one in view["tasks"]}}


@pytest.mark.parametrize(("function", "mode", "more", "code", "category"), BAD, ids=lambda value: str(value))
def test_a_bad_task_fails_with_a_typed_error(
    ended: dict[str, Any], function: str, mode: str, more: Any, code: str, category: str
) -> None:
    found = ended["tasks"][name_of(function, mode)]
    assert (found["status"], found["error"]["code"], found["error"]["category"]) == ("failed", code, category)
    assert found["error"]["message"]


def test_the_engine_lives_and_all_others_succeed(ended: dict[str, Any]) -> None:
    program, view = ended["program"], ended["view"]
    assert program.process.returncode == 1, program.stderr
    good = {path: one["status"] for path, one in ended["tasks"].items() if path.startswith("good")}
    assert set(good.values()) == {"succeeded"} and len(good) == len(BAD)
    assert ended["tasks"]["after"]["status"] == "succeeded"
    assert (view["status"], view["owner"]) == ("failed", None)
    assert len(view["failed_tasks"]) == len(BAD)
    assert "bug in Harmonia" not in program.stderr


def test_what_was_said_is_capped(ended: dict[str, Any]) -> None:
    program = ended["program"]
    assert program.out.stat().st_size < 1_000_000
    assert program.err.stat().st_size < 1_000_000
