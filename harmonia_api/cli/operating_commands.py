"""The commands that steer executions in place. What they do is imported when one is called."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harmonia_api.cli.options import Db, Execution, Json, Modules, Verbose
from harmonia_api.cli.reporting import command

Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Recorded with the request.")]
Comment = Annotated[
    str | None, typer.Option("--comment", metavar="TEXT", help="Why; recorded with the decision.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return once the request is accepted.")]
Task = Annotated[str, typer.Argument(metavar="PATH", help="The task, as `executions show` names it.")]


class TimersWord(StrEnum):
    """Say what becomes of waits and retries in a pause."""

    RUN = "run"
    HOLD = "hold"


def pause_execution(
    execution: Execution,
    timers: Annotated[
        TimersWord,
        typer.Option(
            "--timers", help="run: what is due meanwhile acts at resume; hold: the time left stands still."
        ),
    ] = TimersWord.RUN,
    reason: Reason = None,
    no_wait: NoWait = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Let an execution begin nothing new until it is resumed; what runs ends, and is recorded.

    Exit codes: 0 paused, or it was; 1 refused: it is on its way to its end, or has ended.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.operating import pause_one

        finish(pause_one(execution, timers.value, reason, no_wait, db, json))


def resume_execution(
    execution: Execution,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Record the resume only; do not drive the execution here.")
    ] = False,
    modules: Modules = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Let a paused execution go on; if no process drives it, drive it here to its end.

    Exit codes: 0 resumed, or it was not paused; of one that is driven here, those of `harmonia run`.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.resuming import resume_one

        finish(resume_one(execution, no_wait, modules or [], db, json))


def terminate_execution(
    execution: Execution,
    reason: Reason = None,
    no_wait: NoWait = False,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """End an execution at once: no `finally`, no undoing, no waiting. For one whose cancel hangs.

    Exit codes: 0 terminated, or it was; 1 it has ended otherwise.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.operating import terminate_one

        finish(terminate_one(execution, reason, no_wait, db, json))


def retry_task(
    execution: Execution,
    path: Task,
    comment: Comment = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Try a task again that waits for its next attempt, or for a person.

    Exit codes: 0 recorded; 1 refused: the task is not in backoff or attention.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.operating import retry_one

        finish(retry_one(execution, path, comment, db, json))


def skip_task(
    execution: Execution,
    path: Task,
    output: Annotated[
        str | None,
        typer.Option("--output", metavar="JSON", help="Let the task have succeeded with this output."),
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output-file", metavar="F", help="The output, as JSON or YAML in a file.")
    ] = None,
    comment: Comment = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Go on without a task that has not ended, whatever it does; with an output, as if it had given that.

    Exit codes: 0 recorded; 1 refused: it has ended, or cannot be skipped yet; 2 a wrong output.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.operating import skip_one

        finish(skip_one(execution, path, output, output_file, comment, db, json))


def set_variables(
    execution: Execution,
    pairs: Annotated[
        list[str],
        typer.Argument(metavar="NAME=VALUE...", help="Variables and values: JSON where it is, else text."),
    ],
    scope: Annotated[
        str, typer.Option("--scope", metavar="PATH", help="The variables of this group, loop or sequence.")
    ] = "",
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Set variables of a paused execution.

    Exit codes: 0 recorded; 1 refused: not paused, no such variable or scope; 2 a wrong value.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.operating import set_some

        finish(set_some(execution, pairs, scope, db, json))


def prioritise_execution(
    execution: Execution,
    priority: Annotated[int, typer.Argument(metavar="N", help="From -100 to 100; higher goes first.")],
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Give an execution another priority: where executions queue for a limit, higher goes first.

    Exit codes: 0 recorded, or it had it; 1 it has ended; 2 no such priority.
    """
    with command(json, verbose) as finish:
        from harmonia_api.cli.operating import prioritise_one

        finish(prioritise_one(execution, priority, db, json))


def list_actions(
    execution: Execution,
    path: Annotated[str | None, typer.Argument(metavar="[PATH]", help="Only of this task.")] = None,
    db: Db = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Say what may be done with an execution and its tasks now, and why not the rest."""
    with command(json, verbose) as finish:
        from harmonia_api.cli.actions import actions_of

        finish(actions_of(execution, path, db, json))


def register(executions: typer.Typer) -> None:
    """Add the commands to `harmonia executions`."""
    # A negative number is a priority, not an option.
    lenient = {"ignore_unknown_options": True}
    executions.command("pause")(pause_execution)
    executions.command("resume")(resume_execution)
    executions.command("terminate")(terminate_execution)
    executions.command("retry")(retry_task)
    executions.command("skip")(skip_task)
    executions.command("set")(set_variables)
    executions.command("priority", context_settings=lenient)(prioritise_execution)
    executions.command("actions")(list_actions)
