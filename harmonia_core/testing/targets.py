"""How a test names tasks: by id, by path, by a pattern of paths. Pure."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from harmonia_core.ids import is_name
from harmonia_core.model.addresses import UNDO
from harmonia_core.testing.refusals import TargetInvalid

ID, PATTERN, EXACT = 2, 3, 4
"""How exactly a target names a task; by its type is 1. The most exact one counts."""
_PART = re.compile(r"(?P<name>\*|[A-Za-z_][A-Za-z0-9_-]*)(?P<numbers>(?:\[(?:\d+|\*)\])*)(?P<undo>~undo)?")
_NUMBERS = re.compile(r"\[\d+\]")
_ANY = r"(?:\[\d+\])*"


class Target(NamedTuple):
    """Hold a read target. by_id: it names the last part of a path, wherever that stands. exact: one path.

    runs: of paths of tasks that ran. stands: of their places in the definition, which have no numbers.
    """

    text: str
    by_id: bool
    exact: bool
    runs: re.Pattern[str]
    stands: re.Pattern[str]

    def rank(self, paths: Iterable[str]) -> int:
        """Return how exactly this names a task that has these paths, 0 for not at all."""
        found = 0
        for path in paths:
            if self.exact and path == self.text:
                return EXACT
            if self.by_id:
                found = max(found, ID if last_id(path) == self.text else 0)
            elif self.runs.fullmatch(path):
                found = PATTERN
        return found

    def may_name(self, places: Iterable[str]) -> bool:
        """Tell whether this can name a task that stands at one of these places of the definition."""
        if self.by_id:
            return any(last_id(place) == self.text for place in places)
        return any(self.stands.fullmatch(place) for place in places)


def read_target(text: object) -> Target:
    """Read a target: `charge`, `pay/invoice`, `ship[3]`, `days[*]/review`, `**/charge`, `charge~undo`.

    `*` is any id or number, `**` any number of parts; numbers that are left out may be any.
    Raises TargetInvalid.
    """
    if not isinstance(text, str) or not text:
        raise TargetInvalid(f"{text!r} names no task; write its id or its path, such as 'pay/invoice'.")
    if is_name(text.removesuffix(UNDO)):
        return Target(text, True, False, _NEVER, _NEVER)
    parts = text.split("/")
    if "." in text:
        hint = text.replace(".", "/")
        raise TargetInvalid(f"{text!r} names no task: the parts of a path are joined by '/': {hint!r}.")
    wild = "*" in text
    return Target(text, False, not wild, _pattern(text, parts, True), _pattern(text, parts, False))


def last_id(path: str) -> str:
    """Return the id at the end of a path, without its numbers."""
    return _NUMBERS.sub("", path.rpartition("/")[2])


def place_of(path: str) -> str:
    """Return the place of the definition at which a path leads, which has no numbers."""
    return _NUMBERS.sub("", path)


def _pattern(text: str, parts: list[str], numbered: bool) -> re.Pattern[str]:
    found = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            found += ".+" if last else "(?:[^/]+/)*"
            continue
        match = _PART.fullmatch(part)
        if match is None:
            raise TargetInvalid(
                f"{part!r} in {text!r} is no part of a path; write an id, with numbers in brackets behind it,"
                " or '*'."
            )
        found += _one(match, numbered, last) + ("" if last else "/")
    return re.compile(found)


def _one(match: re.Match[str], numbered: bool, last: bool) -> str:
    name = r"[^/\[\]~]+" if match["name"] == "*" else re.escape(match["name"])
    if numbered:
        given = match["numbers"]
        name += re.escape(given).replace(r"\*", r"\d+") + ("" if given and last else _ANY)
    return name + (match["undo"] or "")


_NEVER = re.compile(r"(?!)")
