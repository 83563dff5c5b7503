"""`harmonia limits …`: the commands about what may run at once, and their options."""

from typing import Annotated, Literal

import typer

from harmonia_api.cli.options import Db, Json, Verbose
from harmonia_api.cli.reporting import command

limits = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Say how much may run at once or begin within a time, and see who holds it and who waits.",
)

Kind = Annotated[
    Literal["resource", "type", "workflow", "namespace"],
    typer.Argument(
        metavar="KIND",
        help="resource NAME, type TASKTYPE and namespace count attempts of tasks, workflow NAME executions.",
    ),
]
Shown = Annotated[
    Literal["resource", "type", "workflow", "namespace", "concurrency"],
    typer.Argument(metavar="KIND", help="As for `set`; or concurrency, what a definition itself says."),
]
Name = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Which one; a namespace has none.", show_default=False)
]
Namespace = Annotated[str, typer.Option("--namespace", metavar="NAME", help="Of this namespace.")]


@limits.command("set")
def set_limit(
    kind: Kind,
    name: Name = None,
    most: Annotated[
        int | None, typer.Option("--max", min=0, metavar="N", help="So many at once; 0 stops all.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/SECONDS", help="So many within a time: 10/60s.")
    ] = None,
    namespace: Namespace = "default",
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Set a limit for all engines of the store; what runs already goes on."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.limits import set_one

        finish(set_one(kind, name, most, rate, namespace, db, json))


@limits.command("list")
def list_limits(
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NAME", help="Only of this namespace.")
    ] = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """List the limits, each with how much of it is held and how many wait."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.limits import list_all

        finish(list_all(namespace, db, json))


@limits.command("show")
def show_limit(
    kind: Shown,
    name: Name = None,
    namespace: Namespace = "default",
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Show who holds a limit and who waits for it, since when, in their order."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.limits import show_one

        finish(show_one(kind, name, namespace, db, json))


@limits.command("remove")
def remove_limit(
    kind: Kind,
    name: Name = None,
    namespace: Namespace = "default",
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Remove a limit; tasks that need a resource which is not there any more fail."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.limits import remove_one

        finish(remove_one(kind, name, namespace, db, json))
