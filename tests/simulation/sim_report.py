"""What a person reads of a simulation: a summary, and a violation as a short history. 80 columns."""

import textwrap
from collections.abc import Iterator, Sequence

import yaml
from sim_coverage import Seen, rows
from sim_ledger import Violated
from sim_plan import Plan
from sim_world import Result

WIDTH = 80


def _wrapped(label: str, text: str, indent: int = 24) -> Iterator[str]:
    lines = textwrap.wrap(text, WIDTH - indent, break_on_hyphens=False) or [""]
    yield f"{label:<{indent}}{lines[0]}"
    yield from (" " * indent + line for line in lines[1:])


def summary(
    seeds: int, first: int, seconds: float, seen: Seen, totals: Sequence[tuple[str, str]]
) -> list[str]:
    """Return the lines about a number of seeds. seconds: of CPU time."""
    each = 1000 * seconds / max(1, seeds)
    lines = [
        *_wrapped("seeds", f"{seeds:,} ({first} to {first + seeds - 1}), {seconds:.1f} s, {each:.0f} ms each")
    ]
    for label, text in totals:
        lines += _wrapped(label, text)
    for what, count, never in rows(seen):
        lines += _wrapped(what, f"{count} seen")
        if never:
            lines += _wrapped("  never", never)
    return lines


def history(result: Result, violation: Violated | None) -> list[str]:
    """Return a run as a person reads it: what was decided, what happened, how to see it again."""
    seed = result.plan.seed
    lines = [f"VIOLATION in seed {seed}" if violation else f"seed {seed}"]
    if violation is not None:
        lines += textwrap.wrap(str(violation), WIDTH)
    lines += ["", *_decided(result.plan), "", f"{'time':>9}  {'who':<7} what"]
    for at, who, what in result.trace:
        first, *rest = textwrap.wrap(what.splitlines()[0] if what else "", WIDTH - 19) or [""]
        lines.append(f"{at:9.3f}  {who:<7} {first}")
        lines += [f"{'':19}{line}" for line in rest]
    return [*lines, "", f"See it again: make simulate SEED={seed}" if violation else "Nothing is violated."]


def _decided(plan: Plan) -> Iterator[str]:
    begun = {one.more[0] for one in plan.decisions if one.kind == "start"}
    for definition, _ in (plan.sketches[number] for number in sorted(begun)):
        text = yaml.safe_dump(definition, sort_keys=False, default_flow_style=None, width=WIDTH - 2)
        yield from text.rstrip().splitlines()
    share = f"answers late by up to {plan.slow:g} s, {plan.faulty:.0%} fail, {plan.doubled:.0%} told twice"
    yield from textwrap.wrap(f"{plan.engines} engine(s); {share}", WIDTH)
    settings = ", ".join(f"{name} {value}" for name, value in plan.settings.items())
    yield from textwrap.wrap(settings, WIDTH)
    yield ""
    yield from (f"{one.at:9.3f}  {one.told}" for one in plan.decisions)
