"""Copy our schema with the server's own `pg_dump`, which reads one instant while commits go on."""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import psycopg
from anyio import to_thread
from psycopg.conninfo import make_conninfo

from harmonia_core import BackupRefused, StateCorrupt, StateFull, StateUnavailable
from harmonia_sql.new_file import claim, put_in_place, sync
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import READING, connect
from harmonia_sql.postgres.errors import translate
from harmonia_sql.postgres.programs import find_dump

# What is never an argument of a program: everybody on the machine can read those.
SECRET = frozenset({"password", "sslpassword"})
NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")


async def dump(address: Address, target: Path, progress: Callable[[float], None] | None) -> dict[str, Any]:
    """Write the target; when cancelled, end `pg_dump` and leave nothing behind."""
    begun = time.monotonic()
    if "sslpassword" in address.parameters:
        raise BackupRefused("pg_dump takes no sslpassword but as an argument that others can read; use a key "
                            "without one (sslkey) for the backup.")  # fmt: skip
    server, schema = await to_thread.run_sync(_look, address)
    program = await to_thread.run_sync(find_dump, server)
    partial = await to_thread.run_sync(claim, target)
    try:
        await _run(address, schema, program, partial, target)
        await _check(program, partial)
        size = partial.stat().st_size
        await to_thread.run_sync(_finish, partial, target)
    except OSError as error:
        raise StateUnavailable(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)
    if progress is not None:
        progress(1.0)
    seconds = round(time.monotonic() - begun, 3)
    return {"path": str(target), "bytes": size, "seconds": seconds, "restore": _restore(address, target)}


def _look(address: Address) -> tuple[int, str]:
    """Return the server's major version and the name of our schema."""
    try:
        with closing(connect(address, READING)) as connection:
            row = connection.execute("SELECT current_schema()").fetchone()
            return connection.info.server_version // 10000, str(row[0] if row else "public")
    except psycopg.Error as error:
        raise translate(error, address) from error


async def _run(address: Address, schema: str, program: Path, partial: Path, target: Path) -> None:
    shown = {name: value for name, value in address.parameters.items() if name not in SECRET}
    quoted = '"' + schema.replace('"', '""') + '"'
    # Every database has the schema public already; only its tables are to be made.
    which = f"--table={quoted}.*" if schema == "public" else f"--schema={quoted}"
    command = [
        str(program), "--format=custom", "--no-password", which, f"--file={partial}",
        f"--dbname={make_conninfo('', **shown)}",
    ]  # fmt: skip
    said = await _call(command, _environment(address))
    if said is None:
        return
    if any(sign in said for sign in NO_ROOM):
        raise StateFull(
            f"There is no room for {target}. Nothing is left of it; free space on its disk, then try again."
        )
    raise StateUnavailable(f"pg_dump could not copy the database {address}: {said}")


def _environment(address: Address) -> Mapping[str, str]:
    password = address.parameters.get("password")
    return {**os.environ, **({} if password is None else {"PGPASSWORD": password})}


async def _call(command: list[str], environment: Mapping[str, str]) -> str | None:
    """Run a program to its end; return None if it did well, else what it said last."""
    done = await anyio.run_process(
        command, env=environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if done.returncode == 0:
        return None
    lines = (done.stderr or b"").decode(errors="replace").strip().splitlines()
    return " ".join(lines[-3:]) or f"it ended with {done.returncode}"


async def _check(program: Path, partial: Path) -> None:
    """Have the dump read to its end; raise StateCorrupt if it cannot be."""
    said = await _call(
        [str(program.with_name("pg_restore")), f"--file={os.devnull}", str(partial)], os.environ
    )
    if said is not None:
        raise StateCorrupt(f"The copy cannot be read back ({said}), so it was removed.")


def _finish(partial: Path, target: Path) -> None:
    sync(partial)
    put_in_place(partial, target)


def _restore(address: Address, target: Path) -> str:
    """Return the command that restores into a new database beside the old one."""
    known = {"--host": "host", "--port": "port", "--username": "user"}
    given = address.parameters
    server = [f"{option}={given[name]}" for option, name in known.items() if name in given]
    name = f"{given.get('dbname', 'harmonia')}_restored"
    make = ["createdb", *server, name]
    fill = ["pg_restore", *server, "--no-owner", "--exit-on-error", f"--dbname={name}", str(target)]
    return f"{shlex.join(make)} && {shlex.join(fill)}"
