"""Find executions, and print them with what was searched for."""

import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from harmonia_api.cli.executions import row_of, status_problems
from harmonia_api.cli.printing import NARROW, paint, print_json, print_table, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import clean, cut
from harmonia_api.cli.words import STYLES
from harmonia_core import Problem
from harmonia_core.host import ExecutionQuery, parse_rfc3339

_AGO = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|h|d|w)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ENDED_CURSOR = re.compile(r"\d+(?:\.\d+)?(?:e\d+)? \S+", re.ASCII)


class Wanted(NamedTuple):
    """Hold the options of a search as they were given."""

    labels: Sequence[str]
    status: Sequence[str]
    workflow: str | None
    version: str | None
    definition: str | None
    error: str | None
    reason: str | None
    since: str | None
    until: str | None
    ended_since: str | None
    ended_until: str | None
    parent: str | None
    root: str | None
    origin: str | None
    actor: str | None
    limit: int
    cursor: str | None


def search(wanted: Wanted, db: str | None, json: bool) -> int:
    """Print one page of what is found."""
    query = query_of(wanted, time.time())
    views, following = read_store(db, lambda engine: engine.find(query))
    if json:
        print_json({"executions": views, "cursor": following})
        return 0
    if not views:
        print("No executions.")
        return 0
    _print(views, wanted.error)
    if following:
        shown = f"'{following}'" if " " in following else following
        print(f"More: --cursor {shown}", file=sys.stderr)
    return 0


def query_of(wanted: Wanted, now: float) -> ExecutionQuery:
    """Return the query that options stand for; raise Refused with everything that is wrong with them."""
    problems = list(status_problems(wanted.status))
    since = _moment("--since", wanted.since, now, problems)
    until = _moment("--until", wanted.until, now, problems)
    ended_since = _moment("--ended-since", wanted.ended_since, now, problems)
    ended_until = _moment("--ended-until", wanted.ended_until, now, problems)
    by_end = wanted.ended_since is not None or wanted.ended_until is not None
    if wanted.cursor is not None and (_ENDED_CURSOR.fullmatch(wanted.cursor) is not None) is not by_end:
        problems.append(Problem("cursor-invalid", "--cursor", "this cursor comes from another search"))
    labels = tuple(_label(text, problems) for text in wanted.labels)
    if problems:
        raise Refused(problems)
    return ExecutionQuery(
        None, tuple(wanted.status), wanted.workflow, wanted.limit, wanted.cursor, labels, wanted.version,
        wanted.definition, wanted.parent, wanted.root, wanted.origin, wanted.reason,
        error_text=wanted.error, actor=wanted.actor, created_from=since, created_to=until,
        ended_from=ended_since, ended_to=ended_until,
    )  # fmt: skip


def _label(text: str, problems: list[Problem]) -> tuple[str, str | None]:
    key, given, value = text.partition("=")
    if not key:
        problems.append(Problem("label-invalid", "--label", f"{text!r} is neither KEY=VALUE nor KEY"))
    return key, value if given else None


def _moment(option: str, text: str | None, now: float, problems: list[Problem]) -> float | None:
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - float(ago[1]) * _SECONDS[ago[2]]
    try:
        return parse_rfc3339(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValueError:
        hint = "write 2026-05-01T12:00:00Z, 2026-05-01 (UTC), or how long ago: 30m, 2h, 3d, 1w"
        problems.append(Problem("time-invalid", option, f"{text!r} is no time", suggestion=hint))
        return None


def _print(views: Sequence[dict[str, Any]], error: str | None) -> None:
    width = terminal_width()
    details = ["  ".join(_details(view)) for view in views]
    if width is None or width >= NARROW:
        header = ("ID", "STATUS", "STARTED", "TOOK", "WORKFLOW", "DETAILS")
        rows = [(*row_of(view, False), more) for view, more in zip(views, details, strict=True)]
        print_table(header, rows, STYLES, lambda text: _marked(text, error))
        return
    # Two lines each: on 80 columns an id leaves no room for an error.
    for view, more in zip(views, details, strict=True):
        execution_id, status, moment, name = row_of(view, True)
        room = width - len(execution_id) - len(status) - len(moment) - 6
        print(
            f"{execution_id}  {paint(status, STYLES.get(status, ''))}  {moment}  {cut(name, max(10, room))}"
        )
        if more:
            print(f"  {_marked(cut(more, width - 2), error)}")


def _details(view: dict[str, Any]) -> Iterator[str]:
    """Yield what tells an execution from others: its error, its origin, its labels."""
    found = view["error"]
    if found is not None:
        yield clean(f"{found['code']}: {found['message']}")
    if view["origin"] is not None:
        yield f"{view['origin'].get('kind', 'forked')} from {view['origin']['execution']}"
    if view["labels"]:
        yield clean(" ".join(f"{key}={value}" for key, value in sorted(view["labels"].items())))


def _marked(text: str, wanted: str | None) -> str:
    """Return a text in which the first place of what was searched for stands out."""
    if not wanted:
        return text
    return re.sub(
        re.escape(wanted), lambda found: paint(found[0], "bold"), text, count=1, flags=re.IGNORECASE
    )
