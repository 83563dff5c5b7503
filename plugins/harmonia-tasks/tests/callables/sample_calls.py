"""Functions that tests call by name: good ones, and every bad manner."""

import os
import signal
import subprocess  # noqa: F401  (an import that must not be callable through this module)
import sys
import time
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, run

import anyio

from harmonia_core import PermanentError, RetryableError

not_callable = 5


def add(a: int, b: int = 0) -> int:
    return a + b


async def add_async(a: int, b: int = 0) -> int:
    await anyio.sleep(0)
    return a + b


def with_context(ctx, text: str) -> str:
    ctx.log("info", text)
    return ctx.path


def hidden_async(a: int):
    return add_async(a)


def pid() -> int:
    return os.getpid()


def shout(text: str) -> None:
    print(text)
    print("to stderr", file=sys.stderr)
    os.write(1, b"straight to the descriptor\n")


def read_stdin() -> str:
    return sys.stdin.read()


def fail_with_value() -> None:
    raise ValueError("no good")


def refuse_connection() -> None:
    raise ConnectionRefusedError(111, "nobody there")


def run_late() -> None:
    raise TimeoutError("too late")


def fail_retryable() -> None:
    raise RetryableError("busy", "service-busy", retry_after=7.0, details={"queue": 3})


def fail_permanent() -> None:
    raise PermanentError("never", "gone")


def exit_politely() -> None:
    raise SystemExit(3)


def raise_group() -> None:
    raise BaseExceptionGroup("many", [KeyboardInterrupt(), ValueError("x")])


class Unpicklable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __reduce__(self):
        raise TypeError("never")


def raise_unpicklable() -> None:
    raise Unpicklable()


def leave() -> None:
    os._exit(7)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def die_like_out_of_memory() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def return_set() -> set:
    return {1}


def return_nan() -> float:
    return float("nan")


def return_much(megabytes: int) -> str:
    return "x" * (megabytes * 1024 * 1024)


def print_for_ever() -> None:
    while True:
        print("again and again " * 100)


def print_without_newline() -> None:
    print("half a line", end="")


def loop_for_ever(marker: str) -> None:
    """Write own and a child's process id, then never end, whatever SIGTERM says."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    target = Path(marker)
    target.with_suffix(".part").write_text(f"{os.getpid()} {child.pid}")
    target.with_suffix(".part").rename(target)
    while True:
        pass


def leave_a_child_behind() -> int:
    return Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


def leave_a_daemon_behind() -> int:
    """Start a process that left the group and keeps the pipes open."""
    return Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True).pid


def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


class Tool:
    @staticmethod
    def use() -> str:
        return "used"


def _private() -> None:
    run(["true"], check=True)


def say_everything(ctx) -> dict:
    """Use every part of the context; return what it knows."""
    ctx.log("warning", "careful", row=7, odd={1}, number=float("nan"))
    ctx.progress(0.5, "half", value={"done": 1})
    ctx.progress(float("nan"))
    ctx.heartbeat({"row": 7})
    known = ("execution", "path", "attempt", "idempotency_key", "deadline", "last_heartbeat", "cancelled")
    return {name: getattr(ctx, name) for name in known}


async def say_from_a_coroutine(ctx) -> str:
    await anyio.to_thread.run_sync(ctx.log, "info", "from a thread")
    return ctx.path


def keep(ctx, name: str, megabytes: int) -> dict:
    with ctx.artifact(name, "text/plain") as writer:
        for _ in range(megabytes):
            writer.write(b"x" * 1024 * 1024)
        writer.write(b"end")
    return writer.reference


def throw_away(ctx) -> str:
    try:
        with ctx.artifact("lost") as writer:
            writer.write(b"half")
            raise ValueError("changed my mind")
    except ValueError:
        return "thrown away"


def leave_open(ctx) -> None:
    ctx.artifact("open").write(b"x")


def beat(ctx, kind: str) -> None:
    given = {
        "set": {1},
        "large": "x" * 16_383,
        "nan": float("nan"),
        "half": "\ud800",
        "wide": {"text": "é" * 8000, "more": [1, 2]},
    }
    ctx.heartbeat(given[kind])


def log_badly(ctx) -> None:
    ctx.log("loud", "x")


def hand_over(ctx) -> str:
    return ctx.defer()


def stop_when_asked(ctx, marker: str, told: str) -> None:
    """Go on until cancelled, then say so."""
    Path(marker).touch()
    while not ctx.cancelled:
        time.sleep(0.01)
    Path(told).write_text("asked to stop")
    time.sleep(60)


def fail_with_causes() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise OSError("second") from error
    except OSError:
        raise ValueError("third")  # noqa: B904


def take_memory(megabytes: int) -> int:
    return len(bytearray(megabytes * 1024 * 1024))


def compute() -> None:
    while True:
        pass


def write_to_the_wire() -> None:
    """Send what is no frame to wherever the child's socket is."""
    for entry in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{entry}").startswith("socket:"):
                os.write(int(entry), b"\xff" * 64)
    time.sleep(60)


def measure(ctx, artifact: dict) -> dict:
    reader = ctx.open_artifact(artifact)
    sizes = [len(piece) for piece in reader]
    again = sum(len(piece) for piece in reader)
    return {"name": reader.name, "size": reader.size, "pieces": len(sizes), "read": [sum(sizes), again]}


async def measure_async(ctx, artifact: dict) -> int:
    return sum([len(piece) async for piece in ctx.open_artifact(artifact)])


def whisper(ctx, word: str) -> str:
    ctx.mask(word)
    print("printed", word, flush=True)
    ctx.log("info", f"logged {word}")
    return f"returned {word}"


def tell_token(ctx) -> None:
    ctx.log("info", ctx.defer())


def beat_for(ctx, seconds: float) -> str:
    """Beat every tenth of a second: the time itself is what is tested."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ctx.heartbeat()
        time.sleep(0.1)
    return "still here"
