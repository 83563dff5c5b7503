"""The task type `read`: one page of a file below an allowed folder, and where the next page begins."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harmonia_core import PermanentError, Problem, TaskContext, TaskType, task_type
from harmonia_tasks.settings import TasksSettings

SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
NOT_ALLOWED = "file-not-allowed"


class Cursor(BaseModel):
    """Say where a page begins, and how the file stood when the first was read.

    offset: bytes. size: bytes. modified: microseconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: int = Field(ge=0)
    size: int
    modified: int


class ReadInput(BaseModel):
    """Input of `read`.

    file: below an allowed folder; a relative path is looked for in each of them.
    format: `json` (an array), `jsonl` (a value a line) or `csv` (the first row names the columns); by
        default what the name ends with.
    delimiter: between the values of a CSV row.
    count: items of a page at most. cursor: null for the first page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(min_length=1)
    format: Literal["json", "jsonl", "csv"] | None = None
    delimiter: str = Field(",", min_length=1, max_length=1)
    count: int = Field(1000, ge=1, le=10_000)
    cursor: Cursor | None = None


class ReadPage(BaseModel):
    """Output of `read`. next: `cursor` of the next page, null behind the last one."""

    items: list[Any]
    next: Cursor | None


def read_type(settings: TasksSettings) -> TaskType:
    """Return the task type, bound to the folders of these settings."""
    folders = tuple(Path(folder) for folder in settings.read_folders)

    @task_type("read", input=ReadInput, output=ReadPage, check=partial(_check, folders))
    def read(ctx: TaskContext, input: ReadInput) -> ReadPage:
        """Read one page of a JSON, JSON lines or CSV file: `items`, and the cursor of the `next` page."""
        return read_page(input, folders)

    return read


def read_page(input: ReadInput, folders: Sequence[Path]) -> ReadPage:
    """Return a page; raise PermanentError for a file that is not there, not allowed, or not what it was."""
    from harmonia_tasks.file_pages import READERS  # only if there is anything to read

    path = find(input.file, folders)
    reader = READERS[_format(input.file, input.format)]
    cursor = input.cursor
    try:
        with open(path, "rb", opener=_opened) as file:
            stood = os.fstat(file.fileno())
            if not stat.S_ISREG(stood.st_mode):
                raise PermanentError(f"{input.file} is no file.", "file-missing")
            now = Cursor(offset=0, size=stood.st_size, modified=stood.st_mtime_ns // 1000)
            if cursor is not None and cursor.model_copy(update={"offset": 0}) != now:
                raise PermanentError(
                    f"{input.file} has changed since its first page was read.", "file-changed"
                )
            page = reader(file, 0 if cursor is None else cursor.offset, input.count, input.delimiter)
    except OSError as error:
        raise PermanentError(f"{input.file}: {error.strerror}.", "file-missing") from None
    following = None if page.offset is None else now.model_copy(update={"offset": page.offset})
    return ReadPage(items=page.items, next=following)


def _opened(path: str, flags: int) -> int:
    """Open without waiting: a pipe would wait for somebody who writes."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def find(name: str, folders: Sequence[Path]) -> Path:
    """Return the file of a name, links followed; raise PermanentError if it does not lie where it may."""
    known = [Path(os.path.realpath(folder)) for folder in folders]
    places = [Path(os.path.realpath(folder / name)) for folder in known]
    allowed = [place for place, folder in zip(places, known, strict=True) if place.is_relative_to(folder)]
    if not allowed:
        raise PermanentError(refusal(name, folders), NOT_ALLOWED)
    return next((place for place in allowed if place.is_file()), allowed[0])


def refusal(name: str, folders: Sequence[Path]) -> str:
    """Say why a file may not be read."""
    where = ", ".join(map(str, folders)) or "none"
    return f"{name!r} lies below no folder that may be read ({where}); the setting is read_folders."


def _format(name: str, given: str | None) -> str:
    found = given or SUFFIXES.get(Path(name).suffix.lower())
    if found is None:
        known = ", ".join(SUFFIXES)
        raise PermanentError(f"{name!r} ends with none of {known}: say its `format`.", "format-unknown")
    return found


def _check(folders: Sequence[Path], constants: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a file that is known at compile time; opens nothing."""
    name, given = constants.get("file"), constants.get("format")
    if not isinstance(name, str):
        return
    try:
        find(name, folders)
        if given is None:
            _format(name, None)
    except PermanentError as error:
        yield Problem(error.error_code, "file", str(error))
