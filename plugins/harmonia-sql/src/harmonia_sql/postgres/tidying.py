"""Make the space of deleted rows usable again, as soon as that is worth it.

The server's autovacuum does the same, but looks round once a minute: by then a busy store
would have grown by thirty thousand executions, and would stay that large.
"""

import logging
from collections.abc import Iterable
from contextlib import closing

import psycopg
from sqlalchemy import Table

from harmonia_core import StateBackendError
from harmonia_sql import tables
from harmonia_sql.postgres.address import Address
from harmonia_sql.postgres.connection import SETTINGS, connect
from harmonia_sql.postgres.errors import translate
from harmonia_sql.pruning_texts import OWN

logger = logging.getLogger(__name__)

# Executions that are pruned between two vacuums: at least so many, and this share of all.
LEAST, SHARE = 500, 0.1
# To cut off its end a table would be needed alone; if somebody vacuums it now, that will do.
GENTLY = "SKIP_LOCKED, TRUNCATE FALSE"
EMPTIED = (tables.execution, *OWN, tables.blob_reference, tables.blob, tables.blob_chunk)


class Tidying:
    """Count what is pruned, and vacuum when it is enough."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pruned, self._enough = 0, LEAST

    def note(self, executions: int) -> bool:
        """Note that so many executions were pruned; tell whether it is time to vacuum."""
        self._pruned += executions
        return self._pruned >= self._enough

    def vacuum(self) -> None:
        """Vacuum what pruning empties. Blocks, but keeps nobody waiting; a fault is only reported."""
        self._pruned = 0
        try:
            self._enough = max(LEAST, int(SHARE * vacuum(self._address, EMPTIED, GENTLY)))
        except StateBackendError as error:
            logger.warning("The space of pruned executions could not be made usable again: %s", error)


def vacuum(address: Address, emptied: Iterable[Table], options: str) -> float:
    """Vacuum tables, with options of VACUUM; return about how many executions there are."""
    try:
        with closing(connect(address, {**SETTINGS, "statement_timeout": "0"})) as connection:
            for table in emptied:
                connection.execute(f"VACUUM ({options}) {table.name}".encode())
            found = connection.execute(
                b"SELECT reltuples FROM pg_class WHERE oid = 'execution'::regclass"
            ).fetchone()
    except psycopg.Error as error:
        raise translate(error, address) from error
    return float(found[0]) if found else 0.0
