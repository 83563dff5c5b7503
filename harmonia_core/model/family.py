"""Where an execution stands among those that were started by tasks of others."""

from typing import NamedTuple


class Family(NamedTuple):
    """Name the task that an execution carries out.

    parent_id: of its execution, None if nobody's task is carried out. depth: how many executions stand
    above. detached: the task does not wait, so it is not told of the end.
    """

    parent_id: str | None = None
    path: str = ""
    attempt: int = 0
    depth: int = 0
    detached: bool = False


ALONE = Family()
