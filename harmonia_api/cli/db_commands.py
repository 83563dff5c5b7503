"""`harmonia db …`: the commands that look after a store, and their options."""

from typing import Annotated

import typer

from harmonia_api.cli.options import Db, Json, Verbose
from harmonia_api.cli.reporting import command

database = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look after a store: what is in it, is it whole, copy it, let old executions go.",
)
Executions = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Only these executions.", show_default=False),
]


@database.command("status")
def show_status(db: Db = None, json: Json = False, verbose: Verbose = 0) -> None:
    """Say what is stored, how large it is, who is at work on it and whether it can be used.

    Exit codes: 0, or 4 if the store cannot be used.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.db_status import print_status

        finish(print_status(db, json))


@database.command("check")
def check_store(
    executions: Executions = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Only executions begun since then: 2026-01-31[T12:00:00Z]."
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="Only so many, drawn at random.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every large value and compare its hash.")
    ] = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Compare everything that is stored beside the logs with what the logs say.

    Engines may be at work. Exit codes: 0 all well, 1 something differs, 4 store.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.db_check import check

        finish(check(executions or [], since, sample, deep, db, json))


@database.command("rebuild")
def rebuild_projections(
    executions: Executions = None,
    every: Annotated[bool, typer.Option("--all", help="Also where nothing differs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Write statuses, tasks and timers anew from the logs, where they differ.

    A damaged log is left alone and listed. Engines may be at work. Exit codes: 0 done, 1 something is
    left, 4 store.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.db_rebuild import rebuild

        finish(rebuild(executions or [], every, dry_run, db, json))


@database.command("backup")
def back_up_store(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The file to write; it must not exist.")],
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Write a consistent copy while engines go on, and say how to restore it.

    Exit codes: 0 done, 4 store; then nothing is left of the copy.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.db_backup import back_up

        finish(back_up(target, db, json))


@database.command("prune")
def prune_store(
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="DURATION", help="Ended longer ago: seconds, or P30D, PT12H."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=0, metavar="N", help="Keep the newest N; older ones go.")
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help="Only executions that ended so; repeatable."),
    ] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="NAME", help="Only executions of this workflow.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NS", help="Only executions of this namespace.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY=VALUE", help="Only executions with this label; repeatable."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Give free space back to the system afterwards.")
    ] = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Let ended executions go for good, with their histories, logs and files.

    Without options that say which, by the rules of HARMONIA_RETENTION. Engines may be at work. Exit
    codes: 0 done, 2 no rule or an impossible one, 4 store.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.db_prune import prune, rule_of

        rule = rule_of(older_than, keep, status or [], workflow, namespace, label or [])
        finish(prune(rule, dry_run, vacuum, db, json))
