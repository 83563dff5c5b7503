"""`harmonia db status`: what is stored, how large it is, who is at work on it, whether it can be used."""

from collections.abc import Iterator, Mapping
from typing import Any

import anyio

from harmonia_api.cli import exits
from harmonia_api.cli.db_store import Keeping
from harmonia_api.cli.printing import print_json, print_table, terminal_width
from harmonia_api.cli.text import clean, cut, size
from harmonia_core import StateBackendError


def print_status(db: str | None, json: bool) -> int:
    """Print what is known of a store; return STORE if it cannot be used."""
    facts = anyio.run(_facts, db)
    if json:
        print_json(facts)
    else:
        _print(facts)
    return exits.COMPLETED if facts["health"]["ok"] else exits.STORE


async def _facts(db: str | None) -> dict[str, Any]:
    """Return the status, or what can be known of a store that cannot be used."""
    store = Keeping(db)
    try:
        async with store:
            facts = await store.inspector.status()
    except StateBackendError as error:
        facts = await store.backend.describe()
        facts["health"] = {"ok": False, "code": error.code, "error": str(error)}
    rules = store.settings.retention
    return {**facts, "retention": [rule.model_dump(mode="json", exclude_defaults=True) for rule in rules]}


def _print(facts: Mapping[str, Any]) -> None:
    width = terminal_width()
    for name, text in _lines(facts):
        print(cut(f"{name:<11} {clean(text)}", width))
    if facts.get("engines"):
        print()
        rows = [
            (engine["id"], _process(engine), _life(engine), str(engine["executions"]))
            for engine in facts["engines"]
        ]
        print_table(("ENGINE", "PROCESS", "STATUS", "EXECUTIONS"), rows)
    if not facts["health"]["ok"]:
        print()
        # Whole, whatever the width: it says what to do.
        print(f"{clean(facts['health']['error'])} [{facts['health']['code']}]")


def _lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    health = facts["health"]
    yield "store", f"{facts['backend']}, {facts['place']}"
    if facts.get("schema"):
        yield "schema", facts["schema"]
    if facts["bytes"]:
        yield "size", ", ".join(f"{name} {size(number)}" for name, number in facts["bytes"].items())
    if "executions" in facts:
        yield "executions", _executions(facts)
        yield from _counts(facts)
    yield "retention", _retention(facts["retention"])
    yield "health", f"ok, {1000 * health.get('seconds', 0):.1f} ms" if health["ok"] else "it cannot be used"


def _executions(facts: Mapping[str, Any]) -> str:
    found: Mapping[str, int] = facts["executions"]
    about = "about " if facts["estimated"] else ""
    text = ", ".join(f"{about}{count:,} {status}" for status, count in sorted(found.items()))
    unowned = facts.get("unowned", 0)
    return (text or "none") + (f"; {unowned:,} unfinished without an engine" if unowned else "")


def _counts(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    ended, blobs = facts["finished"], facts["blobs"]
    if ended["oldest"] is not None:
        yield "ended", f"{ended['oldest']} to {ended['newest']}"
    yield "requests", f"{facts['requests']:,} waiting"
    yield "blobs", f"{blobs['count']:,}, {size(blobs['bytes'])}"
    if facts.get("activity") is not None:
        yield "activity", f"{facts['activity']:,} entries"


def _retention(rules: list[Mapping[str, Any]]) -> str:
    if not rules:
        return "keeps everything"
    return "; ".join(", ".join(f"{name} {value}" for name, value in rule.items()) for rule in rules)


def _process(engine: Mapping[str, Any]) -> str:
    return "not known" if engine["pid"] is None else f"{engine['pid']} on {engine['host']}"


def _life(engine: Mapping[str, Any]) -> str:
    return "alive" if engine["alive"] else "gone: harmonia recover"
