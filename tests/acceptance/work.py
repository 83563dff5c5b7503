"""Functions that `python` tasks of the acceptance tests call. They note every attempt outside the store."""

import hashlib
import json
import logging
import os
import signal
import sys
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus

import anyio

from harmonia_core import TaskContext, TaskError


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


def tell(ctx: TaskContext, secret: str, bearer: str, then: str) -> Any:
    """Say a secret in every known form, everywhere a task can say something; then return or raise it."""
    note(ctx)
    with open(os.environ["RECEIVED"], "a") as file:
        file.write(hashlib.sha256(secret.encode()).hexdigest() + "\n")
    assert bearer == f"Bearer {secret}"
    forms = {
        "raw": secret,
        "bearer": bearer,
        "url": quote(secret, safe=""),
        "plus": quote_plus(secret),
        "json": json.dumps(secret),
        "unicode": json.dumps(secret, ensure_ascii=False),
        "repr": repr(secret),
        "base64": [b64encode(b"x" * shift + bearer.encode() + b"yz").decode() for shift in range(3)],
        "safe": [urlsafe_b64encode(b"x" * shift + secret.encode()).decode() for shift in range(3)],
    }
    # Not as a whole in quotes: a form of a form is one transformation too many.
    texts = [text for form in forms.values() for text in (form if isinstance(form, list) else [form])]
    for form in (*texts, "\n"):
        print("say", form)
        print("cry", form, file=sys.stderr)
        logging.getLogger("work").warning("log %s", form)
        ctx.log("warning", f"text {form}", field=form)
        ctx.progress(0.5, f"progress {form}", {"value": form})
        ctx.heartbeat({"details": form, form: 1})
        for position in range(0, len(form), 3):
            sys.stdout.write(form[position : position + 3])
        with ctx.artifact(f"file-{len(form)}.txt") as writer:
            for position in range(0, len(form), 5):
                writer.write(form[position : position + 5].encode())
    if then == "hold":
        hold(ctx)
    if then == "raise":
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise TaskError(
                f"failed {secret!r} {' '.join(texts)}", "told", details={"forms": forms, secret: 1}
            ) from error
    if then == "crash":
        raise ValueError(f"crashed {' '.join(texts)}")
    return {"forms": forms, secret: "key"}


def tell_in_process(secret: str, then: str) -> Any:
    """Say a secret from a process of its own."""
    print("say", secret)
    print("cry", secret, file=sys.stderr)
    if then == "raise":
        raise ValueError(secret, quote(secret))
    return [secret, b64encode(secret.encode()).decode()]


class Unpicklable(Exception):
    """An exception that cannot be pickled, copied or made again."""

    def __init__(self, one: Any, two: Any) -> None:
        super().__init__("unpicklable")
        self.lock = threading.Lock()

    def __reduce__(self) -> Any:
        raise TypeError("not this one")


class Unprintable(Exception):
    """An exception that fails when it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def return_object() -> Any:
    return {"lock": threading.Lock()}


def return_nan() -> Any:
    return [float("nan")]


def return_cycle() -> Any:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


def return_surrogate() -> Any:
    return "\ud800"


def return_deep() -> Any:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    return deep


def return_much() -> Any:
    return "x" * 100_000_000


def exit() -> Any:
    raise SystemExit(3)


async def exit_async() -> Any:
    raise SystemExit(3)


def raise_group() -> Any:
    raise BaseExceptionGroup("many", [ValueError("one"), KeyboardInterrupt(), SystemExit(9)])


async def raise_group_async() -> Any:
    raise BaseExceptionGroup("many", [ValueError("one"), KeyboardInterrupt(), SystemExit(9)])


def raise_unpicklable() -> Any:
    raise Unpicklable(1, 2)


def raise_unprintable() -> Any:
    raise Unprintable


def raise_interrupt() -> Any:
    raise KeyboardInterrupt


async def raise_interrupt_async() -> Any:
    raise KeyboardInterrupt


def raise_stop() -> Any:
    raise StopIteration(1)


async def raise_stop_async() -> Any:
    raise StopAsyncIteration(1)


async def generator_exit_async() -> Any:
    raise GeneratorExit


async def cancel_itself() -> Any:
    raise anyio.get_cancelled_exc_class()("of my own")


def print_for_ever() -> Any:
    while True:
        print("and so on" * 100)


def recurse() -> Any:
    return recurse()


def leave() -> Any:
    os._exit(7)


def crash() -> Any:
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)


async def swallow() -> Any:
    """Ignore being cancelled, again and again."""
    while True:
        with suppress(BaseException):
            await anyio.sleep(60)


def deaf() -> Any:
    """Never look at anything; end long after the test."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.05)


def break_streams() -> Any:
    """Close what the process has; in a process of its own that is its own business."""
    os.closerange(0, 64)
    return "closed"


def grow(ctx: TaskContext, size: int) -> str:
    """Note the attempt and return so much text."""
    note(ctx)
    return "x" * size


def die(ctx: TaskContext) -> None:
    """Note the attempt and take the whole process with it."""
    note(ctx)
    os.kill(os.getpid(), signal.SIGKILL)


def speak(ctx: TaskContext, lines: int = 3, seconds: float = 0.0, then: str = "") -> str:
    """Note the attempt, say so many lines, each noted outside the store before, and hold if told to."""
    note(ctx)
    for number in range(lines):
        with open(os.environ["STOPPED"], "a") as file:
            file.write(f"{number} {time.time()}\n")
        ctx.log("warning" if number % 2 else "info", f"line {number}", number=number)
        time.sleep(seconds)
    ctx.progress(1.0, "all said")
    print("printed")
    return hold(ctx) if then == "hold" else "said"
