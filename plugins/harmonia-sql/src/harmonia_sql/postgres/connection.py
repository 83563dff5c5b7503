"""Connections to one PostgreSQL database, with the settings that each kind has."""

import logging
from collections.abc import Mapping
from typing import Any

import psycopg

from harmonia_sql.postgres.address import Address

logger = logging.getLogger(__name__)

# Seconds: until a server that does not answer is given up, and for how long a dead network goes unnoticed.
CONNECT_TIMEOUT = 10
NETWORK = {
    "connect_timeout": str(CONNECT_TIMEOUT),
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "harmonia",
    "client_encoding": "UTF8",
}
SETTINGS = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "idle_session_timeout": "0",
    "statement_timeout": "30s",
}
READING = {**SETTINGS, "default_transaction_read_only": "on"}
# Each statement finds its rows by a key. Plans are made once and kept while tables grow, so one made
# for a small table must not read the whole of it.
WRITING = {
    **SETTINGS,
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "5s",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
# The lock that is the sign of life must not outlive its process for long when a machine dies.
LIVING = {
    **SETTINGS,
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
# Since which version (as the server counts) a setting exists.
SINCE = {"idle_session_timeout": 140000}


DURABILITY = (
    b"SELECT current_setting('fsync'), CASE current_setting('synchronous_commit') "
    b"WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END"
)


def connect_durably(address: Address) -> psycopg.Connection:
    """Open the connection that writes: what it commits is on the disk, whatever the database's default."""
    connection = connect(address, WRITING)
    try:
        row = connection.execute(DURABILITY).fetchone()
    except BaseException:
        connection.close()
        raise
    if row and row[0] == "off":
        logger.warning(
            "The server of the database %s has fsync off: a crash of it may lose everything.", address
        )
    return connection


def connect(address: Address, settings: Mapping[str, str]) -> psycopg.Connection:
    """Open a connection in autocommit; any thread may use it, one at a time. Raises psycopg's errors."""
    parameters: dict[str, Any] = {**NETWORK, **address.parameters}
    connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)
    try:
        version = connection.info.server_version
        known = {name: value for name, value in settings.items() if version >= SINCE.get(name, 0)}
        calls = ", ".join(["set_config(%s, %s, false)"] * len(known))
        connection.execute(f"SELECT {calls}".encode(), [part for pair in known.items() for part in pair])
    except BaseException:
        connection.close()
        raise
    return connection
