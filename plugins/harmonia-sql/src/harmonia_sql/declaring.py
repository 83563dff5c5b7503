"""How tables, their columns and partial indexes are declared for both databases."""

from sqlalchemy import Column, Float, Index, MetaData, PrimaryKeyConstraint, Table
from sqlalchemy import text as sql
from sqlalchemy.sql.schema import SchemaItem

from harmonia_sql.columns import NUMBER, TEXT
from harmonia_sql.origins import OriginId

metadata = MetaData()


def text(name: str, *, null: bool = False) -> Column[str]:
    """Declare a column of text."""
    return Column(name, TEXT, nullable=null)


def number(name: str, *, null: bool = False) -> Column[int]:
    """Declare a column of whole numbers."""
    return Column(name, NUMBER, nullable=null)


def time(name: str, *, null: bool = False) -> Column[float]:
    """Declare a column of epoch seconds."""
    return Column(name, Float, nullable=null)


def table(
    name: str, *items: SchemaItem, key: tuple[str, ...], clustered: bool = True, fill: int | None = None
) -> Table:
    """Declare a table with its primary key."""
    # Clustered: rows lie in the tree of their key, one write each instead of two. Not for large rows.
    # Fill: percent of a page that PostgreSQL fills at first. A row that is updated again and again finds
    # room for its next version beside it, and no index is written (execution: 70, task: 85).
    primary = PrimaryKeyConstraint(*key)
    info = {} if fill is None else {"fill": fill}
    return Table(name, metadata, *items, primary, sqlite_with_rowid=not clustered, info=info)


def partial(name: str, *columns: str | OriginId, where: str) -> Index:
    """Declare an index of the rows that a condition holds for."""
    condition = sql(where)
    return Index(name, *columns, sqlite_where=condition, info={"where": condition})


def give_postgres_options() -> None:
    """Give the tables what only PostgreSQL has; apart, because to name it loads its dialect, 50 ms."""
    for one in metadata.tables.values():
        if "fill" in one.info:
            one.dialect_options["postgresql"]["with"] = {"fillfactor": one.info["fill"]}
        for index in one.indexes:
            if "where" in index.info:
                index.dialect_options["postgresql"]["where"] = index.info["where"]
