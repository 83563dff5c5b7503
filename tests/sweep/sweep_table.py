"""Show what came of a sweep, a line for each definition."""

from collections.abc import Sequence
from typing import Any

HEAD = ("DEFINITION", "STORE", "POINTS", "CRASHES", "EQUAL")


def row_of(store: str, swept: Any) -> dict[str, Any]:
    """Return what is shown of one definition on one store, as JSON."""
    return {
        "definition": swept.name,
        "store": store,
        "points": swept.points,
        "crashes": swept.crashes,
        "runs": swept.runs,
        "wrong": len(swept.wrong),
    }


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of a table, with the sums below it."""
    cells = [HEAD, *(_cells(row) for row in sorted(rows, key=lambda row: (row["store"], row["definition"])))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if n < 2 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    runs, wrong = sum(row["runs"] for row in rows), sum(row["wrong"] for row in rows)
    sums = f"{len(rows)} sweeps, {sum(row['crashes'] for row in rows):,} crashes in {runs:,} runs"
    return [*lines, f"{sums}: {'all outcomes equal' if not wrong else f'{wrong:,} NOT equal'}"]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    equal = "all" if not row["wrong"] else f"{row['runs'] - row['wrong']} of {row['runs']}"
    return row["definition"], row["store"], f"{row['points']:,}", f"{row['crashes']:,}", equal
