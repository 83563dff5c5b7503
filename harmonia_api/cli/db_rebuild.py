"""`harmonia db rebuild`: projections written anew from the logs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import anyio

from harmonia_api.cli import exits
from harmonia_api.cli.db_store import Keeping, Progress, print_problems
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.text import counted
from harmonia_core.host import Rebuilt

_WORDS = {
    "rebuilt": "rebuilt",
    "would-rebuild": "would be rebuilt",
    "refused": "left alone, for its log cannot be read whole",
    "busy": "left to its engine, which writes all the time; try again",
}


def rebuild(execution_ids: Sequence[str], every: bool, dry_run: bool, db: str | None, json: bool) -> int:
    """Rebuild and print what became of each execution that was not as it should be; return the exit code."""
    counts: Counter[str] = Counter()
    documents: list[dict[str, Any]] = []
    anyio.run(_rebuilt, execution_ids, every, dry_run, db, counts, documents if json else None)
    if json:
        print_json({"counts": dict(counts), "executions": documents})
    else:
        print(_summary(counts))
    return exits.FAILED if counts["refused"] or counts["busy"] or counts["left"] else exits.COMPLETED


def _summary(counts: Counter[str]) -> str:
    looked = sum(counts[name] for name in (*_WORDS, "unchanged"))
    parts = [
        f"{counts[name]:,} {words}"
        for name, words in (
            ("rebuilt", "rebuilt"),
            ("would-rebuild", "would be rebuilt"),
            ("refused", "left alone"),
            ("busy", "busy"),
        )
        if counts[name]
    ]
    return f"{counted(looked, 'execution')}: {', '.join(parts) or 'nothing to rebuild'}."


async def _rebuilt(
    execution_ids: Sequence[str],
    every: bool,
    dry_run: bool,
    db: str | None,
    counts: Counter[str],
    documents: list[dict[str, Any]] | None,
) -> None:
    progress, looked = Progress(), 0
    async with Keeping(db) as kept:
        async for done in kept.inspector.rebuild(execution_ids, every=every, dry_run=dry_run):
            looked += 1
            counts[done.outcome] += 1
            counts["left"] += done.outcome in ("rebuilt", "unchanged") and bool(done.problems)
            if done.outcome != "unchanged" or done.problems:
                progress.clear()
                _tell(done, documents)
            progress.show(f"{counted(looked, 'execution')} looked at")
    progress.clear()


def _tell(done: Rebuilt, documents: list[dict[str, Any]] | None) -> None:
    if documents is not None:
        problems = [problem.as_json() for problem in done.problems]
        documents.append({"id": done.execution_id, "outcome": done.outcome, "problems": problems})
        return
    if done.outcome in _WORDS:
        print(f"{done.execution_id}: {_WORDS[done.outcome]}")
    print_problems(done.problems)
