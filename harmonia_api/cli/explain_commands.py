"""The command that explains: `harmonia executions explain`."""

from typing import Annotated

import typer

from harmonia_api.cli.options import Db, Execution, Json, Verbose
from harmonia_api.cli.reporting import command


def explain_execution(
    execution: Execution,
    task: Annotated[
        str | None,
        typer.Argument(metavar="[TASK]", help="Only this task, by its path.", show_default=False),
    ] = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Say why an execution, or one of its tasks, does not go on, since when, and what helps."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.explain import explain_one

        finish(explain_one(execution, task, db, json))
