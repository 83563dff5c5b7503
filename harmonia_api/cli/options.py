"""Options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="The store; default: $HARMONIA_DB, or harmonia.db in $HARMONIA_DATA_DIR or ~/.harmonia.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Log more to stderr; twice: everything.")
]
Execution = Annotated[str, typer.Argument(metavar="ID", help="The execution.")]
Definition = Annotated[Path, typer.Argument(metavar="FILE", help="The workflow definition, YAML or JSON.")]

Modules = Annotated[
    list[Path] | None,
    typer.Option(
        "--modules",
        metavar="DIR",
        help="Let `python` call the modules and `read` the files in this folder, as `run` does; repeatable.",
    ),
]

Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Go on where a listing ended.")]
