"""Places in a JSON body: `data.items`, `data[-1].id`, `["@odata.nextLink"]`. Pure."""

import json
import re
from functools import lru_cache
from typing import Any, Final

MISSING: Final = object()
"""What `find` returns for a place that is not there; null is a value."""

_STEP = re.compile(r'\.?([A-Za-z_@$][\w@$-]*)|\[(-?[0-9]{1,9})\]|\[("(?:[^"\\]|\\.)*")\]')


@lru_cache(maxsize=256)
def steps(path: str) -> tuple[str | int, ...]:
    """Return the steps of a path, none for the empty one; raise ValueError for what is no path.

    A negative position counts from the end.
    """
    found: list[str | int] = []
    place = 0
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None or (match[1] and (place > 0) is not (path[place] == ".")):
            raise ValueError(f"{path!r} is no path into a body; write it like data.items or data[0].id")
        name, index, key = match.groups()
        found.append(name or (int(index) if index else json.loads(key)))
        place = match.end()
    return tuple(found)


def find(body: Any, path: str) -> Any:
    """Return the value at a path, or MISSING."""
    for step in steps(path):
        if isinstance(step, str):
            body = body.get(step, MISSING) if isinstance(body, dict) else MISSING
        else:
            inside = isinstance(body, list) and -len(body) <= step < len(body)
            body = body[step] if inside else MISSING
        if body is MISSING:
            break
    return body
