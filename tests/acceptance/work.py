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


def hold(ctx: TaskContext) -> str:
    """Note the attempt, then wait until this process is let through the gate, or should stop."""
    note(ctx)
    while str(os.getpid()) not in _read("GATE").split():
        if ctx.cancelled:
            with open(os.environ["STOPPED"], "a") as file:
                file.write(f"{ctx.path} {os.getpid()}\n")
            return "stopped"
        time.sleep(0.005)
    return f"through {os.getpid()}"


def ignore(ctx: TaskContext) -> str:
    """Like `hold`, deaf to cancellation."""
    note(ctx)
    while str(os.getpid()) not in _read("GATE").split():
        time.sleep(0.005)
    return "through"


def _read(variable: str) -> str:
    try:
        with open(os.environ[variable]) as file:
            return file.read()
    except FileNotFoundError:
        return ""
