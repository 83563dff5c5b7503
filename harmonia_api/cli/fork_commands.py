"""Commands that begin executions from others: `harmonia executions rerun|fork|restore|upgrade|lineage`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from harmonia_api.cli.options import Db, Execution, Json, Modules, Verbose
from harmonia_api.cli.reporting import command

Pairs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="KEY=VALUE",
        help="A field of the input to change; repeatable. The rest stays.",
    ),
]
InputFile = Annotated[
    Path | None,
    typer.Option("--input-file", metavar="F", help="Another input whole; `-` reads JSON from stdin."),
]
Label = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE|KEY-", help="A label more, or one taken away; repeatable."),
]
Comment = Annotated[
    str | None, typer.Option("--comment", metavar="TEXT", help="Why; recorded with the first event.")
]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="TEXT", help="Of two calls with one key, the second begins nothing."),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Record the beginning only; do not drive the execution here.")
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would run again, be reused and may repeat; begin nothing."),
]
Version = Annotated[
    str,
    typer.Option(
        "--version",
        metavar="V|FILE",
        help="`same`, `latest`, a published version (1.4, order@^1.4), or a file.",
    ),
]


def rerun_execution(
    execution: Execution,
    begin_at: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="PATH", help="Run this task again and all behind it; repeatable."),
    ] = None,
    input: Pairs = None,
    input_file: InputFile = None,
    task_input: Annotated[
        list[str] | None,
        typer.Option("--task-input", metavar="PATH=JSON", help="Another input for one task; repeatable."),
    ] = None,
    version: Version = "same",
    label: Label = None,
    comment: Comment = None,
    key: Key = None,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    modules: Modules = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Run an ended execution again from some of its tasks, as a new one; without --from, from what failed.

    What those tasks do not lead to is not done again: its results are reused. Exit codes as those of `run`.
    """
    more = {"from_": begin_at or [], "task_inputs": task_input or [], "version": version}
    _do(
        "rerun",
        execution,
        input,
        input_file,
        label,
        comment,
        key,
        dry_run,
        no_wait,
        modules,
        db,
        json,
        verbose,
        more,
    )


def fork_execution(
    execution: Execution,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="POINT", help="The last event that counts, a checkpoint or a time; default: now."
        ),
    ] = None,
    input: Pairs = None,
    input_file: InputFile = None,
    version: Version = "same",
    label: Label = None,
    comment: Comment = None,
    key: Key = None,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    modules: Modules = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Begin a new execution from a state that another one had. Exit codes as those of `run`."""
    more = {"at": at, "version": version}
    _do(
        "fork",
        execution,
        input,
        input_file,
        label,
        comment,
        key,
        dry_run,
        no_wait,
        modules,
        db,
        json,
        verbose,
        more,
    )


def restore_execution(
    execution: Execution,
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Its name, or any other point.")],
    label: Label = None,
    comment: Comment = None,
    key: Key = None,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    modules: Modules = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Begin a new execution from a checkpoint of another one. Exit codes as those of `run`."""
    more = {"checkpoint": checkpoint}
    _do(
        "restore",
        execution,
        None,
        None,
        label,
        comment,
        key,
        dry_run,
        no_wait,
        modules,
        db,
        json,
        verbose,
        more,
    )


def upgrade_execution(
    execution: Execution,
    version: Annotated[
        str,
        typer.Argument(
            metavar="VERSION|FILE", help="`latest`, a published version (1.4, order@^1.4), or a file."
        ),
    ],
    adopt_compensation: Annotated[
        bool,
        typer.Option(
            "--adopt-compensation", help="Let the new one undo, if need be, what the old one has done."
        ),
    ] = False,
    label: Label = None,
    comment: Comment = None,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    modules: Modules = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Let a paused execution go on by another version, as a new one in its place.

    Exit codes as those of `run`; 2 also if the version does not map onto what has been done.
    """
    more = {"version": version, "adopt_compensation": adopt_compensation}
    _do(
        "upgrade",
        execution,
        None,
        None,
        label,
        comment,
        None,
        dry_run,
        no_wait,
        modules,
        db,
        json,
        verbose,
        more,
    )


def lineage_of(
    execution: Execution,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 200,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Show where an execution comes from, and what came of it and its relatives."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.lineage import print_lineage

        finish(print_lineage(execution, limit, db, json))


def _do(
    kind: str, execution: str, pairs: list[str] | None, input_file: Path | None, labels: list[str] | None,
    comment: str | None, key: str | None, dry_run: bool, no_wait: bool, modules: list[Path] | None,
    db: str | None, json: bool, verbose: int, more: dict[str, Any],
) -> None:  # fmt: skip
    with command(json, verbose) as finish:
        from harmonia_api.cli.forks import ForkWish, fork_one

        wish = ForkWish(
            kind, execution, tuple(pairs or ()), input_file, tuple(labels or ()), comment, key,
            tuple(modules or ()), more, no_wait,
        )  # fmt: skip
        finish(fork_one(wish, dry_run, db, json))


def register(executions: typer.Typer) -> None:
    """Add the commands to `harmonia executions`."""
    executions.command("rerun")(rerun_execution)
    executions.command("fork")(fork_execution)
    executions.command("restore")(restore_execution)
    executions.command("upgrade")(upgrade_execution)
    executions.command("lineage")(lineage_of)
