"""Read a workflow definition from a file, check it whole, and refuse it with every problem."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harmonia_core import Problem
from harmonia_core.host import (
    KernelSettings,
    Loaded,
    Opened,
    Plugins,
    ProblemsError,
    check_loaded,
    load_text,
)

FORMATS = "definition_formats"


class Refused(ProblemsError):
    """Refuse what a person handed over. source: the file that the problems' lines belong to."""

    code = "invalid"

    def __init__(self, problems: Iterable[Problem], source: str | None = None) -> None:
        self.source = source
        super().__init__(problems)


def read_definition(path: Path, plugins: Plugins, settings: KernelSettings) -> Any:
    """Return a file's definition, checked as far as it can be before it runs, and its graph.

    Raises Refused with everything that is wrong with it.
    """
    loaded = load_file(path, plugins)
    found = check_loaded(loaded, plugins.registry.view("task_types"), env_allow=settings.env_allow)
    if found.graph is None or loaded.definition is None:
        raise Refused(found.problems, str(path))
    return loaded.definition, found.graph


def load_file(path: Path, plugins: Plugins) -> Loaded:
    """Return what could be understood of a definition's file; the format is chosen by its suffix."""
    files = NamedFiles(path.parent, path.parent, (path.resolve(),), plugins)
    return load_text(read_text(path), path.name, format_of(path, plugins), files)


def read_data(path: Path, plugins: Plugins) -> Any:
    """Return the data of a JSON or YAML file that is no definition; raise Refused."""
    return parse_data(read_text(path), str(path), format_of(path, plugins))


def parse_data(text: str, source: str, definition_format: Any) -> Any:
    """Return the data of a text; raise Refused with the places of what is wrong in `source`."""
    document = definition_format.read(text, source)
    if document.problems:
        raise Refused(document.problems, source)
    return document.data


def read_text(path: Path) -> str:
    """Return the text of a file; raise Refused, code `file-not-found` or `file-unreadable`."""
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        problem = Problem("file-not-found", "", f"there is no file {path}")
    except UnicodeDecodeError as error:
        problem = Problem(
            "file-unreadable", "", f"{path} is no UTF-8 text: {error.reason} at byte {error.start}"
        )
    except OSError as error:
        problem = Problem("file-unreadable", "", f"{path} cannot be read: {error.strerror or error}")
    raise Refused([problem])


def format_of(path: Path, plugins: Plugins) -> Any:
    """Return the format of a file by its suffix; raise Refused, code `format-unknown`."""
    found = plugins.registry.find(FORMATS, path.suffix.lower())
    if found is None:
        raise Refused(
            [Problem("format-unknown", "", f"{path.name}: {_known(plugins.registry.names(FORMATS))}")]
        )
    return found


class NamedFiles:
    """Open the files that a definition names: below the folder of the file that was asked for.

    folder: of the file in which they are named. chain: that file, and those that led to it.
    """

    def __init__(self, root: Path, folder: Path, chain: tuple[Path, ...], plugins: Plugins) -> None:
        self._root, self._folder, self._chain, self._plugins = root, folder, chain, plugins

    def open(self, name: str) -> Opened:
        """Return a file; raise Refused, codes `file-outside`, `file-cycle` and those of `read_text`."""
        path = self._folder / name
        found = path.resolve()
        if Path(name).is_absolute() or not found.is_relative_to(self._root.resolve()):
            message = f"{name} does not lie below the folder of the definition that is read"
            raise Refused([Problem("file-outside", "", message)])
        chain = (*self._chain, found)
        if found in self._chain:
            message = f"the files name each other: {' -> '.join(one.name for one in chain)}"
            hint = "a workflow starts itself with `workflow: self`"
            raise Refused([Problem("file-cycle", "", message, suggestion=hint)])
        files = NamedFiles(self._root, path.parent, chain, self._plugins)
        name = str(found.relative_to(self._root.resolve()))
        return Opened(read_text(path), name, format_of(path, self._plugins), files)


def _known(names: Sequence[str]) -> str:
    suffixes = ", ".join(name for name in names if name.startswith("."))
    return f"no format is known by this suffix; known are {suffixes}"
