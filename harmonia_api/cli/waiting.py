"""What a task waits for from outside, in words: a message, a person. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from harmonia_api.cli.printing import json_line
from harmonia_api.cli.text import clean


def of_view(awaits: Mapping[str, Any]) -> str:
    """Return what `executions show --json` says a task awaits."""
    if "messages" in awaits:
        return for_messages(awaits["messages"], awaits["mode"])
    return for_approval(awaits["approval"], awaits["assignees"])


def of_event(event: Any) -> str | None:
    """Return what an event says its task waits for, None if it says nothing of the kind."""
    kind = type(event).__name__
    if kind == "MessageAwaited":
        return for_messages(event.wants, event.mode)
    if kind == "ApprovalRequested":
        return for_approval(event.title, event.assignees)
    if kind == "ApprovalEscalated":
        return clean(f"waits for approval, escalated to {', '.join(event.to)}")
    return None


def for_messages(wants: Sequence[Mapping[str, Any]], mode: str) -> str:
    """Return `waits for message paid (17)`, or `… message paid or refused`, `… messages paid and shipped`."""
    joint = " and " if mode == "all" else " or "
    noun = "messages" if mode == "all" and len(wants) > 1 else "message"
    return clean(f"waits for {noun} {joint.join(map(_want, wants))}")


def _want(want: Mapping[str, Any]) -> str:
    correlation = want.get("correlation")
    return str(want["name"]) if correlation is None else f"{want['name']} ({json_line(correlation)})"


def for_approval(title: str, people: Sequence[str]) -> str:
    """Return `waits for approval by ann or bob: Pay the invoice?`."""
    by = f" by {' or '.join(people)}" if people else ""
    return clean(f"waits for approval{by}: {title}")
