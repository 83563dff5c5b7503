"""Reading: separate connections, each question in a thread.

Readers go on while the writer commits; each question sees one committed state.
"""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from harmonia_core import StateBackendError

Value = TypeVar("Value")
Rest = ParamSpec("Rest")
# Connections, and threads that read at once.
READERS = 4


class Reader:
    """Answer questions about the committed state; any number may be asked at once.

    translate: turns an error of the driver, or of Core, into the contract's.
    """

    def __init__(self, engine: Engine, translate: Callable[[BaseException], StateBackendError]) -> None:
        self._engine, self._translate = engine, translate
        self._limiter = CapacityLimiter(READERS)

    async def ask(
        self,
        question: Callable[Concatenate[Connection, Rest], Value],
        *arguments: Rest.args,
        **options: Rest.kwargs,
    ) -> Value:
        """Run a question in a thread; raise the contract's errors."""

        def once() -> Value:
            with self._engine.connect() as core:
                return question(core, *arguments, **options)

        def answer() -> Value:
            try:
                try:
                    return once()
                except DBAPIError as error:
                    # A pooled connection that went while it was idle says nothing about the server.
                    if not error.connection_invalidated:
                        raise
                    return once()
            except SQLAlchemyError as error:
                raise self._translate(error) from error

        return await to_thread.run_sync(answer, limiter=self._limiter)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
