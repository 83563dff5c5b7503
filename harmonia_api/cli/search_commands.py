"""The command that finds executions: `harmonia executions search`."""

from typing import Annotated

import typer

from harmonia_api.cli.options import Cursor, Db, Json, Limit, Verbose
from harmonia_api.cli.reporting import command

_MOMENT = "a time as 2026-05-01T12:00:00Z, or 30m, 2h, 3d ago"
Texts = list[str] | None


def search_executions(
    label: Annotated[
        Texts,
        typer.Option("--label", "-l", metavar="KEY[=VALUE]", help="With this label; all of them count."),
    ] = None,
    status: Annotated[Texts, typer.Option("--status", metavar="STATUS", help="In one of these.")] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="NAME", help="Of this workflow.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="Of this version of a workflow.")
    ] = None,
    definition: Annotated[
        str | None, typer.Option("--definition", metavar="HASH", help="Of exactly this definition.")
    ] = None,
    error: Annotated[
        str | None,
        typer.Option("--error", metavar="TEXT", help="Ended with an error whose code or message has this."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="REASON", help="With this reason.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help=f"Begun since then: {_MOMENT}.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Begun before then.")] = None,
    ended_since: Annotated[
        str | None, typer.Option("--ended-since", metavar="WHEN", help="Ended since then; latest end first.")
    ] = None,
    ended_until: Annotated[
        str | None, typer.Option("--ended-until", metavar="WHEN", help="Ended before then; latest end first.")
    ] = None,
    parent: Annotated[str | None, typer.Option("--parent", metavar="ID", help="Begun by this one.")] = None,
    root: Annotated[
        str | None, typer.Option("--root", metavar="ID", help="This one, and what goes on from it.")
    ] = None,
    origin: Annotated[
        str | None, typer.Option("--origin", metavar="ID", help="Forked or continued from this one.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", metavar="ID", help="Begun by this person.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Find executions by labels, status, workflow, error, family and time; all that is given counts."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.search import Wanted, search

        wanted = Wanted(
            label or [], status or [], workflow, version, definition, error, reason, since, until,
            ended_since, ended_until, parent, root, origin, actor, limit, cursor,
        )  # fmt: skip
        finish(search(wanted, db, json))
