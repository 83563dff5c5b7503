"""Read the definition that a test is about: a file, a text, data, or the definition itself."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from harmonia_core.definitions.files import Opened
from harmonia_core.definitions.load import Loaded, load_data, load_text
from harmonia_core.errors import DefinitionInvalid, Problem, ProblemsError
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.placing import place_problems
from harmonia_core.plugins.load import Plugins
from harmonia_core.testing.refusals import KitError

Source: TypeAlias = "str | Path | Mapping[str, Any] | WorkflowDefinition"
"""A path, the text of a definition in YAML, its data, or the definition itself."""
FORMATS = "definition_formats"


class Sources:
    """Read definitions. folder: what relative paths begin at."""

    def __init__(self, folder: Path, plugins: Plugins) -> None:
        self._folder, self._plugins = folder, plugins

    def read(self, source: Source) -> WorkflowDefinition:
        """Return a definition; raise DefinitionInvalid with all that is wrong, KitError for no file."""
        if isinstance(source, WorkflowDefinition):
            return source
        files = _Files(self._folder, self._folder, (), self._plugins)
        if isinstance(source, Mapping):
            return _sound(load_data(dict(source), files=files))
        if isinstance(source, str) and ("\n" in source or ": " in source):
            return _sound(load_text(source, "workflow", self._plugins.registry.get(FORMATS, ".yaml"), files))
        return self._file(self._folder / source)

    def _file(self, path: Path) -> WorkflowDefinition:
        if not path.is_file():
            near = sorted(one.name for one in path.parent.glob("*.y*ml"))[:5]
            there = f" There are: {', '.join(near)}." if near else ""
            raise KitError(
                f"There is no file {path}; relative paths begin at the folder of the test file.{there}"
            )
        files = _Files(path.parent, path.parent, (path.resolve(),), self._plugins)
        opened = _opened(path, path.name, files, self._plugins)
        return _sound(load_text(opened.text, opened.name, opened.format, files))

    def every(self, given: str | Path | Iterable[Source]) -> Iterator[WorkflowDefinition]:
        """Yield the definitions of a folder's files, or of several sources."""
        if isinstance(given, str | Path):
            folder = self._folder / given
            found = sorted(one for end in ("*.yaml", "*.yml", "*.json") for one in folder.glob(end))
            if not found:
                raise KitError(f"There is no definition in {folder}.")
            given = found
        for one in given:
            yield self.read(one)


class _Files:
    """Open the files that a definition names, below the folder of the one that was asked for."""

    def __init__(self, root: Path, folder: Path, chain: tuple[Path, ...], plugins: Plugins) -> None:
        self._root, self._folder, self._chain, self._plugins = root, folder, chain, plugins

    def open(self, name: str) -> Opened:
        path = (self._folder / name).resolve()
        if Path(name).is_absolute() or not path.is_relative_to(self._root.resolve()):
            raise _refused("file-outside", f"{name} does not lie below the folder of the definition")
        if path in self._chain:
            raise _refused("file-cycle", f"the files name each other: {name} leads back to itself")
        files = _Files(self._root, path.parent, (*self._chain, path), self._plugins)
        return _opened(path, str(path.relative_to(self._root.resolve())), files, self._plugins)


def _opened(path: Path, name: str, files: _Files, plugins: Plugins) -> Opened:
    found = plugins.registry.find(FORMATS, path.suffix.lower())
    if found is None:
        raise _refused("format-unknown", f"{path.name}: no format is known by this suffix")
    try:
        return Opened(path.read_text("utf-8"), name, found, files)
    except (OSError, UnicodeDecodeError) as error:
        raise _refused("file-unreadable", f"{path} cannot be read: {error}") from None


def _refused(code: str, message: str) -> ProblemsError:
    return DefinitionInvalid([Problem(code, "", message)])


def _sound(loaded: Loaded) -> WorkflowDefinition:
    if loaded.definition is None or loaded.problems:
        raise DefinitionInvalid(place_problems(loaded.problems, loaded.positions))
    return loaded.definition
