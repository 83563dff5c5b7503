"""Open a store, write, and die at a chosen place: `python dying.py DATABASE statement|byte NUMBER`.

`statement`: the process kills itself when the writing connection begins its so-manieth statement of the
unit. `byte`: the system kills it (SIGXFSZ) in the middle of the write that would make a file longer
than it was by so many bytes. Ends with 0 and says `done` if it outlived the unit.
"""

import os
import resource
import signal
import sys
from pathlib import Path

import anyio

from harmonia_core import EngineRow
from harmonia_core.testing.state_backend_rows import event_row, put, request_row, start, step, task_row
from harmonia_sql import SQLITE
from harmonia_sql.sqlite import log_room


def unit_of_many_kinds():
    """Return a unit that touches several tables and takes many pages."""
    unit = step(1, 1, 40)
    unit.events = [event_row(1, seq, data='"' + "x" * 3000 + '"') for seq in range(2, 42)]
    unit.tasks = [task_row(1, position) for position in range(40)]
    unit.requests, unit.documents = [request_row("r")], [put("k", "1")]
    return unit


def die_at_statement(connection, number):
    """Have the process die when a connection begins its so-manieth statement from now on."""
    left = number

    def begins(sql):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.set_trace_callback(begins)


def die_at_byte(log, number):
    """Have the process die when the log gets longer than it is by so many bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    size = log.stat().st_size + number
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


async def main(path, kind, number):
    log_room.ROOM = 0
    backend = SQLITE.create(f"sqlite:///{path}", "auto")
    await backend.open(EngineRow(f"engine-{os.getpid()}", os.getpid(), "here", 1.0))
    await backend.commit(start(1))
    if kind == "statement":
        die_at_statement(backend._opened.writer.connection._connection, number)
    else:
        die_at_byte(Path(f"{path}-wal"), number)
    await backend.commit(unit_of_many_kinds())
    print("done", flush=True)
    os._exit(0)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
