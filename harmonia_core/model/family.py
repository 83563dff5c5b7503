"""Where an execution stands among those that were started by tasks of others."""

from typing import Literal, NamedTuple

Reports = Literal["end", "begin", "nothing"]


class Family(NamedTuple):
    """Name the task that an execution carries out.

    parent_id: of its execution, None if nobody's task is carried out. depth: how many executions stand
    above. reports: what the task waits to be told: the `end`, that it has begun (`begin`), or `nothing`.
    """

    parent_id: str | None = None
    path: str = ""
    attempt: int = 0
    depth: int = 0
    reports: Reports = "end"


ALONE = Family()
