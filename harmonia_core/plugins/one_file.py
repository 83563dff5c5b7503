"""Plugins by path: one Python file, no packaging.

A file is a plugin if it implements hooks or if it holds task types; its task types are
contributed without a hook. Its version is a digest of its text.
"""

import hashlib
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from harmonia_core.contracts.registration import TASK_TYPES
from harmonia_core.contracts.task_type import TaskType
from harmonia_core.plugins.discovery import FILE_GROUP, Candidate
from harmonia_core.plugins.hookspecs import hookimpl
from harmonia_core.plugins.report import PluginFault


def by_path(path: Path) -> Candidate:
    """Return a file as a candidate; its name is the file's without the suffix. Never raises."""
    path = path.expanduser().absolute()
    return Candidate(path.stem, FILE_GROUP, path.name, _version(path), lambda: load(path))


def load(path: Path) -> ModuleType:
    """Import a file under a module name of its own; raise whatever its code raises."""
    if not path.is_file():
        raise PluginFault("import", f"There is no file {path}.")
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"harmonia_file_{path.stem}_{digest}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginFault("import", f"{path} is not a Python file.")
    module = module_from_spec(spec)
    sys.modules[name] = module  # models and pickles look their module up by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _contribute_task_types(module)
    return module


def _contribute_task_types(module: ModuleType) -> None:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, TaskType)
        and getattr(value.handler or value.expand, "__module__", "") == module.__name__
    ]
    if found and not hasattr(module, TASK_TYPES.hook):
        setattr(module, TASK_TYPES.hook, as_hook(tuple(found)))


def as_hook(registrations: tuple[Any, ...]) -> Callable[[], tuple[Any, ...]]:
    """Return a hook implementation that contributes fixed registrations."""

    def contribute() -> tuple[Any, ...]:
        return registrations

    return hookimpl(contribute)


def _version(path: Path) -> str:
    try:
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    except OSError:
        return ""
