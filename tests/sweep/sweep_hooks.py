"""Points between a commit and its effects: what an engine does in memory, at the doors of its parts.

The doors are those that the engine has anyway (its dispatcher, its timers, the list of what follows a
batch), so nothing of the product knows of a sweep.
"""

from collections.abc import Callable
from typing import Any

from sweep_points import EVENTS, Fate

from harmonia_core.host import Engine


def hook(engine: Engine, fate: Fate) -> None:
    """Have an engine pass the points of its memory."""
    driver = engine._driver
    dispatcher = driver.dispatcher
    dispatcher.start = _around(dispatcher.start, fate, "dispatch")  # type: ignore[method-assign]
    dispatcher._deliver = _around(dispatcher._deliver, fate, "handed-over")
    driver.timers._tell = _around(driver.timers._tell, fate, "timer-due")

    def acted(live: Any, batch: Any) -> None:
        names = {EVENTS.get(type(one.event).__name__) for one in batch.recorded} & AFTERWARDS
        if names:
            fate.reach("between", sorted(f"{name} and its effect" for name in names if name))

    driver.after.insert(0, acted)


AFTERWARDS = frozenset(
    ("child-request", "message-sent", "message-awaited", "slot-wanted", "slot-grant", "roll-over", "end")
)
"""What others follow up behind a commit."""


def _around(door: Callable[..., Any], fate: Fate, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> None:
        if not fate.reach("before", [name]):
            door(*arguments, **named)
            fate.reach("after", [name])

    return call
