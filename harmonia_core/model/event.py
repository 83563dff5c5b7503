"""The root of all facts; each family of events has a module, and `events` has them all."""

from typing import ClassVar


class Event:
    """Root of all facts. `V` is the version of the shape that is written today."""

    __slots__ = ()
    V: ClassVar[int] = 1
