"""Copy a process that has imported everything, whenever a test asks for one: importing takes a second.

What comes out is a process like any other, with an id, streams, environment and folder of its own, which
can be stopped and killed. It did not go through the start of an interpreter, which other tests look at.
Reads requests from the socket that it was started with: JSON, with the files to write to.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
import traceback
from typing import Any

PACKAGES = ("harmonia_api", "harmonia_core", "harmonia_sql", "harmonia_tasks", "harmonia_net")
MOST = 1 << 20


def main() -> None:
    """Serve until the other side is gone."""
    with socket.socket(fileno=int(sys.argv[1])) as control:
        for package in PACKAGES:
            import_all(package)
        gc.collect()
        gc.freeze()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the test's own terminal means the test
        signal.signal(signal.SIGCHLD, lambda *_: tell(control))
        while True:
            data, files, _, _ = socket.recv_fds(control, MOST, 2)
            if not data:
                return
            begin(control, json.loads(data), files)


def import_all(package: str) -> None:
    """Import a package and all that is in it, as far as it can be imported here."""
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if ".testing" not in found.name:
            try:
                importlib.import_module(found.name)
            except ImportError:
                continue


def tell(control: socket.socket) -> None:
    """Say which processes have ended, and how."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        control.send(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def begin(control: socket.socket, wish: dict[str, Any], files: list[int]) -> None:
    """Copy this process, and say which the copy is."""
    signal.pthread_sigmask(
        signal.SIG_BLOCK, (signal.SIGCHLD,)
    )  # first that it has begun, then that it has ended
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            control.close()
            prepare(wish, files)
            code = run(sys.argv[0])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    for file in files:
        os.close(file)
    control.send(json.dumps({"begun": pid}).encode())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))


def prepare(wish: dict[str, Any], files: list[int]) -> None:
    """Make a copy what it would be if it had been started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
    nothing = os.open(os.devnull, os.O_RDONLY)
    for place, file in enumerate((nothing, *files)):
        os.dup2(file, place)
        os.close(file)
    os.chdir(wish["folder"])
    os.environ.clear()
    os.environ.update(wish["environment"])
    sys.argv = wish["command"]
    sys.path[0] = os.path.dirname(sys.argv[0])
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))


def run(program: str) -> int:
    """Run a program of Python to its end; return its exit code."""
    try:
        runpy.run_path(program, run_name="__main__")
        code: Any = 0
    except SystemExit as exit:
        code = exit.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    main()
