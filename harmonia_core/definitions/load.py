"""From text or data to a definition and on to a graph, with every problem in one answer.

A part that is wrong is reported and left out, so that the rest is checked as well.
Reading files and finding the format by suffix is a host's business.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harmonia_core.contracts.definition_format import DefinitionFormat
from harmonia_core.contracts.task_type import TaskType
from harmonia_core.definitions.files import Files
from harmonia_core.definitions.reading import MAX_DEPTH, Read, Reading, deeper_than
from harmonia_core.engine.compile import Compilation, check_definition
from harmonia_core.errors import DefinitionInvalid, Problem, ProblemsError
from harmonia_core.model.child_spec import named
from harmonia_core.model.definition import File, WorkflowDefinition
from harmonia_core.model.graph import Graph
from harmonia_core.model.placing import Positions, place_problems, without_consequences
from harmonia_core.model.pointer import read_pointer


@dataclass(frozen=True, slots=True)
class Loaded:
    """Hold what could be understood of a definition.

    definition: None if nothing could. With problems it lacks what they name: it may be
        checked for more problems, never run.
    left_out: paths of values that could not be read; problems below them say nothing new.
    """

    definition: WorkflowDefinition | None
    problems: tuple[Problem, ...] = ()
    positions: Positions | None = None
    left_out: tuple[str, ...] = ()


def load_text(
    text: str, source: str, definition_format: DefinitionFormat, files: Files | None = None
) -> Loaded:
    """Read a text and its data; problems carry line and column where the format knows them.

    source: names the text in messages, such as a file name. files: opens those that it names.
    """
    document = definition_format.read(text, source)
    if document.data is None:
        return Loaded(None, document.problems or (Problem("document-empty", "", f"{source} is empty"),))
    loaded = load_data(document.data, document.positions, files)
    found = document.problems
    left_out = tuple(p.path for p in found if p.path and _value_at(document.data, p.path) is None)
    problems = (*found, *without_consequences(loaded.problems, left_out))
    placed = tuple(place_problems(problems, document.positions))
    return Loaded(loaded.definition, placed, document.positions, (*left_out, *loaded.left_out))


def load_data(data: Any, positions: Positions | None = None, files: Files | None = None) -> Loaded:
    """Read plain data (JSON as Python values), such as a parsed text or a program's own dict."""
    if not isinstance(data, dict):
        return _refused("type-wrong", "a definition is an object with 'name' and 'tasks'")
    if deeper_than(data, MAX_DEPTH):
        return _refused("too-deep", f"a definition may be nested {MAX_DEPTH} levels deep")
    reading = Reading(data, partial(_read_child, files))
    definition = reading.definition()
    problems = tuple(place_problems(reading.problems, positions))
    return Loaded(definition, problems, positions, tuple(reading.left_out))


def _read_child(files: Files | None, written: dict[str, Any], name: str) -> Read:
    loaded = _child(files, written, name)
    return loaded.definition, loaded.problems, loaded.left_out


def _child(files: Files | None, written: dict[str, Any], name: str) -> Loaded:
    """Read the definition that a task starts: written out, or in a file of its own."""
    if not named(written, "file"):
        return load_data({"name": name, **written}, files=files)
    if files is None:
        message = "a file can only be named in a definition that is read from one"
        return Loaded(None, (Problem("file-not-read", "file", message),))
    if len(written) > 1 or not isinstance(written["file"], str):
        return _refused("value-wrong", "a file stands alone: {file: name.yaml}")
    try:
        opened = files.open(written["file"])
    except ProblemsError as error:
        return Loaded(None, tuple(replace(one, path="file") for one in error.problems))
    loaded = load_text(opened.text, opened.name, opened.format, opened.files)
    if loaded.definition is not None:
        loaded.definition.read_from(File(opened.name, loaded.positions))
    problems = tuple(replace(one, source=one.source or opened.name) for one in loaded.problems)
    return replace(loaded, problems=problems)


def _refused(code: str, message: str) -> Loaded:
    return Loaded(None, (Problem(code, "", message),))


def definition_from_data(
    data: Any, positions: Positions | None = None
) -> tuple[WorkflowDefinition | None, tuple[Problem, ...]]:
    """Return the definition, or what could be understood of it, and every problem of its shape.

    A definition that comes with problems may be checked further, never run.
    """
    loaded = load_data(data, positions)
    return loaded.definition, loaded.problems


def check_loaded(
    loaded: Loaded, task_types: Mapping[str, TaskType], *, env_allow: Collection[str] | None = None
) -> Compilation:
    """Compile what was loaded; the problems are all there are, of text, shape and meaning."""
    if loaded.definition is None:
        return Compilation(None, loaded.problems)
    found = check_definition(loaded.definition, task_types, env_allow=env_allow)
    if not loaded.problems and found.graph is not None:
        return found
    problems = (*loaded.problems, *without_consequences(found.problems, loaded.left_out))
    return Compilation(None, tuple(place_problems(problems, loaded.positions)))


def compile_loaded(
    loaded: Loaded, task_types: Mapping[str, TaskType], *, env_allow: Collection[str] | None = None
) -> Graph:
    """Return the graph of what was loaded; raise DefinitionInvalid with every problem."""
    found = check_loaded(loaded, task_types, env_allow=env_allow)
    if found.graph is None:
        raise DefinitionInvalid(found.problems)
    return found.graph


def _value_at(data: Any, path: str) -> Any:
    for part in read_pointer(path):
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None
    return data
