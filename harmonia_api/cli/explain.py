"""`harmonia executions explain`: the causes as a page for people."""

import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harmonia_api.cli.hints import explain_command, without_password
from harmonia_api.cli.printing import paint, print_json, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.text import clean, cut, duration
from harmonia_api.cli.words import STYLES
from harmonia_core.host import parse_rfc3339

PLAIN_WIDTH = 100
NEEDS: Mapping[str, tuple[str, str]] = {
    "engine": ("an engine or its store needs help", "bold red"),
    "person": ("a person has to decide", "bold magenta"),
    "outside": ("something from outside has to come", "cyan"),
    "time": ("goes on by itself, with time", "yellow"),
    "room": ("goes on by itself, once there is room", "yellow"),
    "nothing": ("is at work", "green"),
    "other": ("", "bright_black"),
}
View = Mapping[str, Any]


def explain_one(execution_id: str, path: str | None, db: str | None, json: bool) -> int:
    """Print why an execution or a task does not go on, and return 0."""
    found = read_store(db, lambda engine: engine.explain(execution_id, path))
    if json:
        print_json(found)
    else:
        page(found, db)
    return 0


def page(found: View, db: str | None) -> None:
    """Print causes, the roots first."""
    width = min(terminal_width() or PLAIN_WIDTH, 140)
    for line in lines(found, db, width):
        print(line)


def lines(found: View, db: str | None, width: int) -> Iterator[str]:
    """Yield the page, in lines of at most so many characters as far as they can be broken."""
    status = paint(found["status"], STYLES.get(found["status"], ""))
    subject = f"{found['execution']}" + (f", task {found['path']}" if found["path"] else "")
    yield f"{subject}: {status}, {verdict(found)}"
    for number, cause in enumerate(found["causes"], 1):
        yield ""
        yield from _cause(number, cause, found, db, width)


def in_a_line(found: View, db: str | None) -> str | None:
    """Return the first cause in short, with the command that tells all; None if something is at work."""
    if found["progressing"] or not found["causes"]:
        return None
    first = found["causes"][0]
    text = clean(f"{_where(first, found)}: {first['message']}".removeprefix("the execution: "))
    room = (terminal_width() or PLAIN_WIDTH) - 11
    return f"{cut(text, room)}\n{'':<10} {explain_command(db, found['execution'])}"


def verdict(found: View) -> str:
    """Return in a few words whether something is wrong."""
    causes = found["causes"]
    if any(one["code"] == "ended" for one in causes):
        return "ended"
    if found["progressing"]:
        return "at work"
    needs = NEEDS[causes[0]["needs"]][0] if causes else ""
    return f"not at work: {needs}" if needs else "not at work"


def _cause(number: int, cause: View, found: View, db: str | None, width: int) -> Iterator[str]:
    code = paint(cause["code"], NEEDS[cause["needs"]][1])
    where = clean(_where(cause, found))
    head = f"{number}. {cause['code']}  {where}"
    yield cut(head, width).replace(cause["code"], code, 1)
    indent = "   "
    yield from textwrap.wrap(clean(cause["message"]), width, initial_indent=indent, subsequent_indent=indent)
    times = _times(cause, found["as_of"])
    if times:
        yield f"{indent}{times}"
    if len(cause["chain"]) > 1:
        yield from _chain(cause["chain"], found["execution"], width)
    for line in cause["help"]:
        yield f"{indent}$ {_with_store(line, db)}"


def _where(cause: View, found: View) -> str:
    path = cause["path"] or "the execution"
    if cause["execution"] != found["execution"]:
        path = f"{cause['path']} of " if cause["path"] else ""
        path = f"{path}execution {cause['execution']}"
    count = cause.get("count", 1)
    return f"{path} and {count - 1:,} more" if count > 1 else path


def _times(cause: View, as_of: str) -> str:
    now, parts = parse_rfc3339(as_of), []
    if cause["since"]:
        since = parse_rfc3339(cause["since"])
        parts.append(f"since {_moment(cause['since'])} ({duration(now - since)})")
    if cause["until"]:
        until = parse_rfc3339(cause["until"])
        left = f"in {duration(until - now)}" if until >= now else f"{duration(now - until)} ago"
        parts.append(f"until {_moment(cause['until'])} ({left})")
    return ", ".join(parts)


def _moment(text: str) -> str:
    return f"{text[:10]} {text[11:19]}Z"


def _chain(chain: Sequence[View], execution: str, width: int) -> Iterator[str]:
    """Yield the way from what was asked about to the root, a long one without its middle."""
    names = [_step(one, execution) for one in chain]
    if len(names) > 8:
        names = [*names[:4], f"… {len(names) - 7} more …", *names[-3:]]
    text = clean(" ← ".join(names))
    yield from textwrap.wrap(
        text, width, initial_indent="   waits: ", subsequent_indent="          ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _step(step: View, execution: str) -> str:
    status = f" ({step['status']})" if step["status"] else ""
    other = step["execution"] != execution and not step["path"]
    return f"execution {step['execution']}{status}" if other else f"{step['path']}{status}"


def _with_store(line: str, db: str | None) -> str:
    """Return a command with the store that this one was called with."""
    if db is None or line == "harmonia plugins":
        return line
    return f"{line} --db {shlex.quote(without_password(db))}"
