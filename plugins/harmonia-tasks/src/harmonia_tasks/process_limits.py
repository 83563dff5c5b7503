"""Limits of single processes, as the operating system knows them."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from harmonia_tasks.settings import TasksSettings

RLIMITS = {
    "cpu_seconds": "RLIMIT_CPU",
    "memory_bytes": "RLIMIT_AS",
    "file_bytes": "RLIMIT_FSIZE",
    "open_files": "RLIMIT_NOFILE",
    "processes": "RLIMIT_NPROC",
}

HINTS = {
    "SIGKILL": " The system may have run out of memory.",
    "SIGXCPU": " It has used up its CPU time (`limits.cpu_seconds`).",
    "SIGXFSZ": " It wrote a larger file than it may (`limits.file_bytes`).",
}
"""What the signal that ended a process says about its limits, to follow a sentence."""


class ProcessLimits(BaseModel):
    """Limits of each process for itself. cpu_seconds: of computing, not of waiting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu_seconds: int | None = Field(default=None, ge=1)
    memory_bytes: int | None = Field(default=None, ge=1)


def rlimits(limits: ProcessLimits, settings: TasksSettings) -> Mapping[str, int]:
    """Return `RLIMIT_…` to value: what the task asks for, at most what the settings allow."""
    found = {}
    for field, name in RLIMITS.items():
        given = (getattr(limits, field, None), getattr(settings, f"max_{field}", None))
        values = [value for value in given if value is not None]
        if values:
            found[name] = min(values)
    return found
