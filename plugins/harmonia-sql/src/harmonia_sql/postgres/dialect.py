"""PostgreSQL, as far as statements and transactions are concerned."""

from typing import Any

from sqlalchemy import BigInteger, Column, Float
from sqlalchemy.dialects.postgresql import dialect, insert

from harmonia_sql.dialect import Dialect
from harmonia_sql.postgres.errors import fatal, raced


def _checked(update: str, count: int) -> str:
    # The transaction has to fail by itself, for its end is sent together with the update.
    return f"WITH moved AS ({update} RETURNING 1) SELECT 1 / (count(*) = {count})::int FROM moved"


def _placeholder(column: Column[Any]) -> str:
    if isinstance(column.type, BigInteger):
        return "?::bigint"
    return "?::double precision" if isinstance(column.type, Float) else "?::text"


POSTGRES_DIALECT = Dialect(
    core=dialect(paramstyle="qmark"),  # type: ignore[no-untyped-call]
    insert=insert,
    checked=_checked,
    placeholder=_placeholder,
    fatal=fatal,
    raced=raced,
    turn="SELECT pg_advisory_xact_lock(hashtextextended('harmonia ' || ?, 0))",
    cascades=False,
    few_heads=2,
    touches_twice=False,
)
