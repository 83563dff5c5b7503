"""The commands about kept results: `harmonia memo list|clear`."""

from typing import Annotated

import typer

from harmonia_api.cli.options import Cursor, Db, Json, Limit, Verbose
from harmonia_api.cli.reporting import command

memo = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at results of tasks that are kept to be used again, or forget them.",
)

Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only of tasks of this type.")]
Workflow = Annotated[
    str | None, typer.Option("--workflow", metavar="NAME", help="Only what this workflow has made.")
]
Namespace = Annotated[str, typer.Option("--namespace", metavar="NAME", help="Of this namespace.")]


@memo.command("list")
def list_memos(
    type: Type = None,
    workflow: Workflow = None,
    namespace: Namespace = "default",
    limit: Limit = 50,
    cursor: Cursor = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """List kept results, those that end first first."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.memo import list_page

        finish(list_page(namespace, type, workflow, limit, cursor, db, json))


@memo.command("clear")
def clear_memos(
    type: Type = None,
    workflow: Workflow = None,
    namespace: Namespace = "default",
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Forget kept results, so that the work is done again; all of them without --type and --workflow."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.memo import clear

        finish(clear(namespace, type, workflow, db, json))
