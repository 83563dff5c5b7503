"""The commands that look into the past: `harmonia executions state|checkpoint|diff|timeline`."""

from typing import Annotated

import typer

from harmonia_api.cli.options import Db, Execution, Json, Verbose
from harmonia_api.cli.reporting import command

POINT = "a seq, a checkpoint's name, `start`, `end`, or a time such as 2027-01-31T08:00:00Z"


def show_state(
    execution: Execution,
    at: Annotated[
        str | None, typer.Option("--at", metavar="POINT", help=f"The point: {POINT}; default: now.")
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", metavar="TASK", help="Only this task, with its values whole.")
    ] = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Show an execution as it stood at a point of its history, with variables, timers and messages."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.states import show_state_at

        finish(show_state_at(execution, at, path, db, json))


def set_checkpoint(
    execution: Execution,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, `_`, `-` and `.`.")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="POINT", help=f"The point: {POINT}; default: now.")
    ] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the one of this name instead.")] = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Give a point of an execution a name, whether or not it has ended; it is pruned with the execution.

    Exit codes: 0 named or deleted, 2 the name is taken or cannot be one, 3 there is no such point.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.states import delete_checkpoint, make_checkpoint

        if delete:
            finish(delete_checkpoint(execution, name, db, json))
        else:
            finish(make_checkpoint(execution, name, at, description, db, json))


def list_checkpoints(execution: Execution, db: Db = None, json: Json = False, verbose: Verbose = 0) -> None:
    """List the points of an execution that have a name."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.states import print_checkpoints

        finish(print_checkpoints(execution, db, json))


def diff_executions(
    before: Annotated[str, typer.Argument(metavar="A[@POINT]", help=f"An execution, and {POINT}.")],
    after: Annotated[
        str | None,
        typer.Argument(
            metavar="[B[@POINT]]",
            help="Another one, or @POINT of the same; default: A's end.",
            show_default=False,
        ),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option("--path", metavar="TASK", help="What differs inside the values of this task."),
    ] = None,
    patch: Annotated[bool, typer.Option("--patch", help="Print a JSON Patch (RFC 6902).")] = False,
    times: Annotated[bool, typer.Option("--times", help="Let moments count, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many tasks.")] = 100,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Go on where a page ended.")] = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Say what differs between two points of an execution, or between two executions.

    Without a point, A is taken at its start if it is compared with itself, otherwise at its end.
    """
    with command(json or patch, verbose) as finish:
        from harmonia_api.cli.history_diff import print_diff, print_patch, print_values, read_sides

        sides = read_sides(before, after)
        if patch:
            finish(print_patch(sides, db))
        elif path is not None:
            finish(print_values(sides, path, db, json))
        else:
            finish(print_diff(sides, times, limit, cursor, db, json))


def show_timeline(execution: Execution, db: Db = None, json: Json = False, verbose: Verbose = 0) -> None:
    """Show where the time of an execution went: attempts, waits, and the tasks that decided its end."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.timelines import print_timeline

        finish(print_timeline(execution, db, json))


def register_history(executions: typer.Typer) -> None:
    """Add the commands to `harmonia executions`."""
    executions.command("state")(show_state)
    executions.command("checkpoint")(set_checkpoint)
    executions.command("checkpoints")(list_checkpoints)
    executions.command("diff")(diff_executions)
    executions.command("timeline")(show_timeline)
