"""`harmonia executions logs`: what the tasks of an execution said, one entry a line."""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from itertools import islice
from typing import Any

from harmonia_api.cli.printing import NARROW, json_line, paint, terminal_width
from harmonia_api.cli.reading import read_store
from harmonia_api.cli.text import clean, cut
from harmonia_core.host import Engine

LEVELS = ("debug", "info", "warning", "error")
PAGE = 500
_STYLES: Mapping[str, str] = {
    "debug": "bright_black",
    "warning": "yellow",
    "error": "bold red",
    "progress": "cyan",
}


def print_logs(
    execution_id: str,
    task: str | None,
    level: str | None,
    after: int | None,
    follow: bool,
    limit: int | None,
    db: str | None,
    json: bool,
) -> int:
    """Print entries: all of them, or `limit`, the first behind `after` or else the last."""
    levels = LEVELS[LEVELS.index(level) :] if level else ()

    async def entries(engine: Engine) -> AsyncGenerator[dict[str, Any], None]:
        start = after or 0
        if limit is not None and after is None:
            last = await engine.logs(execution_id, 0, limit, task, levels=levels, newest=True)
            start = last[-1]["position"] if last else 0
            for entry in last:
                yield entry
            if not follow:
                return
        if follow:
            async with aclosing(engine.follow_logs(execution_id, start, task, levels=levels)) as going_on:
                async for entry in going_on:
                    yield entry
            return
        while page := await engine.logs(execution_id, start, PAGE, task, levels=levels):
            for entry in page:
                yield entry
            start = page[-1]["position"]

    async def printed(engine: Engine) -> int:
        lines, most = Lines(), limit if limit is not None and after is not None else None
        async with aclosing(entries(engine)) as found:
            async for entry in found:
                if lines.count == most:
                    print(f"More: --after {lines.last}", file=sys.stderr)
                    break
                print(json_line(entry) if json else lines.line(entry), flush=follow)
                lines.count, lines.last = lines.count + 1, entry["position"]
        return lines.count

    if not read_store(db, printed) and not json:
        print("No entries.", file=sys.stderr)
    return 0


class Lines:
    """Make lines for people; the column of the task grows with what is shown.

    count: lines so far. last: the position of the last one.
    """

    def __init__(self) -> None:
        self.count, self.last = 0, 0
        self._width = terminal_width()
        narrow = self._width is not None and self._width < NARROW
        self._time = slice(11, 23) if narrow else slice(0, None)
        self._widest, self._most = 12, 16 if narrow else 40

    def line(self, entry: Mapping[str, Any]) -> str:
        """Return an entry as time, task, level and what was said, cut at the edge of a terminal."""
        who = entry["path"] + (f"#{entry['attempt']}" if entry["attempt"] > 1 else "")
        who = cut(who or "(execution)", self._most)
        self._widest = max(self._widest, len(who))
        level = entry.get("level", entry["kind"])
        text = f"{entry['at'][self._time]}  {who:<{self._widest}}  {level:<8}  {said(entry)}"
        return paint(cut(text.rstrip(), self._width), _STYLES.get(level, ""))


def said(entry: Mapping[str, Any]) -> str:
    """Return what an entry says: text, how far, and its fields, on one line."""
    parts = [f"{entry['fraction']:4.0%}"] if "fraction" in entry else []
    parts += [clean(entry["text"])] if entry.get("text") else []
    fields = {name: value for name, value in (entry.get("fields") or {}).items() if name != "stream"}
    if "value" in entry:
        fields["value"] = entry["value"]
    parts += [f"{clean(name)}={_value(value)}" for name, value in islice(fields.items(), 20)]
    return "  ".join(parts)


def _value(value: Any) -> str:
    plain = isinstance(value, str) and value.isprintable() and not set(value) & set(' "')
    return value if plain and value else clean(json_line(value))
