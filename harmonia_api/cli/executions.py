"""`harmonia executions list|show|events`."""

import sys
from collections.abc import Iterator, Sequence
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
    problems = list(status_problems(status))
    if problems:
        raise Refused(problems)
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
    print_table(header, [row_of(view, narrow) for view in views], STYLES)
    if following:
        print(f"More: --cursor {following}", file=sys.stderr)
    return 0


def status_problems(status: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with the names of statuses."""
    known = [one.value for one in ExecutionStatus]
    wrong = [one for one in status if one not in known]
    for one in wrong:
        hint = f"known are {', '.join(known)}" if one is wrong[-1] else None
        yield Problem("status-unknown", "", f"{one!r} is no status", suggestion=hint)


def row_of(view: dict[str, Any], narrow: bool) -> tuple[str, ...]:
    """Return the columns of an execution: id, status, when, how long (unless narrow), workflow."""
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


def print_events(execution_id: str, after: int, lineage: bool, db: str | None, json: bool) -> int:
    """Print the history of an execution, one event a line, as it is read.

    lineage: begin with what counts of the executions that it goes on from.
    """
    if after and lineage:
        raise Refused([Problem("options-conflict", "", "give --after or --lineage, not both")])
    width = terminal_width()

    async def printed(engine: Engine) -> None:
        shown = None
        async for event in engine.history(execution_id) if lineage else engine.events(execution_id, after):
            if lineage and not json and event["execution_id"] != shown:
                shown = event["execution_id"]
                print(f"execution {shown}")
            print(json_line(event) if json else cut(event_line(event), width))

    read_store(db, printed)
    return 0


def event_line(event: dict[str, Any]) -> str:
    """Return an event for people: seq, time, type, what it is about, and the rest of its data."""
    data = dict(event["data"])
    path = data.pop("path", "")
    data.pop("base", None)  # a whole state is no line
    actor = f"  by {event['actor'].get('id')}" if event["actor"] else ""
    subject = f"{path}  " if path else ""
    return f"{event['seq']:>6}  {event['at']}  {event['type']:<18} {subject}{clean(json_line(data))}{actor}"
