"""What Harmonia brings itself: the kernel is its own first plugin.

Registrations only; each hook imports what it names when it is called.
"""

from collections.abc import Iterable
from typing import Any

from harmonia_core import BackendType, StateBackend, hookimpl


@hookimpl
def harmonia_task_types() -> Iterable[Any]:
    """Contribute map, wait, noop, fail, set, subworkflow and the composites."""
    from harmonia_core.builtin.composites import COMPOSITES
    from harmonia_core.builtin.control import TASK_TYPES
    from harmonia_core.builtin.map_pages import MAP_OF_PAGES
    from harmonia_core.builtin.messages import MESSAGE_TYPES
    from harmonia_core.builtin.subworkflow import SUBWORKFLOW

    return (*TASK_TYPES, *MESSAGE_TYPES, SUBWORKFLOW, *COMPOSITES, MAP_OF_PAGES)


@hookimpl
def harmonia_state_backends() -> Iterable[Any]:
    """Contribute the memory backend (`memory://`), which forgets everything at the end."""
    return (BackendType(("memory",), _memory, "memory"),)


def _memory(url: str, commit_in_place: str) -> StateBackend:
    from harmonia_core.builtin.memory import MEMORY

    return MEMORY.create(url, commit_in_place)


@hookimpl
def harmonia_definition_formats() -> Iterable[Any]:
    """Contribute YAML 1.2 and JSON."""
    from harmonia_core.builtin.documents import DEFINITION_FORMATS

    return DEFINITION_FORMATS


@hookimpl
def harmonia_expression_languages() -> Iterable[Any]:
    """Contribute CEL; its interpreter is imported with the first expression."""
    from harmonia_core.expressions.cel import CEL

    return (CEL,)


@hookimpl
def harmonia_secret_providers() -> Iterable[Any]:
    """Contribute the environment (`HARMONIA_SECRET_<NAME>`)."""
    from harmonia_core.builtin.environment import ENVIRONMENT

    return (ENVIRONMENT,)


@hookimpl
def harmonia_notifiers() -> Iterable[Any]:
    """Contribute the log."""
    from harmonia_core.builtin.log import LOG_NOTIFIER

    return (LOG_NOTIFIER,)
