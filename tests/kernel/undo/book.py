"""Work that can be undone, and a book of what was done; a store that dies after so many units."""

from collections.abc import Sequence
from typing import Any

import anyio

from harmonia_core import PermanentError, TaskContext, TaskError, task_type
from harmonia_core.contracts.rows import Unit
from harmonia_core.contracts.state_backend import StateBackend


class Book:
    """Hold what was done and undone, by name, in order. failing: names whose undo fails so often."""

    def __init__(self, **failing: int) -> None:
        self.entries: list[tuple[str, str, str]] = []
        self.failing = failing
        self.holding: set[str] = set()

    def types(self) -> tuple[Any, ...]:
        """Return task types that write into this book."""

        @task_type("do")
        async def do(ctx: TaskContext, input: dict[str, Any]) -> dict[str, Any]:
            """Do something under a name."""
            if input["name"] in self.holding:
                await anyio.sleep_forever()
            self.entries.append(("do", input["name"], ctx.idempotency_key))
            return {"did": input["name"]}

        @task_type("undo")
        async def undo(ctx: TaskContext, input: dict[str, Any]) -> None:
            """Undo what was done under a name."""
            if f"undo {input['did']}" in self.holding:
                await anyio.sleep_forever()
            if self.failing.get(input["did"], 0) > 0:
                self.failing[input["did"]] -= 1
                raise TaskError("not now", code="not-now")
            self.entries.append(("undo", input["did"], ctx.idempotency_key))

        @task_type("broken")
        async def broken(ctx: TaskContext, input: dict[str, Any]) -> None:
            """Fail."""
            raise PermanentError("no", code=input.get("code", "broken"))

        return do, undo, broken

    def names(self, what: str) -> list[str]:
        """Return what was done or undone, in order."""
        return [name for kind, name, _ in self.entries if kind == what]


class Dying:
    """Let a store take so many units and nothing after them. happened: set once it has died."""

    def __init__(self, backend: StateBackend, units: int) -> None:
        self.happened = anyio.Event()
        self._left, self._submit = units, backend.submit
        backend.submit = self._taken  # type: ignore[method-assign]

    def _taken(self, units: Sequence[Unit], done: Any) -> None:
        if self._left <= 0:
            self.happened.set()
            return
        self._left -= len(units)
        self._submit(units, done)


def did(name: str, *after: str, **more: Any) -> dict[str, Any]:
    """Return a task that can be undone."""
    undo = {"type": "undo", "input": {"did": "${output.did}"}, "retry_policy": {"initial_delay": 1}}
    return {"type": "do", "input": {"name": name}, "depends_on": list(after), "compensate": undo, **more}


def broken(*after: str, **more: Any) -> dict[str, Any]:
    """Return a task that fails. input: its `code`."""
    return {"type": "broken", "depends_on": list(after), **more}
