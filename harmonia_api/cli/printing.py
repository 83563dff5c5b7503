"""What goes to stdout: JSON documents, JSON lines and tables, coloured only on a terminal."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harmonia_api.cli.text import cut

_CODES: Mapping[str, str] = {
    "bold": "1",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "magenta": "35",
    "cyan": "36",
    "bright_black": "90",
}
GAP = "  "
# JSON itself escapes what lies under 32.
_ESCAPES = {code: f"\\u{code:04x}" for code in range(127, 160)}
NARROW = 110
"""Characters in a line under which a table leaves something out."""


def print_json(document: Any) -> None:
    """Print one document: indented for people on a terminal, one line for programs."""
    print(indented(document) if sys.stdout.isatty() else json_line(document))


def indented(document: Any) -> str:
    """Return a document for people; characters that could steer a terminal are escaped."""
    return _dump(document, indent=2).translate(_ESCAPES)


def json_line(document: Any) -> str:
    """Return a document as one compact line."""
    return _dump(document, separators=(",", ":"))


def _dump(document: Any, **options: Any) -> str:
    """Return JSON in the letters that stdout can take, the others escaped."""
    text = json.dumps(document, ensure_ascii=False, **options)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return json.dumps(document, **options)
    return text


def terminal_width() -> int | None:
    """Return the characters in a line of stdout, None if it is no terminal."""
    if not sys.stdout.isatty():
        return None
    try:
        return int(os.environ.get("COLUMNS", "")) or None
    except ValueError:
        return os.get_terminal_size(sys.stdout.fileno()).columns


def paint(text: str, style: str) -> str:
    """Return a text in a style such as `bold red`, if stdout is a terminal and NO_COLOR is not set."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    codes = [] if plain else [_CODES[word] for word in style.split() if word in _CODES]
    return f"\033[{';'.join(codes)}m{text}\033[0m" if codes else text


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    styles: Mapping[str, str] | None = None,
    mark: Callable[[str], str] = str,
) -> None:
    """Print aligned columns under a header; on a terminal the last one is cut at its edge.

    styles: by the text of a cell, for the column `STATUS`. mark: what is done to the last one once it is cut.
    """
    table = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    edge = terminal_width()
    room = None if edge is None else max(10, edge - sum(widths[:-1]) - len(GAP) * (len(widths) - 1))
    status = header.index("STATUS") if "STATUS" in header else -1
    for number, row in enumerate(table):
        cells = [cell.ljust(size) for cell, size in zip(row[:-1], widths, strict=False)]
        if number and status >= 0 and styles:
            cells[status] = paint(cells[status], styles.get(row[status], ""))
        last = cut(row[-1], room)
        print(GAP.join([*cells, mark(last) if number else last]).rstrip())
