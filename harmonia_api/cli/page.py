"""One execution as a page for people: its head, its tasks, their inputs, outputs and errors."""

import time
from collections.abc import Iterator
from typing import Any

from harmonia_api.cli.printing import NARROW, json_line, paint, print_table, terminal_width
from harmonia_api.cli.text import clean, counted, cut, duration
from harmonia_api.cli.waiting import of_view
from harmonia_api.cli.words import STYLES
from harmonia_core.host import FINAL_EXECUTION, parse_rfc3339

PLAIN_WIDTH = 160  # characters of a value where there is no terminal


def page(view: dict[str, Any], why: str | None = None) -> None:
    """Print an execution. why: it does not go on."""
    now = parse_rfc3339(view["at"]) if view.get("last_seq", view["seq"]) > view["seq"] else time.time()
    for name, text in _head(view, now):
        print(f"{name:<10} {text}")
    if why:
        print(f"{'why':<10} {why}")
    print()
    width = terminal_width() or PLAIN_WIDTH
    wide = width >= NARROW
    rows = [_task(task, width // 3, wide, now) for task in view["tasks"]]
    print_table(("TASK", *(("TYPE",) if wide else ()), "STATUS", "TRY", "TOOK", "NOTE"), rows, STYLES)
    for task in view["tasks"]:
        for line in _values(task):
            print(cut(line, width))


def _head(view: dict[str, Any], now: float) -> Iterator[tuple[str, str]]:
    workflow, owner, error = view["workflow"], view["owner"], view["error"]
    reason = f" ({clean(view['reason'])})" if view["reason"] else ""
    yield "execution", view["id"]
    if view.get("successor"):
        yield "goes on", f"in execution {view['successor']}"
    origin = view.get("origin") or {}
    if origin.get("kind") == "continued":
        yield "goes on", f"from execution {origin['execution']}; the first was {view['root_id']}"
    elif origin:
        took = f", undo of {counted(origin['adopted'], 'task')} taken over" if origin.get("adopted") else ""
        yield "origin", f"{origin['kind']} of execution {origin['execution']} at event {origin['seq']}{took}"
    if view.get("upgraded_to"):
        took = ", which can undo what this one did" if "adopted_by" in view.get("undo", ()) else ""
        yield "upgraded", f"to execution {view['upgraded_to']}{took}"
    yield "workflow", f"{workflow['name']} {workflow['version']}"
    yield "status", paint(view["status"], STYLES.get(view["status"], "")) + reason
    if view.get("parent_path") is not None:
        yield "parent", f"{view['parent_id']}, task {view['parent_path']}"
    yield "started", f"{view['started_at'] or 'not yet'}{_took(view, now, '  took ')}"
    if owner is not None and view["status"] not in FINAL_EXECUTION:
        way = "harmonia executions resume" if view["status"] == "paused" else "harmonia recover"
        yield "owner", f"engine {owner['engine']}, {'alive' if owner['alive'] else f'gone: {way}'}"
    if "paused" in view:
        how = "time stands still" if view["paused"]["timers"] == "hold" else "what is due acts at resume"
        yield "paused", f"since {view['paused']['since']}; {how}"
    if view.get("priority"):
        yield "priority", str(view["priority"])
    for name, text in view["labels"].items():
        yield "label", f"{name}={clean(text)}"
    width = terminal_width() or PLAIN_WIDTH
    yield "input", cut(clean(json_line(view["input"])), width - 11)
    if view["output"] is not None:
        yield "output", cut(clean(json_line(view["output"])), width - 11)
    if error:
        yield "error", clean(f"{error['code']}: {error['message']}")


def _task(task: dict[str, Any], names: int, wide: bool, now: float) -> tuple[str, ...]:
    attempts = f"{task['attempt']}/{task['max_attempts']}" if task["attempt"] else ""
    path = task["path"] if task["path"] == task["id"] else f"  {task['path']}"
    kind = (task["type"],) if wide else ()
    return cut(path, names), *kind, task["status"], attempts, _took(task, now), _note(task)


def _took(thing: dict[str, Any], now: float, before: str = "") -> str:
    if thing["started_at"] is None:
        return ""
    ended = parse_rfc3339(thing["ended_at"]) if thing["ended_at"] else now
    return before + duration(ended - parse_rfc3339(thing["started_at"]))


def _note(task: dict[str, Any]) -> str:
    if task["error"] and task["status"] != "succeeded":
        return clean(f"{task['error']['code']}: {task['error']['message']}")
    if "awaits" in task:
        until = f", until {task['next_at']}" if task["next_at"] else ""
        until += f", {duration(max(0.0, task['held_for']))} left, held" if "held_for" in task else ""
        return f"{of_view(task['awaits'])}{until}"
    if "held_for" in task:
        return f"{duration(max(0.0, task['held_for']))} left, held"
    if task["next_at"]:
        return f"until {task['next_at']}"
    items = task.get("items")
    if items:
        counts = (
            f"{items[name]} {name.replace('_', ' ')}"
            for name in ("succeeded", "failed", "in_flight")
            if items[name]
        )
        return f"{items['count']} items: {', '.join(counts) or 'none begun'}"
    if "child" in task:
        waits = " (is to end)" if task["reason"] == "child-cancelling" else ""
        return f"execution {task['child']}{waits}"
    return task["reason"] or ""


def _values(task: dict[str, Any]) -> Iterator[str]:
    given, output = task["input"], task["output"]
    if given is None and output is None and "child" not in task:
        return
    yield ""
    yield f"{task['path']}"
    if given is not None:
        yield f"  input   {clean(json_line(given))}"
    if output is not None:
        yield f"  output  {clean(json_line(output))}"
    if "child" in task:
        yield f"  child   {task['child']}"
