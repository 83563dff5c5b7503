"""What a store holds when a workload is over, as notes of the history."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from pydantic_core import from_json

from harmonia_core import ExecutionQuery
from harmonia_core.host import Engine, Inspector

Note = Callable[..., None]


async def survey(engine: Engine, note: Note, limits: dict[str, int], secrets: list[str]) -> None:
    """Note every execution with its whole log, what waits to be taken up, and what an inspection finds."""
    async for row in _heads(engine):
        events = [
            (event.seq, event.type, event.at, _actor(event.actor), from_json(event.data))
            for event in await engine.backend.events(row.execution_id)
        ]
        note(
            "execution", execution=row.execution_id, workflow=row.workflow, status=row.status,
            labels=from_json(row.labels), parent=row.parent_id, events=events,
        )  # fmt: skip
    inspector = Inspector(engine.backend, engine.plugins, engine.settings)
    problems = [
        f"{report.execution_id} {problem.path}: {problem.message}"
        async for report in inspector.check()
        for problem in report.problems
    ]
    waiting = await engine.backend.requests()
    pending = [(row.execution_id, from_json(row.body).get("id")) for row in waiting if row.kind == "message"]
    note("facts", limits=limits, secrets=secrets, problems=problems, pending=pending)


async def _heads(engine: Engine) -> AsyncIterator[Any]:
    cursor = None
    while True:
        rows, cursor = await engine.backend.find(ExecutionQuery(namespace=None, limit=100, cursor=cursor))
        for row in rows:
            yield row
        if cursor is None:
            return


def _actor(text: str | None) -> str | None:
    return None if text is None else str(from_json(text)["id"])
