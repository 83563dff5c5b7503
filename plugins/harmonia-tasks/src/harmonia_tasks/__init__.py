"""Standard task types: `python`, `transform`, `render`, `read`, `shell` and `http`.

Registrations only; each hook imports what it names when it is called.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from harmonia_core import hookimpl

if TYPE_CHECKING:
    from harmonia_core import TaskType
    from harmonia_tasks.settings import TasksSettings

_configured: "list[TasksSettings]" = []


@hookimpl
def harmonia_settings() -> "type[TasksSettings]":
    """Declare the section `plugins.tasks`."""
    from harmonia_tasks.settings import TasksSettings

    return TasksSettings


@hookimpl
def harmonia_configure(settings: "TasksSettings") -> None:
    """Take the settings for the task types contributed next."""
    _configured[:] = [settings]


@hookimpl
def harmonia_task_types() -> "Iterable[TaskType]":
    """Contribute the task types, bound to the settings: two engines in one process keep their own."""
    from harmonia_tasks.http.task import http_type
    from harmonia_tasks.python import python_type
    from harmonia_tasks.read import read_type
    from harmonia_tasks.render import render_type
    from harmonia_tasks.settings import TasksSettings
    from harmonia_tasks.shell import shell_type
    from harmonia_tasks.transform import transform

    settings = _configured.pop() if _configured else TasksSettings()
    bound = (make(settings) for make in (python_type, render_type, read_type, shell_type, http_type))
    return (transform, *bound)
