"""The commands with which a person decides: `harmonia executions resolve|undo`."""

from typing import Annotated

import typer

from harmonia_api.cli.options import Db, Execution, Json, Verbose
from harmonia_api.cli.reporting import command

Comment = Annotated[
    str | None, typer.Option("--comment", metavar="TEXT", help="Why; recorded with the decision.")
]


def resolve_execution(
    execution: Execution,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The task or undo, as `executions show` names it.")
    ],
    retry: Annotated[bool, typer.Option("--retry", help="Try it again.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Go on without it.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Let the task fail with its error.")] = False,
    done: Annotated[bool, typer.Option("--done", help="Of an undo: somebody has done it by hand.")] = False,
    comment: Comment = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Decide about a task or an undo that waits for a person.

    Exit codes: 0 recorded, 1 there is nothing to decide about, 2 not exactly one decision.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.decisions import resolve_one

        given = {"retry": retry, "skip": skip, "fail": fail, "done": done}
        finish(resolve_one(execution, path, [name for name, is_given in given.items() if is_given],
                           comment, db, json))  # fmt: skip


def undo_execution(
    execution: Execution,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Recorded with the request.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return once the request is accepted.")] = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Stop an execution that has not ended, and undo what it has done, the last first.

    Exit codes: 0 compensated or accepted, 1 it has ended otherwise, 5 an undo needs a person.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.decisions import undo_one

        finish(undo_one(execution, reason, no_wait, db, json))


def register(executions: typer.Typer) -> None:
    """Add the commands to `harmonia executions`."""
    executions.command("resolve")(resolve_execution)
    executions.command("undo")(undo_execution)
