"""What differs between databases in a statement and its running, as one small object for whoever needs it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, Table
from sqlalchemy.engine import Dialect as CoreDialect
from sqlalchemy.sql.expression import ClauseElement

from harmonia_core import StateBackendError


class Discord(StateBackendError):
    """Tell that a group of units does not fit the database; which one is not known yet."""


class Cursor(Protocol):
    """What a cursor of the writing connection does. Parameters stand as `?` in the text, in order.

    A database behind a network may send statements later and together: what a statement
    did is certain once something was fetched, or the transaction has ended.
    """

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run one statement for each row of parameters."""
        ...

    def expect(self, sql: str, parameters: Sequence[Any], count: int, /) -> None:
        """Run a checked statement; the transaction fails with Discord unless it touches `count` rows."""
        ...

    def settle(self) -> None:
        """Make certain that everything so far has been done; raise what went wrong."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """Hold what the shared statements and the shared transaction need to know about a database.

    core: compiles statements of Core with `?` for each parameter.
    insert: makes an insert that knows `ON CONFLICT`.
    checked: (update, count) give the text that `Cursor.expect` runs.
    placeholder: stands for a column's value in a `VALUES` group that is no insert.
    fatal: tells whether an error concerns the database and not just the rows of one unit.
    raced: tells whether an error may come from a row that somebody else wrote at the same time.
    turn: a statement with one text that waits until nobody else holds that name in an open
        transaction; empty where there is one writer anyway.
    cascades: deleting a head deletes the rest of its execution, unless that is noted as half deleted.
    few_heads: below this many, single updates are quicker than one update of many rows.
    touches_twice: one statement may insert a row and then replace it.
    """

    core: CoreDialect
    insert: Callable[[Table], Any]
    checked: Callable[[str, int], str]
    placeholder: Callable[[Column[Any]], str]
    fatal: Callable[[Exception], bool]
    raced: Callable[[Exception], bool]
    turn: str
    cascades: bool
    few_heads: int
    touches_twice: bool

    def text_of(self, statement: ClauseElement) -> str:
        """Compile a statement to text, with `?` for each parameter in order of appearance."""
        return str(statement.compile(dialect=self.core))
