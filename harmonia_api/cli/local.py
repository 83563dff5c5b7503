"""What tasks may do on the command line, where the person at the keyboard answers for it.

Elsewhere these settings are off until somebody turns them on. One that is given in the
environment, on or off, is left as it is, and nothing is said about it.
"""

import sys
from collections.abc import Collection

from harmonia_api.cli.modules import SECTION, tasks_are_installed
from harmonia_core.host import KernelSettings

ALLOWED = {"shell": ("shell", "run commands"), "allow_loopback": ("http", "reach addresses of this machine")}
"""Of each setting: the task type that reads it, and what it lets tasks do."""


def allow_local(settings: KernelSettings) -> KernelSettings:
    """Return settings in which everything is on that the environment leaves open."""
    opened = _left_open(settings)
    if not opened:
        return settings
    section = {**settings.plugins.get(SECTION, {}), **dict.fromkeys(opened, True)}
    return settings.model_copy(update={"plugins": {**settings.plugins, SECTION: section}})


def announce_local(given: KernelSettings, task_types: Collection[str]) -> None:
    """Say on stderr what tasks of these types may do that the settings given left open."""
    for field in _left_open(given):
        task_type, deed = ALLOWED[field]
        if task_type in task_types:
            variable = f"HARMONIA_PLUGINS__{SECTION}__{field}".upper()
            print(f"Tasks may {deed} (`{task_type}`); {variable}=false forbids it.", file=sys.stderr)


def _left_open(settings: KernelSettings) -> list[str]:
    section = settings.plugins.get(SECTION, {})
    return [field for field in ALLOWED if field not in section] if tasks_are_installed() else []
