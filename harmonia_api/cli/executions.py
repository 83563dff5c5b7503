"""`harmonia executions list|show|events`."""

import sys
from collections.abc import Sequence
from typing import Any

from harmonia_api.cli.explain import in_a_line
from harmonia_api.cli.page import page
from harmonia_api.cli.printing import NARROW, json_line, print_json, print_table, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import clean, cut, duration
from harmonia_api.cli.words import STYLES
from harmonia_core import Problem
from harmonia_core.host import FINAL_EXECUTION, Engine, ExecutionQuery, ExecutionStatus, parse_rfc3339


def list_page(
    status: Sequence[str], workflow: str | None, limit: int, cursor: str | None, db: str | None, json: bool
) -> int:
    """Print one page of executions, newest first."""
    known = [one.value for one in ExecutionStatus]
    problems = [Problem("status-unknown", "", f"{one!r} is no status") for one in status if one not in known]
    if problems:
        raise Refused([*problems[:-1], _with_known(problems[-1], known)])
    query = ExecutionQuery(None, tuple(status), workflow, limit, cursor)
    views, following = read_store(db, lambda engine: engine.find(query))
    if json:
        print_json({"executions": views, "cursor": following})
        return 0
    if not views:
        print("No executions.")
        return 0
    width = terminal_width()
    narrow = width is not None and width < NARROW
    header = ("ID", "STATUS", "STARTED", *(() if narrow else ("TOOK",)), "WORKFLOW")
    print_table(header, [_row(view, narrow) for view in views], STYLES)
    if following:
        print(f"More: --cursor {following}", file=sys.stderr)
    return 0


def _with_known(problem: Problem, known: Sequence[str]) -> Problem:
    return Problem(problem.code, "", problem.message, suggestion=f"known are {', '.join(known)}")


def _row(view: dict[str, Any], narrow: bool) -> tuple[str, ...]:
    started, ended = view["started_at"], view["ended_at"]
    took = duration(parse_rfc3339(ended) - parse_rfc3339(started)) if started and ended else ""
    moment = (started or view["created_at"])[:19].replace("T", " ")
    name = f"{view['workflow']['name']} {view['workflow']['version']}"
    if narrow:
        return view["id"], view["status"], moment[5:16], name
    name += f"  of {view['parent_id']}" if view["parent_id"] else ""
    return view["id"], view["status"], f"{moment}Z", took, name


def show_one(execution_id: str, no_follow: bool, db: str | None, json: bool) -> int:
    """Print one execution whole, or the end of its chain."""
    view = read_store(db, lambda engine: engine.get(execution_id, follow=not no_follow))
    if json:
        print_json(view)
    else:
        page(view, why=_why(view, db))
    return 0


def _why(view: dict[str, Any], db: str | None) -> str | None:
    """Return in a line why an execution does not go on; None if it does, or has ended."""
    if view["status"] in FINAL_EXECUTION:
        return None
    return in_a_line(read_store(db, lambda engine: engine.explain(view["id"])), db)


def print_events(execution_id: str, after: int, db: str | None, json: bool) -> int:
    """Print the history of an execution, one event a line, as it is read."""
    width = terminal_width()

    async def printed(engine: Engine) -> None:
        async for event in engine.events(execution_id, after):
            print(json_line(event) if json else cut(event_line(event), width))

    read_store(db, printed)
    return 0


def event_line(event: dict[str, Any]) -> str:
    """Return an event for people: seq, time, type, what it is about, and the rest of its data."""
    data = dict(event["data"])
    path = data.pop("path", "")
    actor = f"  by {event['actor'].get('id')}" if event["actor"] else ""
    subject = f"{path}  " if path else ""
    return f"{event['seq']:>6}  {event['at']}  {event['type']:<18} {subject}{clean(json_line(data))}{actor}"
