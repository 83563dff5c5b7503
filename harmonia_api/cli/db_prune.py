"""`harmonia db prune`: let ended executions go now, by a rule given here or by the configured ones."""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
from pydantic import ValidationError

from harmonia_api.cli.db_store import Keeping, Progress
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.source import Refused
from harmonia_api.cli.text import counted, size
from harmonia_core import Problem, Pruned
from harmonia_core.host import KernelSettings, Pruner, RetentionRule, SystemClock, rfc3339

_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)
_OPTIONS = {"keep_for": "--older-than", "keep_last": "--keep", "status": "--status", "labels": "--label"}


@dataclass
class Tally:
    """Count what goes, or would go. ends: of the oldest and the newest, epoch seconds."""

    statuses: Counter[str] = field(default_factory=Counter)
    oldest: float | None = None
    newest: float | None = None

    def add(self, doomed: Sequence[Any]) -> None:
        """Count executions."""
        for one in doomed:
            self.statuses[one.status] += 1
            self.oldest = one.ended_at if self.oldest is None else min(self.oldest, one.ended_at)
            self.newest = one.ended_at if self.newest is None else max(self.newest, one.ended_at)


def rule_of(
    older_than: str | None,
    keep: int | None,
    status: Sequence[str],
    workflow: str | None,
    namespace: str | None,
    labels: Sequence[str],
) -> RetentionRule | None:
    """Return the rule that options stand for, None if none was given; raise Refused."""
    if older_than is None and keep is None:
        if status or workflow or namespace or labels:
            message = "say how much is kept: --older-than DURATION or --keep N (--keep 0 lets all of them go)"
            raise Refused([Problem("option-missing", "", message)])
        return None
    pairs = [label.partition("=") for label in labels]
    problems = [
        Problem("option-invalid", "--label", f"{''.join(pair)!r} is not KEY=VALUE")
        for pair in pairs
        if not (pair[0] and pair[1])
    ]
    seconds = float(older_than) if older_than is not None and _SECONDS.fullmatch(older_than) else older_than
    given = {
        "keep_for": seconds,
        "keep_last": keep,
        "status": tuple(status),
        "workflow": workflow,
        "namespace": namespace,
        "labels": {pair[0]: pair[2] for pair in pairs},
    }
    try:
        rule = RetentionRule.model_validate(given)
    except ValidationError as error:
        raise Refused([*problems, *_problems(error)]) from None
    if problems:
        raise Refused(problems)
    return rule


def _problems(error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors(include_url=False):
        option = _OPTIONS.get(str(fault["loc"][0]), "")
        yield Problem("option-invalid", option, f"{fault['msg']}, not {fault['input']!r}")


def prune(rule: RetentionRule | None, dry_run: bool, vacuum: bool, db: str | None, json: bool) -> int:
    """Prune by one rule, or by the configured rules; print what went, and return the exit code."""
    print_found = print_json if json else _print
    print_found(anyio.run(_prune, rule, dry_run, vacuum, db))
    return 0


def rules_for(rule: RetentionRule | None, settings: KernelSettings) -> Sequence[RetentionRule]:
    """Return the rules to apply; raise Refused if there are none."""
    if rule is not None:
        return (rule,)
    if not settings.retention:
        message = (
            "there is no rule: give --older-than or --keep, or set HARMONIA_RETENTION, "
            'for example to [{"keep_for": "P30D"}]'
        )
        raise Refused([Problem("option-missing", "", message)])
    return settings.retention


async def _prune(rule: RetentionRule | None, dry_run: bool, vacuum: bool, db: str | None) -> dict[str, Any]:
    kept = Keeping(db)
    rules = rules_for(rule, kept.settings)
    tally, progress = Tally(), Progress()
    async with kept:
        before = await _bytes(kept)
        pruner = Pruner(kept.backend, rules, SystemClock())
        try:
            async for doomed in pruner.due():
                tally.add(doomed)
                if not dry_run:
                    await pruner.prune(doomed)
                progress.show(counted(tally.statuses.total(), "execution"))
            if not dry_run:
                await pruner.sweep()
            if vacuum and not dry_run:
                progress.show("vacuum")
                await kept.backend.vacuum()
        finally:
            progress.clear()
        after = await _bytes(kept)
    return _document(tally, pruner.total, before, after, dry_run, "settings" if rule is None else "options")


async def _bytes(kept: Keeping) -> Mapping[str, int]:
    sizes: Mapping[str, int] = (await kept.backend.describe())["bytes"]
    return sizes


def _document(
    tally: Tally, gone: Pruned, before: Mapping[str, int], after: Mapping[str, int], dry: bool, origin: str
) -> dict[str, Any]:
    return {
        "dry_run": dry,
        "rules": origin,
        "executions": dict(sorted(tally.statuses.items())),
        "oldest": None if tally.oldest is None else rfc3339(tally.oldest),
        "newest": None if tally.newest is None else rfc3339(tally.newest),
        "events": gone.events,
        "blobs": {"count": gone.blobs, "bytes": gone.bytes},
        "bytes": {"before": before, "after": after},
    }


def _print(found: Mapping[str, Any]) -> None:
    if found["rules"] == "settings":
        print("By the configured rules (HARMONIA_RETENTION).", file=sys.stderr)
    executions: Mapping[str, int] = found["executions"]
    if not executions:
        print("Nothing to prune.")
    else:
        verb = "would go" if found["dry_run"] else "pruned"
        parts = ", ".join(f"{count:,} {status}" for status, count in executions.items())
        print(f"{counted(sum(executions.values()), 'execution')} {verb}: {parts}")
        print(f"ended {found['oldest']} to {found['newest']}")
    if found["dry_run"]:
        return
    blobs = found["blobs"]
    if found["events"] or blobs["count"]:
        parts = f"{counted(found['events'], 'event')}, {counted(blobs['count'], 'blob')}"
        print(f"with {parts} ({size(blobs['bytes'])})")
    sizes = [_size(found["bytes"][when]) for when in ("before", "after")]
    print(f"size: {sizes[0]}" if sizes[0] == sizes[1] else f"size: {sizes[0]} before, {sizes[1]} now")


def _size(sizes: Mapping[str, int]) -> str:
    total = sum(number for name, number in sizes.items() if name != "free")
    free = f", {size(sizes['free'])} of it free for reuse" if sizes.get("free") else ""
    return f"{size(total)}{free}"
