"""SQLite, as far as statements and transactions are concerned."""

from sqlalchemy.dialects.sqlite import dialect, insert

from harmonia_sql.dialect import Dialect
from harmonia_sql.sqlite.errors import fatal

SQLITE_DIALECT = Dialect(
    core=dialect(paramstyle="qmark"),
    insert=insert,
    checked=lambda update, count: update,
    placeholder=lambda column: "?",
    fatal=fatal,
    raced=lambda error: False,
    turn="",
    cascades=True,
    few_heads=8,
    touches_twice=True,
)
