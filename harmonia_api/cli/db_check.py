"""`harmonia db check`: every fold equals its projections, or what does not is named."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from harmonia_api.cli import exits
from harmonia_api.cli.db_store import Keeping, Progress, print_problems
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import clean, counted
from harmonia_core import Problem
from harmonia_core.host import parse_rfc3339

# Problems in a JSON document; the rest is counted.
MOST_PROBLEMS = 10_000
# It says what could not be checked here, which is no fault.
NOT_VERIFIED = "not-verified"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass
class Findings:
    """Count what is found; keep only what is printed at the end."""

    executions: int = 0
    events: int = 0
    found: int = 0
    differing: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, problems: Sequence[Problem]) -> None:
        """Count problems, and keep them as long as there are not too many."""
        self.found += len(problems)
        self.problems += problems[: max(0, MOST_PROBLEMS - len(self.problems))]


def check(
    execution_ids: Sequence[str],
    since: str | None,
    sample: int | None,
    deep: bool,
    db: str | None,
    json: bool,
) -> int:
    """Check a store and print what is found; return the exit code."""
    moment = None if since is None else _moment(since)
    found = anyio.run(_checked, execution_ids, moment, sample, deep, db, json)
    if json:
        print_json(
            {
                "executions": found.executions,
                "events": found.events,
                "found": found.found,
                "problems": [problem.as_json() for problem in found.problems],
                "notes": [{"note": note, "executions": count} for note, count in found.notes.items()],
            }
        )
    else:
        _conclude(found)
    return exits.FAILED if found.found else exits.COMPLETED


def _moment(text: str) -> float:
    try:
        return parse_rfc3339(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValueError:
        message = f"{text!r} is no moment"
        hint = "give 2026-01-31 or 2026-01-31T12:00:00Z"
        raise Refused([Problem("time-invalid", "--since", message, suggestion=hint)]) from None


async def _checked(
    execution_ids: Sequence[str],
    since: float | None,
    sample: int | None,
    deep: bool,
    db: str | None,
    json: bool,
) -> Findings:
    found, progress = Findings(), Progress()
    async with Keeping(db) as kept:
        if not execution_ids and since is None and sample is None:
            progress.show("Checking the store below its executions ...")
            _tell(found, await _below(kept, found), progress, json)
        reports = kept.inspector.check(execution_ids, since=since, sample=sample, deep=deep)
        async for report in reports:
            found.executions += 1
            found.events += report.events
            found.notes.update(report.notes)
            found.differing += bool(report.problems)
            _tell(found, report.problems, progress, json)
            progress.show(f"{counted(found.executions, 'execution')} checked")
    progress.clear()
    return found


async def _below(kept: Keeping, found: Findings) -> list[Problem]:
    problems = await kept.inspector.verify()
    found.notes.update(problem.message for problem in problems if problem.code == NOT_VERIFIED)
    return [problem for problem in problems if problem.code != NOT_VERIFIED]


def _tell(found: Findings, problems: Sequence[Problem], progress: Progress, json: bool) -> None:
    """Print problems as they are found, so that a long check need not end to say something."""
    if not problems:
        return
    if json:
        found.add(problems)
        return
    progress.clear()
    found.found += len(problems)
    print_problems(problems)


def _conclude(found: Findings) -> None:
    for note, count in found.notes.items():
        print(f"Note: {clean(note)}" + (f" ({counted(count, 'execution')})" if count > 1 else ""))
    looked = f"{counted(found.executions, 'execution')}, {counted(found.events, 'event')}"
    if not found.found:
        print(f"{looked}: all well.")
    else:
        print(
            f"{looked}: {counted(found.found, 'problem')}, {counted(found.differing, 'execution')} concerned."
        )
