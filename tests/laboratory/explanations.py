"""Mutants that no test can kill, each with its reason; read from a file that people write."""

import tomllib
from pathlib import Path
from typing import NamedTuple

from mutant_running import SURVIVED, UNTESTED, Verdict

FILE = Path(__file__).with_name("equivalent_mutants.toml")
Key = tuple[str, str, str]


class Judgement(NamedTuple):
    """What a run comes to. stale: explanations of mutants that were killed, or are not made any more."""

    unexplained: list[Verdict]
    explained: list[Verdict]
    stale: list[Key]


def explanations(path: Path = FILE) -> dict[Key, str]:
    """Return the reason for each mutant that is called equivalent, by function, old and new text."""
    found: dict[Key, str] = {}
    for entry in tomllib.loads(path.read_text("utf-8")).get("equivalent", ()):
        for now in entry["now"] if isinstance(entry["now"], list) else [entry["now"]]:
            key = (entry["function"], entry["was"], now)
            assert key not in found, f"explained twice: {key}"
            assert entry["why"].strip(), f"no reason: {key}"
            found[key] = entry["why"]
    return found


def judged(verdicts: list[Verdict], reasons: dict[Key, str], modules: set[str]) -> Judgement:
    """Compare the survivors of some modules with what is explained."""
    left = [verdict for verdict in verdicts if verdict.outcome in (SURVIVED, UNTESTED)]
    alive = {verdict.mutant.key for verdict in left}
    stale = [key for key in reasons if key[0].partition(":")[0] in modules and key not in alive]
    return Judgement(
        [verdict for verdict in left if verdict.mutant.key not in reasons],
        [verdict for verdict in left if verdict.mutant.key in reasons],
        stale,
    )
