"""Harmonia's first door: everything a plugin author needs, and nothing else.

Names are imported on first use, so that a process pays only for what it touches.
Programs that run an engine use the second door, `harmonia_core.host`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonia_core.contracts.task_type import ArtifactWriter as ArtifactWriter
    from harmonia_core.contracts.task_type import TaskContext as TaskContext
    from harmonia_core.contracts.task_type import TaskType as TaskType
    from harmonia_core.contracts.task_type import task_type as task_type
    from harmonia_core.errors import HarmoniaError as HarmoniaError
    from harmonia_core.errors import PermanentError as PermanentError
    from harmonia_core.errors import Problem as Problem
    from harmonia_core.errors import RetryableError as RetryableError
    from harmonia_core.errors import TaskError as TaskError

__version__ = "0.1.0"
PLUGIN_API = (1, 0)

_HOMES = {
    "harmonia_core.contracts.task_type": ("ArtifactWriter", "TaskContext", "TaskType", "task_type"),
    "harmonia_core.errors": ("HarmoniaError", "PermanentError", "Problem", "RetryableError", "TaskError"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["PLUGIN_API", "__version__", *sorted(_HOME_OF)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
