"""The guard of one command: starts it under limits, and ends it with everything that it started.

Run as a file by an isolated interpreter, with few and quick imports; its argument is the number
of a socket to the engine. An order comes in, then at most one byte: TERMINATE. The socket's end
means that the engine is gone, or wants the command dead. Lines about the command go out.

The command leads a process group of its own. On Linux the guard also adopts every process that
the command's processes leave behind, so even one that left the group is found.
"""

import errno
import marshal
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

TERMINATE = b"t"
HEAD = 8
"""Bytes before the order: how many it has."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
PYTHON_IGNORES = (signal.SIGPIPE, signal.SIGXFSZ)


def main() -> None:
    """Carry out one order and leave nothing behind."""
    control = int(sys.argv[1])
    os.set_inheritable(control, False)
    order = marshal.loads(_receive(control, int.from_bytes(_receive(control, HEAD), "big")))
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    children = _watch_children()
    control_process = _process_control()
    control_process(PR_SET_CHILD_SUBREAPER, 1)
    begun = time.monotonic()
    command, fault = _start(order, control_process)
    for descriptor in (0, 1, 2, *order["keep"]):  # their ends must be seen when the command's are closed
        os.close(descriptor)
    _tell(control, fault or f"started {command}")
    if not fault:
        _wait(control, children, command, order["grace"])
    seconds = time.monotonic() - begun
    status = _sweep(command)
    _tell(control, f"ended {status} {seconds:.6f}")


def _receive(control: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(control, size - len(data))
        if not piece:  # nothing has been started yet
            sys.exit()
        data += piece
    return data


def _tell(control: int, line: str) -> None:
    with suppress(OSError):  # the engine may be gone
        os.write(control, line.encode() + b"\n")


def _watch_children() -> int:
    """Return a descriptor that becomes readable when a child ends."""
    ends, told = os.pipe()
    os.set_blocking(ends, False)
    os.set_blocking(told, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    return ends


def _children_file() -> str:
    return f"/proc/self/task/{os.getpid()}/children"


def _process_control() -> Callable[[int, int], Any]:
    """Return Linux's `prctl`; a function that does nothing where children cannot be listed."""
    if not os.path.exists(_children_file()):
        return lambda option, value: None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda option, value: prctl(option, value, 0, 0, 0)


def _start(order: dict[str, Any], control_process: Callable[[int, int], Any]) -> tuple[int, str]:
    """Start the command; return its process id, and the line that says why it could not be started."""
    outcome, tell = os.pipe()
    try:
        command = os.fork()
    except OSError as error:
        return 0, f"failed fork {error.errno}"
    if command == 0:
        control_process(PR_SET_PDEATHSIG, signal.SIGKILL)  # even the guard may be killed
        _become(order, tell)
    os.close(tell)
    fault = os.read(outcome, 100).decode()  # ends without a word when the command takes over
    os.close(outcome)
    return command, fault


def _become(order: dict[str, Any], tell: int) -> NoReturn:
    stage = "start"
    try:
        os.setpgid(0, 0)
        for number in (*IGNORED, *PYTHON_IGNORES, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        stage = "cwd"
        if order["cwd"] is not None:
            os.chdir(order["cwd"])
        stage = "limit"
        for name, value in order["limits"].items():
            _limit(getattr(resource, name), value)
        stage = "exec"
        os.execvpe(order["argv"][0], order["argv"], order["env"])
    except OSError as error:
        os.write(tell, f"failed {stage} {error.errno}".encode())
    except BaseException:
        os.write(tell, f"failed {stage} {errno.ENOMEM if stage == 'exec' else 0}".encode())
    os._exit(127)


def _limit(kind: int, value: int) -> None:
    """Set a limit, below the one that holds already. CPU time first warns, a second later it kills."""
    hard = resource.getrlimit(kind)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    beyond = soft + 1 if kind == resource.RLIMIT_CPU else soft
    resource.setrlimit(kind, (soft, beyond if hard == resource.RLIM_INFINITY else min(beyond, hard)))


def _wait(control: int, children: int, command: int, grace: float) -> None:
    """Return when the command has ended, or should have."""
    ready = select.poll()
    ready.register(control, select.POLLIN)
    ready.register(children, select.POLLIN)
    killed_at: float | None = None
    while not _has_ended(command):
        left = None if killed_at is None else killed_at - time.monotonic()
        if left is not None and left <= 0:
            return
        found = [descriptor for descriptor, _ in ready.poll(None if left is None else left * 1000 + 1)]
        if children in found:
            os.read(children, 4096)
        if control in found:
            if not _is_asked_politely(control):
                return
            with suppress(OSError):  # a command may have become another user's
                os.killpg(command, signal.SIGTERM)
            killed_at = killed_at or time.monotonic() + grace


def _is_asked_politely(control: int) -> bool:
    """Tell whether the command is to be asked to end; a socket that is closed or reset says: at once."""
    try:
        return os.read(control, 1) == TERMINATE
    except OSError:  # an end that was closed with unread data resets the connection
        return False


def _has_ended(command: int) -> bool:
    """Tell whether the command has ended, without reaping it: its id must stay its group's."""
    while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
        if found.si_pid == command:
            return True
        os.waitpid(found.si_pid, 0)
    return False


def _sweep(command: int) -> int:
    """Kill and reap every process that is left; return the command's wait status."""
    status, reaped = 0, 0
    while True:
        with suppress(OSError):
            if command and reaped != command:
                os.killpg(command, signal.SIGKILL)
        for child in _children():
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            reaped, found = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        if reaped == command:
            status, command = found, 0


def _children() -> list[int]:
    try:
        with open(_children_file()) as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    main()
