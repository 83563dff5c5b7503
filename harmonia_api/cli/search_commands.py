"""The command that finds executions: `harmonia executions search`."""

from typing import Annotated

import typer

from harmonia_api.cli.options import Cursor, Db, Json, Limit, Verbose
from harmonia_api.cli.reporting import command

_MOMENT = "a time as 2026-05-01T12:00:00Z, or 30m, 2h, 3d ago"
Texts = list[str] | None
Text = str | None

Label = Annotated[
    Texts, typer.Option("--label", "-l", metavar="KEY[=VALUE]", help="With this label; all of them count.")
]
Status = Annotated[Texts, typer.Option("--status", metavar="STATUS", help="In one of these.")]
Workflow = Annotated[Text, typer.Option("--workflow", metavar="NAME", help="Of this workflow.")]
Version = Annotated[Text, typer.Option("--version", metavar="VERSION", help="Of this version of a workflow.")]
Exactly = Annotated[Text, typer.Option("--definition", metavar="HASH", help="Of exactly this definition.")]
Error = Annotated[
    Text, typer.Option("--error", metavar="TEXT", help="Ended with an error whose code or message has this.")
]
Reason = Annotated[Text, typer.Option("--reason", metavar="REASON", help="With this reason.")]
Since = Annotated[Text, typer.Option("--since", metavar="WHEN", help=f"Begun since then: {_MOMENT}.")]
Until = Annotated[Text, typer.Option("--until", metavar="WHEN", help="Begun before then.")]
EndedSince = Annotated[
    Text, typer.Option("--ended-since", metavar="WHEN", help="Ended since then; latest end first.")
]
EndedUntil = Annotated[
    Text, typer.Option("--ended-until", metavar="WHEN", help="Ended before then; latest end first.")
]
Parent = Annotated[Text, typer.Option("--parent", metavar="ID", help="Begun by this one.")]
Root = Annotated[Text, typer.Option("--root", metavar="ID", help="This one, and what goes on from it.")]
Origin = Annotated[Text, typer.Option("--origin", metavar="ID", help="Forked or continued from this one.")]
Actor = Annotated[Text, typer.Option("--actor", metavar="ID", help="Begun by this person.")]


def search_executions(
    label: Label = None,
    status: Status = None,
    workflow: Workflow = None,
    version: Version = None,
    definition: Exactly = None,
    error: Error = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    ended_since: EndedSince = None,
    ended_until: EndedUntil = None,
    parent: Parent = None,
    root: Root = None,
    origin: Origin = None,
    actor: Actor = None,
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
