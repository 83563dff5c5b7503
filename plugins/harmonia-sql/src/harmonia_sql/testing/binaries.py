"""Where PostgreSQL's programs are, and as whom they may run: the server refuses root."""

import os
import pwd
import subprocess
import tempfile
from itertools import takewhile
from pathlib import Path

from harmonia_sql.postgres.programs import places

# Oldest major version that has everything: pg_xact_status, DROP DATABASE ... WITH (FORCE).
OLDEST = 13
UNPRIVILEGED = ("postgres", "nobody")


def find_programs() -> Path | None:
    """Return the folder of `initdb`, `pg_ctl` and `postgres`: from PATH, pg_config or the distribution."""
    # What lies on PATH may be a link to where the others are.
    folders = (place.resolve().parent for place in places("initdb"))
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def major_version(programs: Path) -> int:
    """Return the major version of the server."""
    told = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    # 15.4, but also 18beta1 and 19devel.
    return int("".join(takewhile(str.isdigit, told.stdout.split()[2])))


def server_user() -> pwd.struct_passwd | None:
    """Return whom the server runs as: None for whoever runs this, an unprivileged user instead of root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in UNPRIVILEGED if name in known)


def reachable(folder: Path) -> bool:
    """Tell whether everybody may pass through to a folder."""
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def fresh_folder() -> Path:
    """Make a folder of the server's user in a place that this user may reach."""
    places = (Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm"))
    place = next((place for place in places if place.is_dir() and reachable(place)), places[0])
    folder = Path(tempfile.mkdtemp(prefix="harmonia-postgres-", dir=place))
    give(folder)
    return folder


def give(folder: Path) -> None:
    """Hand a folder to the server's user."""
    user = server_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
