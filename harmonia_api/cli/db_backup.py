"""`harmonia db backup`: a copy while work goes on."""

from typing import Any

import anyio

from harmonia_api.cli.db_store import Keeping, Progress
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.text import duration, size


def back_up(target: str, db: str | None, json: bool) -> int:
    """Write a copy and say where it is and how to restore it; return the exit code."""
    made = anyio.run(_made, target, db)
    if json:
        print_json(made)
        return 0
    print(f"{made['path']}: {size(made['bytes'])} in {duration(made['seconds'])}")
    print(f"To restore it, with no engine at work: {made['restore']}")
    return 0


async def _made(target: str, db: str | None) -> dict[str, Any]:
    progress = Progress()
    async with Keeping(db) as kept:
        try:
            return await kept.backend.backup(target, lambda done: progress.show(f"{done:.0%} copied"))
        finally:
            progress.clear()
