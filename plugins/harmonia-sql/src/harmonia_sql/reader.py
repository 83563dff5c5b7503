"""Reading: separate connections, each question in a thread.

Readers go on while the writer commits; each question sees one committed state.
"""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from harmonia_sql.connection import Address, connect
from harmonia_sql.errors import translate

Value = TypeVar("Value")
Rest = ParamSpec("Rest")
# Connections, and threads that read at once.
READERS = 4


class Reader:
    """Answer questions about the committed state; any number may be asked at once."""

    def __init__(self, address: Address) -> None:
        self._path = address.path
        self._limiter = CapacityLimiter(READERS)
        self._engine = create_engine(
            "sqlite://",
            creator=lambda: connect(address, read_only=True),
            poolclass=QueuePool,
            pool_size=READERS,
            max_overflow=0,
            pool_reset_on_return=None,
        )

    async def ask(
        self,
        question: Callable[Concatenate[Connection, Rest], Value],
        *arguments: Rest.args,
        **options: Rest.kwargs,
    ) -> Value:
        """Run a question in a thread; raise the contract's errors."""

        def answer() -> Value:
            try:
                with self._engine.connect() as core:
                    return question(core, *arguments, **options)
            except SQLAlchemyError as error:
                raise translate(error, self._path) from error

        return await to_thread.run_sync(answer, limiter=self._limiter)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
