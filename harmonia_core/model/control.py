"""How people steer an execution in place: whether it is paused, and what it counts beside others."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

TimersInPause = Literal["run", "hold"]
PausedBy = Literal["request", "parent"]

LOWEST_PRIORITY, HIGHEST_PRIORITY = -100, 100


class Pause(NamedTuple):
    """Hold why nothing new begins.

    timers: `run`, what is due acts at resume; `hold`, what is left of each wait is left at resume.
    by: `parent`, whose resume ends the pause, or a `request`. since: epoch seconds.
    """

    timers: TimersInPause
    reason: str | None
    by: PausedBy
    since: float


class Control(NamedTuple):
    """Hold all of it. pause: None unless it is paused. priority: higher goes first where executions queue."""

    pause: Pause | None = None
    priority: int = 0

    @property
    def holds(self) -> bool:
        """Tell whether the time that its timers measure stands still."""
        return self.pause is not None and self.pause.timers == "hold"

    def time(self, now: float) -> float:
        """Return the time that its timers measure: now, or when they were held."""
        return self.pause.since if self.pause is not None and self.pause.timers == "hold" else now


FREE = Control()


def read_control(pause: Sequence[Any] | None, *rest: Any) -> Control:
    """Return the control that was written as a list."""
    return Control(None if pause is None else Pause(*pause), *rest)
