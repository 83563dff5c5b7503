"""Files that a definition names. What may be opened is the business of the host that reads it."""

from typing import NamedTuple, Protocol

from harmonia_core.contracts.definition_format import DefinitionFormat


class Opened(NamedTuple):
    """Hold the text of a file. name: in messages. files: opens what is named in it."""

    text: str
    name: str
    format: DefinitionFormat
    files: "Files"


class Files(Protocol):
    """Open files that are named in one definition."""

    def open(self, name: str) -> Opened:
        """Return the file of a name; raise ProblemsError with what is wrong with it."""
        ...
