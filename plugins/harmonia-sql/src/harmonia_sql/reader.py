"""Reading: separate connections, each question in a thread.

Readers go on while the writer commits; each question sees one committed state.
"""

from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from harmonia_core import StateBackendError, StateCorrupt

Value = TypeVar("Value")
Rest = ParamSpec("Rest")
# Connections, and threads that read at once.
READERS = 4


class Reader:
    """Answer questions about the committed state; any number may be asked at once.

    translate: turns an error of the driver, or of Core, into the contract's.
    damage: what was found damaged since the start, if anything was.
    """

    def __init__(self, engine: Engine, translate: Callable[[BaseException], StateBackendError]) -> None:
        self._engine, self._translate = engine, translate
        self._limiter = CapacityLimiter(READERS)
        self.damage: StateCorrupt | None = None

    async def ask(
        self,
        question: Callable[Concatenate[Connection, Rest], Value],
        *arguments: Rest.args,
        **options: Rest.kwargs,
    ) -> Value:
        """Run a question in a thread; raise the contract's errors."""
        answer = partial(self.answer, lambda core: question(core, *arguments, **options))
        return await to_thread.run_sync(answer, limiter=self._limiter)

    def answer(self, question: Callable[[Connection], Value]) -> Value:
        """Run a question on the caller's thread; raise the contract's errors."""
        try:
            try:
                return self._once(question)
            except DBAPIError as error:
                # A pooled connection that went while it was idle says nothing about the server.
                if not error.connection_invalidated:
                    raise
                return self._once(question)
        except SQLAlchemyError as error:
            failure = self._translate(error)
            if isinstance(failure, StateCorrupt):
                self.damage = failure
            raise failure from error

    def _once(self, question: Callable[[Connection], Value]) -> Value:
        with self._engine.connect() as core:
            return question(core)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
