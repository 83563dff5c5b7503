"""A PostgreSQL cluster of one's own, with fsync on, reachable on the loopback address only."""

import json
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harmonia_sql.testing import binaries

ROLE = "harmonia"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "fsync": "on",
    "synchronous_commit": "on",
    "log_min_messages": "warning",
}
TRIES = 5


class ClusterFailed(Exception):
    """Say what went wrong with a program of PostgreSQL, and what it said."""


class Cluster:
    """Hold one cluster under a folder: its data, its socket, its log.

    The role `harmonia` owns the databases and is no superuser; `admin` is one.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self._programs = folder, programs
        self.port, self.password = 0, ""

    @classmethod
    def make(cls, folder: Path | None = None) -> "Cluster":
        """Make and start a cluster in a folder of its own, or in a given empty one."""
        programs = binaries.find_programs()
        if programs is None:
            raise ClusterFailed("PostgreSQL's programs were not found; on Debian: apt-get install postgresql")
        cluster = cls(folder or binaries.fresh_folder(), programs)
        cluster.password = secrets.token_hex(8)
        cluster._init()
        cluster.start()
        return cluster

    @classmethod
    def at(cls, folder: Path) -> "Cluster":
        """Return the cluster that was made in a folder, running or not."""
        programs = binaries.find_programs()
        if programs is None:
            raise ClusterFailed("PostgreSQL's programs were not found")
        cluster = cls(folder, programs)
        about = json.loads((folder / "cluster.json").read_text("utf-8"))
        cluster.port, cluster.password = about["port"], about["password"]
        return cluster

    @property
    def running(self) -> bool:
        """Tell whether the server runs."""
        return self._run("pg_ctl", "-D", self._data, "status", check=False).returncode == 0

    @property
    def log(self) -> str:
        """Return what the server has logged."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def url(self, database: str = "postgres", role: str = ROLE) -> str:
        """Return the URL of a database, password included."""
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server on its port, or on a free one at first; return when it accepts connections."""
        for left in reversed(range(TRIES)):
            fixed = self.port
            self.port = fixed or _free_port()
            settings = {**SETTINGS, "port": self.port, "unix_socket_directories": self.folder / "socket"}
            options = " ".join(f"-c {name}={value}" for name, value in settings.items())
            log = self.folder / "log"
            started = self._run(
                "pg_ctl", "-D", self._data, "-w", "-t", "60", "-l", log, "-o", options, "start", check=False
            )
            if started.returncode == 0:
                break
            if fixed or not left:
                raise ClusterFailed(f"The server did not start: {self.log[-2000:]}")
            self.port = 0
        self._save()

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` is like pulling the plug, recovery follows at the next start."""
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "-m", mode, "stop")

    def restart(self, mode: str = "fast") -> None:
        """Stop and start, on the same port."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Stop the server if it runs, and delete everything."""
        if self.running:
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str | None = None) -> str:
        """Make an empty database that the role owns; return its URL."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.psql(f'CREATE DATABASE "{name}" OWNER {ROLE}')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Delete a database, whoever is connected to it."""
        self.psql(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Run one statement as the superuser, through the socket; return its rows, `|` between columns."""
        command: list[Any] = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder / "socket"]
        done = self._run(*command, "-p", str(self.port), "-U", "admin", "-d", database, "-c", sql)
        return done.stdout.strip()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _init(self) -> None:
        for name in ("socket", "secret"):
            (self.folder / name).mkdir()
            binaries.give(self.folder / name)
        secret = self.folder / "secret" / "password"
        secret.write_text(self.password, "utf-8")
        binaries.give(secret)
        # A language's order by default: what must be ordered by code points has to say so.
        icu = ("--locale-provider=icu", "--icu-locale=en") if self._modern else ()
        options = ("-U", "admin", "-E", "UTF8", "--locale=C", *icu, "--no-sync", f"--pwfile={secret}")
        trust = ("--auth-local=trust", "--auth-host=scram-sha-256")
        self._run("initdb", "-D", self._data, *options, *trust)
        shutil.rmtree(self.folder / "secret")

    @property
    def _modern(self) -> bool:
        return binaries.major_version(self._programs) >= 15

    def _save(self) -> None:
        if not (self.folder / "cluster.json").exists():
            self.psql(f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self.password}'")
        about = {"port": self.port, "password": self.password}
        (self.folder / "cluster.json").write_text(json.dumps(about), "utf-8")

    def _run(self, program: str, *arguments: Any, check: bool = True) -> "subprocess.CompletedProcess[str]":
        command: Sequence[str] = [str(self._programs / program), *map(str, arguments)]
        user = binaries.server_user()
        whom: dict[str, Any] = {}
        if user is not None:
            whom = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        # The server inherits its starter's output: a pipe would stay open as long as it runs.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
            code = subprocess.run(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                check=False, **whom,
            ).returncode  # fmt: skip
            out.seek(0)
            told = out.read()
        if check and code:
            raise ClusterFailed(f"{program} ended with {code}: {told[-2000:]}")
        return subprocess.CompletedProcess(command, code, told)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
