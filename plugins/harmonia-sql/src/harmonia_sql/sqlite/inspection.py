"""What checking an SQLite file needs: sizes, SQLite's own check, copies."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from harmonia_core import Problem
from harmonia_sql.sqlite.address import Address
from harmonia_sql.sqlite.backup import back_up
from harmonia_sql.sqlite.whereabouts import log_of

MOST_FAULTS = 100


class SqliteInspection:
    """Look below the tables of one file. begin: a reading transaction of WAL sees one instant anyway."""

    begin = ("BEGIN",)

    def __init__(self, address: Address) -> None:
        self._address = address

    def outside(self) -> Mapping[str, Any]:
        """Return the path, and the sizes of the file and of its write-ahead log."""
        path = self._address.path
        sizes = {"file": path, "log": log_of(path)}
        return {
            "backend": "sqlite",
            "place": str(path),
            "bytes": {name: size for name, file in sizes.items() if (size := _size(file)) is not None},
        }

    def sizes(self, core: Connection) -> dict[str, int]:
        """Return how much of the file is free pages."""
        pages, size = (
            core.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("freelist_count", "page_size")
        )
        return {"free": pages * size}

    def verify(self, core: Connection) -> list[Problem]:
        """Have SQLite check its pages, rows and indexes."""
        try:
            found = [row[0] for row in core.exec_driver_sql(f"PRAGMA integrity_check({MOST_FAULTS})")]
        except DatabaseError as error:
            found = [str(error.orig)]
        mend = "restore it from a backup; `sqlite3 FILE .recover` may save what is left"
        return [
            Problem("store-damaged", str(self._address.path), fault, suggestion=mend)
            for fault in found
            if fault != "ok"
        ]

    async def backup(self, target: str, progress: Callable[[float], None] | None) -> dict[str, Any]:
        """Copy the file; see `back_up`."""
        return await back_up(self._address, Path(target).absolute(), progress)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None
