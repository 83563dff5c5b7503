"""The types of columns, the same in tables and migrations. They never change: another type is another name.

Text is compared by code points everywhere: ids, keys and cursors stand in the order that SQLite gives them,
whatever language a PostgreSQL database sorts by.
"""

from sqlalchemy import BigInteger, Integer, Text

TEXT = Text(collation="C").with_variant(Text(), "sqlite")
# SQLite's integers have 64 bits anyway, and only one declared INTEGER can be its row id.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
