"""One process, one command: call it, and leave with its exit code whatever it left behind."""

import os
import sys
import threading
import traceback
from contextlib import suppress
from typing import NoReturn

BUG, INTERRUPTED = 70, 130


def run_process() -> NoReturn:
    """Run the command of `sys.argv`; never returns."""
    leave(_call())


def leave(code: int) -> NoReturn:
    """End the process now, with everything printed that was said.

    A thread that does not answer (a task that was abandoned) does not hold the process.
    """
    _flush()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        os._exit(code)
    sys.exit(code)


def _call() -> int:
    try:
        from harmonia_api.cli.app import app, own_commands

        if len(sys.argv) > 1 and sys.argv[1] not in own_commands():
            from harmonia_api.cli.plugin_commands import run_plugin_command

            code = run_plugin_command(sys.argv[1:], own_commands())
            if code is not None:
                return code
        app(prog_name="harmonia")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except BaseException:
        traceback.print_exc()
        print(
            "This is a bug in Harmonia or in a plugin; please report it with the lines above.",
            file=sys.stderr,
        )
        return BUG
    return 0


def _flush() -> None:
    """Flush both streams; a reader that has gone (`| head`) is no error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
