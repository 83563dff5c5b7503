"""`harmonia executions state|checkpoint|checkpoints`."""

from collections.abc import Iterator
from typing import Any

from harmonia_api.cli.page import page
from harmonia_api.cli.printing import indented, json_line, print_json, print_table, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.session import actor
from harmonia_api.cli.text import clean, cut
from harmonia_api.cli.waiting import of_view
from harmonia_api.cli.writing import write_store
from harmonia_core import Problem
from harmonia_core.host import InputInvalid

View = dict[str, Any]


def show_state_at(execution_id: str, at: str | None, path: str | None, db: str | None, json: bool) -> int:
    """Print an execution, or one of its tasks, as it stood at a point."""
    view = read_store(db, lambda engine: engine.state_at(execution_id, at))
    if path is not None:
        task = _task(view, path)
        print_json(task) if json else print(indented(task))
    elif json:
        print_json(view)
    else:
        _page(view)
    return 0


def _task(view: View, path: str) -> View:
    found: View | None = next((task for task in view["tasks"] if task["path"] == path), None)
    if found is None:
        known = ", ".join(task["path"] for task in view["tasks"][:20])
        message = f"at seq {view['seq']} there is no task {path!r}"
        raise InputInvalid([Problem("task-unknown", "path", message, suggestion=f"there are: {known}")])
    return found


def _page(view: View) -> None:
    named = f" ({view['checkpoint']})" if view["checkpoint"] else ""
    print(f"{'at':<10} seq {view['seq']} of {view['last_seq']}{named}, {view['at']}")
    page(view)
    width = terminal_width()
    for title, lines in _parts(view):
        if lines:
            print(f"\n{title}")
        for line in lines:
            print(cut(f"  {line}", width))


def _parts(view: View) -> Iterator[tuple[str, list[str]]]:
    names = view["variables"]
    yield (
        "variables",
        [
            f"{f'{path}.' if path else ''}{name} = {clean(json_line(value))}"
            for path, values in names.items()
            for name, value in values.items()
        ],
    )
    yield "scopes", [f"{path}  {_scope(scope)}" for path, scope in view["scopes"].items()]
    yield (
        "timers",
        [
            f"{timer['due']}  {timer['kind']:<8}  {timer['path'] or 'the execution'}"
            for timer in view["timers"]
        ],
    )
    waiting, kept = view["messages"]["waiting"], view["messages"]["kept"]
    yield "waits for", [f"{path}  {of_view(awaited)}" for path, awaited in waiting.items()]
    yield (
        "messages kept",
        [f"{key}  {clean(one['name'])}  {clean(json_line(one['data']))}" for key, one in kept.items()],
    )


def _scope(scope: View) -> str:
    parts = [scope["kind"]]
    if scope["kind"] == "sequence":
        parts += [f"at step {scope['step']}" if scope["step"] else "not begun"]
    parts += [f"round {scope['iteration']}"] if scope["iteration"] else []
    parts += [f"handling {scope['handling']['code']}"] if "handling" in scope else []
    return ", ".join(parts)


def make_checkpoint(
    execution_id: str, name: str, at: str | None, description: str | None, db: str | None, json: bool
) -> int:
    """Name a point and say which it is."""
    by = actor()
    made = write_store(db, lambda engine: engine.checkpoint(execution_id, name, at, description, actor=by))
    if json:
        print_json(made)
    else:
        print(f"Checkpoint {name} is seq {made['seq']} of execution {made['execution']}.")
    return 0


def delete_checkpoint(execution_id: str, name: str, db: str | None, json: bool) -> int:
    """Delete a checkpoint."""
    write_store(db, lambda engine: engine.delete_checkpoint(execution_id, name))
    if json:
        print_json({"deleted": name})
    else:
        print(f"Checkpoint {name} is deleted.")
    return 0


def print_checkpoints(execution_id: str, db: str | None, json: bool) -> int:
    """Print the checkpoints of an execution."""
    found = read_store(db, lambda engine: engine.checkpoints(execution_id))
    if json:
        print_json({"checkpoints": found})
    elif not found:
        print("No checkpoints.")
    else:
        rows = [
            (one["name"], str(one["seq"]), one["at"][:19] + "Z", one["kind"], clean(one["description"] or ""))
            for one in found
        ]
        print_table(("NAME", "SEQ", "AT", "KIND", "DESCRIPTION"), rows)
    return 0
