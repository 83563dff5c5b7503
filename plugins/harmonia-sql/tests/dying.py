"""Open a store, write, and die at a chosen place.

`python dying.py FOLDER`: processes, each with a store of its own (`0.db`, `1.db`, ...), kill themselves
when the writing connection begins the so-manieth statement of the unit, until one outlives it; says
by which signal each ended. `python dying.py DATABASE NUMBER`: the system kills the process (SIGXFSZ) in
the middle of the write that would make a file longer than it was by so many bytes; ends with 0 and says
`done` if it outlived the unit.
"""

import os
import resource
import signal
import sys
import traceback
from itertools import count
from pathlib import Path

import anyio

from harmonia_core import EngineRow
from harmonia_core.testing.state_backend_rows import event_row, put, request_row, start, step, task_row
from harmonia_sql.backend import SqlBackend
from harmonia_sql.sqlite import log_room
from harmonia_sql.sqlite.opening import SqliteDatabase
from harmonia_sql.sqlite.whereabouts import log_of


def unit_of_many_kinds():
    """Return a unit that touches several tables and takes many pages."""
    unit = step(1, 1, 40)
    unit.events = [event_row(1, seq, data='"' + "x" * 3000 + '"') for seq in range(2, 42)]
    unit.tasks = [task_row(1, position) for position in range(40)]
    unit.requests, unit.documents = [request_row("r")], [put("k", "1")]
    return unit


def die_at_statement(backend, number):
    """Have the process die when the writing connection begins its so-manieth statement from now on."""
    left = number

    def begins(sql):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    backend._opened.writer.connection._connection.set_trace_callback(begins)


def die_at_byte(backend, number):
    """Have the process die when the log gets longer than it is by so many bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    size = log_of(backend._database.address.path).stat().st_size + number
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


async def write(path, die_at, number):
    log_room.ROOM = 0
    backend = SqlBackend(SqliteDatabase(f"sqlite:///{path}"))
    await backend.open(EngineRow(f"engine-{os.getpid()}", os.getpid(), "here", 1.0))
    await backend.commit(start(1))
    die_at(backend, number)
    await backend.commit(unit_of_many_kinds())


def write_in_a_child(path, number):
    """Write in a process of its own, which has imported everything already; return how it ended."""
    child = os.fork()
    if not child:
        try:
            anyio.run(write, path, die_at_statement, number)
        except Exception:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at_each_statement(folder):
    for number in count():
        end = write_in_a_child(folder / f"{number}.db", number)
        print(-end, flush=True)
        if end >= 0:
            os._exit(end)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        die_at_each_statement(Path(sys.argv[1]))
    anyio.run(write, sys.argv[1], die_at_byte, int(sys.argv[2]))
    print("done", flush=True)
    os._exit(0)
