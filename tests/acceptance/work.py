"""Functions that `python` tasks of the acceptance tests call. They note every attempt outside the store."""

import os
import time
from typing import Any

from harmonia_core import TaskContext


def note(ctx: TaskContext) -> None:
    """Append `path attempt pid` to the marks; one short write, so lines of processes never mix."""
    file = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, f"{ctx.path} {ctx.attempt} {os.getpid()}\n".encode())
    finally:
        os.close(file)


def mark(ctx: TaskContext, seconds: float = 0.0, value: Any = None) -> Any:
    """Note the attempt, then take so long."""
    note(ctx)
    time.sleep(seconds)
    return value
