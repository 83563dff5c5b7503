"""How it is written down what a pattern demands of the log.

A trace is a partial order. Each line is a chain of events that come in this order; the chains together name
every event of a task, and each comes exactly once. A path alone is a task that begins and ends well; else:

`>a` begins, `.a` ends well, `-a` is skipped, `!a` fails, `~a` is cancelled, `?a` can never begin,
`@a#2` the sequence `a` goes to its step 2, `@a[1]#2` in its round 1, `%a` what is inside `a` is stopped.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One run of one pattern. apart: paths of tasks of which never two may be at work at once."""

    number: int
    output: Any
    trace: str
    input: dict[str, Any] = field(default_factory=dict)
    apart: tuple[str, ...] = ()
    error: str | None = None


def each(template: str, *values: Any) -> str:
    """Return a trace once for each value, which takes the place of `*`."""
    return "\n".join(template.replace("*", str(value)) for value in values)
