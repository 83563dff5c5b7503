"""The commands and their options. What they do is imported when one is called."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from harmonia_api.cli.db_commands import database
from harmonia_api.cli.decision_commands import register
from harmonia_api.cli.explain_commands import explain_execution
from harmonia_api.cli.fork_commands import register as register_forks
from harmonia_api.cli.history_commands import register_history
from harmonia_api.cli.limits_commands import limits
from harmonia_api.cli.memo_commands import memo
from harmonia_api.cli.message_commands import approve, publish, signal
from harmonia_api.cli.operating_commands import register as register_operating
from harmonia_api.cli.options import Cursor, Db, Definition, Execution, Json, Limit, Modules, Verbose
from harmonia_api.cli.reporting import command
from harmonia_api.cli.search_commands import search_executions
from harmonia_api.cli.workflows_commands import workflows

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run workflows that survive the process which runs them.",
)
executions = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at executions, speak to them, or steer one, from any process.",
)
app.add_typer(executions, name="executions")
register(executions)
register_forks(executions)
register_history(executions)
register_operating(executions)
app.add_typer(database, name="db")
app.add_typer(memo, name="memo")
app.add_typer(workflows, name="workflows")
app.add_typer(limits, name="limits")

Level = Literal["debug", "info", "warning", "error"]


@app.command()
def run(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|NAME[@VERSION]", help="A definition, YAML or JSON, or a published workflow."
        ),
    ],
    input: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="KEY=VALUE",
            help="One field of the input; repeatable. Text if the schema says so, else JSON, or else text.",
        ),
    ] = None,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input-file", metavar="F", help="The whole input, as JSON or YAML; `-` reads JSON from stdin."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="TEXT", help="Of two runs with one key, the second goes on with the first."
        ),
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option("--priority", metavar="N", help="From -100 to 100; default: the definition's, or 0."),
    ] = None,
    modules: Modules = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Run a workflow to its end, showing it live.

    Prints the workflow's output as JSON. Exit codes: 0 completed, 1 failed or cancelled, 2 invalid,
    3 not found, 4 store, 5 not ended here, 130 left by a second Ctrl-C.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.run import Wish, run_one

        wish = Wish(what, tuple(input or ()), input_file, key, tuple(modules or ()), priority)
        finish(run_one(wish, db, json))


@app.command()
def validate(file: Definition, json: Json = False, verbose: Verbose = 0) -> None:
    """Report everything that is wrong with a definition, with line and column."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.validate import validate_file

        finish(validate_file(file, json))


@app.command()
def recover(
    take_over: Annotated[
        str | None,
        typer.Option(
            "--take-over", metavar="ID", help="Take this execution from its engine, even from a living one."
        ),
    ] = None,
    retry_lost: Annotated[
        bool,
        typer.Option(
            "--retry-lost", help="Try tasks again that wait for a person because their attempt was lost."
        ),
    ] = False,
    modules: Modules = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Go on with executions whose process is gone.

    Exit codes: 0 if all that was adopted completed, or there was nothing to do, otherwise 1.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.recover import recover_all

        finish(recover_all(take_over, retry_lost, modules or [], db, json))


@app.command()
def plugins(json: Json = False, verbose: Verbose = 0) -> None:
    """List what was found, what is used and what was refused, and why."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.plugins import list_plugins

        finish(list_plugins(json))


@app.command("task-types")
def task_types(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Describe this one.", show_default=False)
    ] = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """List the known task types, or describe one."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.task_types import describe_type, list_types

        finish(list_types(json) if name is None else describe_type(name, json))


@app.command()
def version(json: Json = False) -> None:
    """Print the version."""
    with command(json, 0) as finish:
        from harmonia_api.cli.version import print_version

        finish(print_version(json))


@executions.command("list")
def list_executions(
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help="Only executions in this status; may be repeated."),
    ] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="NAME", help="Only executions of this workflow.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """List executions, newest first; `search` selects by more."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.executions import list_page

        finish(list_page(status or [], workflow, limit, cursor, db, json))


@executions.command("show")
def show_execution(
    execution: Execution,
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="This execution itself, if it goes on in another log.")
    ] = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Show one execution and its tasks; of one that goes on in another log, that."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.executions import show_one

        finish(show_one(execution, no_follow, db, json))


@executions.command("events")
def list_events(
    execution: Execution,
    after: Annotated[
        int, typer.Option("--after", min=0, metavar="SEQ", help="Only events behind this one.")
    ] = 0,
    lineage: Annotated[
        bool, typer.Option("--lineage", help="Before them, those of the executions it began from.")
    ] = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Print the history of an execution, one event a line."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.executions import print_events

        finish(print_events(execution, after, lineage, db, json))


@executions.command("logs")
def show_logs(
    execution: Execution,
    task: Annotated[
        str | None, typer.Option("--task", metavar="PATH", help="Only this task and what is inside it.")
    ] = None,
    level: Annotated[
        Level | None, typer.Option("--level", help="Only log lines, of this level and above.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--after", min=0, metavar="POSITION", help="Only entries behind this one.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the execution has ended.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, max=10_000, help="At most so many; without --after the last ones."),
    ] = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Print what the tasks of an execution said: log lines, prints and progress."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.logs import print_logs

        finish(print_logs(execution, task, level, after, follow, limit, db, json))


@executions.command("cancel")
def cancel_execution(
    execution: Execution,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Recorded with the request.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Undo what it has done, as `undo` does.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return once the request is accepted.")] = False,
    modules: Modules = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Cancel an execution, whichever process runs it, and wait until it has ended."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.cancel import cancel_one
        from harmonia_api.cli.decisions import undo_one

        if undo:
            finish(undo_one(execution, reason, no_wait, db, json))
            return
        finish(cancel_one(execution, reason, no_wait, modules or [], db, json))


executions.command("search")(search_executions)
app.command()(publish)
executions.command()(signal)
executions.command()(approve)
executions.command("explain")(explain_execution)


def own_commands() -> frozenset[str]:
    """Return the names of the commands that stand here; plugins may add others."""
    commands = {
        info.name or (info.callback.__name__ if info.callback else "") for info in app.registered_commands
    }
    return frozenset(commands | {group.name or "" for group in app.registered_groups})
