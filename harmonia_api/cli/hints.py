"""The command that goes on with what was left, as a person would type it."""

import re
import shlex
from collections.abc import Iterable

# As libpq takes them behind the question mark.
_IN_QUERY = re.compile(r"(?i)\b(\w*password)=[^&]*")


def recover_command(db: str | None, modules: Iterable[object] = ()) -> str:
    """Return `harmonia recover` for a store and folders of modules; a password shows as `***`."""
    words = ["harmonia", "recover", *(["--db", without_password(db)] if db else [])]
    return shlex.join([*words, *(word for folder in modules for word in ("--modules", str(folder)))])


def resolve_command(db: str | None, execution_id: str) -> str:
    """Return the command that decides about a task, whose path is to be filled in."""
    words = ["harmonia", "executions", "resolve", execution_id, "PATH"]
    return shlex.join([*words, *(["--db", without_password(db)] if db else [])])


def explain_command(db: str | None, execution_id: str) -> str:
    """Return the command that says why an execution does not go on."""
    words = ["harmonia", "executions", "explain", execution_id]
    return shlex.join([*words, *(["--db", without_password(db)] if db else [])])


def resume_command(db: str | None, execution_id: str) -> str:
    """Return the command that lets a paused execution go on."""
    words = ["harmonia", "executions", "resume", execution_id]
    return shlex.join([*words, *(["--db", without_password(db)] if db else [])])


def without_password(url: str) -> str:
    """Return a URL for people's eyes: the passwords in it are replaced."""
    front, mark, query = url.partition("?")
    head, slashes, rest = front.partition("://")
    who, at, where = rest.rpartition("@")
    user, colon, password = who.partition(":")
    if colon and password and not user.startswith("/"):
        front = f"{head}{slashes}{user}:***{at}{where}"
    return front + mark + _IN_QUERY.sub(r"\1=***", query)
