"""Which execution another one was forked or continued from: an indexed expression over its head."""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement


class OriginId(FunctionElement[str]):
    """Stand for the id in the column `origin` of the table `execution`."""

    type = Text()
    inherit_cache = True
    name = "origin_id"


@compiles(OriginId)
def _sqlite(element: OriginId, compiler: Any, **options: Any) -> str:
    return "json_extract(origin, '$.execution')"


@compiles(OriginId, "postgresql")
def _postgresql(element: OriginId, compiler: Any, **options: Any) -> str:
    return "(origin::json ->> 'execution')"
