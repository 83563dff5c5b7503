"""The task type `shell`: run a command."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from harmonia_core import PermanentError, Problem, TaskContext, TaskType, task_type
from harmonia_tasks.process_support import missing
from harmonia_tasks.settings import TasksSettings
from harmonia_tasks.shell_input import ShellInput
from harmonia_tasks.shell_outcome import ShellOutput

SETTING = "HARMONIA_PLUGINS__TASKS__SHELL"


def shell_type(settings: TasksSettings) -> TaskType:
    """Return the task type, bound to these settings."""

    @task_type("shell", input=ShellInput, output=ShellOutput, check=partial(_check, settings))
    async def shell(ctx: TaskContext, input: ShellInput) -> ShellOutput:
        """Run a command: a program with its arguments, or a script for a shell."""
        for problem in _check(settings, {}):
            raise PermanentError(problem.message, problem.code)
        from harmonia_tasks.shell_command import run_command  # most workflows run none

        return await run_command(ctx, input, settings)

    return shell


def _check(settings: TasksSettings, constants: Mapping[str, Any]) -> Iterator[Problem]:
    if (needed := missing()) is not None:
        yield Problem("shell-not-supported", "", f"Commands cannot be run here: they need {needed}.")
    if not settings.shell:
        message = (
            f"Commands may not be run here. If whoever writes definitions may do all that the "
            f"engine's user may, set {SETTING}=true where the engine runs."
        )
        yield Problem("shell-not-allowed", "", message)
