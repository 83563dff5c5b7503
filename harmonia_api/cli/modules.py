"""Python modules that `python` tasks may call because they lie beside the definition.

A folder joins the import path at its end, so nothing in it can stand in for an installed module;
a module that is hidden by another of its name is not allowed, for the other would be called.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from harmonia_core.host import KernelSettings

SECTION, FIELD = "tasks", "python_modules"
MODULES_LABEL = "harmonia.modules"
"""Label of an execution whose tasks may call modules in a folder: that folder."""


@dataclass(frozen=True, slots=True)
class Modules:
    """Hold a folder and the modules and packages in it. hidden: those that another one hides."""

    folder: Path
    names: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


def modules_beside(path: Path) -> Modules:
    """Return the modules beside a file and put their folder on the import path if there are any."""
    return modules_in(path.absolute().parent)


def modules_in(folder: Path) -> Modules:
    """Return the modules in a folder and put it on the import path if there are any."""
    try:
        found = sorted(set(_names(folder.resolve())))
    except OSError:
        found = []
    if not found or not tasks_are_installed():
        return Modules(folder)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    hidden = tuple(name for name in found if _is_hidden(name, folder))
    return Modules(folder, tuple(name for name in found if name not in hidden), hidden)


def allow_modules(settings: KernelSettings, names: Iterable[str]) -> KernelSettings:
    """Return settings that allow `python` tasks these modules beside those of the environment."""
    section = settings.plugins.get(SECTION, {})
    already = section.get(FIELD, ())
    listed = already.split(",") if isinstance(already, str) else list(already)
    allowed = list(dict.fromkeys([*(name.strip() for name in listed if name.strip()), *names]))
    if not allowed:
        return settings
    return settings.model_copy(update={"plugins": {**settings.plugins, SECTION: {**section, FIELD: allowed}}})


def _names(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        name = entry.stem if entry.suffix == ".py" else entry.name
        is_module = entry.suffix == ".py" or (entry / "__init__.py").is_file()
        if is_module and name.isidentifier() and not name.startswith("__"):
            yield name


def _is_hidden(name: str, folder: Path) -> bool:
    loaded = sys.modules.get(name)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
    else:
        spec = None if name in sys.stdlib_module_names else PathFinder.find_spec(name)
        origin = spec.origin if spec else None
    return origin is None or folder.resolve() not in Path(origin).resolve().parents


def tasks_are_installed() -> bool:
    """Tell whether there is anything that reads the setting."""
    try:
        distribution("harmonia-tasks")
    except PackageNotFoundError:
        return False
    return True
