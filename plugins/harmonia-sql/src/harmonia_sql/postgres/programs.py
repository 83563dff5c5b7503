"""Find the client programs of PostgreSQL that are new enough for a server."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harmonia_core import BackupRefused

DISTRIBUTION = Path("/usr/lib/postgresql")


def find_dump(server: int, distribution: Path = DISTRIBUTION) -> Path:
    """Return a `pg_dump` that can read a server of this major version.

    Looked for on PATH, where `pg_config` says, and in the distribution's folders, newest first. Raises
    BackupRefused, naming the package.
    """
    found: dict[Path, int] = {}
    for program in places("pg_dump", distribution):
        if program.exists() and program not in found:
            found[program] = version(program)
            if found[program] >= server:
                return program
    package = f"Install the package postgresql-client-{server} (or newer)"
    if not found:
        raise BackupRefused(f"pg_dump was not found. {package}, or put it on PATH.")
    newest = max(found.values())
    raise BackupRefused(
        f"pg_dump is of version {newest}, but the server of {server}: an older one cannot read it. {package}."
    )


def version(program: Path) -> int:
    """Return the major version of a program, 0 if it does not tell."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\) (\d+)", told.stdout)
    return int(number[1]) if number else 0


def places(name: str, distribution: Path = DISTRIBUTION) -> Iterator[Path]:
    """Return where a program may be: on PATH, where `pg_config` says, in the distribution's folders."""
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        if told.stdout.strip():
            yield Path(told.stdout.strip()) / name
    folders = [path for path in distribution.glob("*/bin") if path.parent.name.isdigit()]
    for folder in sorted(folders, key=lambda path: int(path.parent.name), reverse=True):
        yield folder / name
