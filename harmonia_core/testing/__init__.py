"""Test workflows without waiting and without the world; docs/testing.md shows how.

Names are imported on first use, so that this package costs nothing where it is only installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonia_core.testing.answers import fails, in_turn, never, takes
    from harmonia_core.testing.execution import Execution
    from harmonia_core.testing.mocks import Mock
    from harmonia_core.testing.moments import Moment
    from harmonia_core.testing.records import Error, Message, Task
    from harmonia_core.testing.refusals import (
        KitError,
        MomentRefused,
        NotMocked,
        NotUsed,
        TargetInvalid,
        TooLong,
        UnknownTask,
    )
    from harmonia_core.testing.rehearsal import Rehearsal

__all__ = [
    "Error",
    "Execution",
    "KitError",
    "Message",
    "Mock",
    "Moment",
    "MomentRefused",
    "NotMocked",
    "NotUsed",
    "Rehearsal",
    "TargetInvalid",
    "Task",
    "TooLong",
    "UnknownTask",
    "fails",
    "in_turn",
    "never",
    "takes",
]

_HOMES = {
    "answers": "fails in_turn never takes",
    "execution": "Execution",
    "mocks": "Mock",
    "moments": "Moment",
    "records": "Error Message Task",
    "refusals": "KitError MomentRefused NotMocked NotUsed TargetInvalid TooLong UnknownTask",
    "rehearsal": "Rehearsal",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
