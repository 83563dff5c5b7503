"""Semantic versions, and references to them such as `order@^1.4`. Pure.

Order and names are those of semver.org; what `^` covers is what most package tools mean by it.
"""

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Literal

from harmonia_core.definitions.errors import ReferenceInvalid
from harmonia_core.ids import is_name

Level = Literal["major", "minor", "patch"]
LEVELS: tuple[Level, ...] = ("patch", "minor", "major")
"""What a change means for those who use a workflow, least first."""

_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_NUMBER = r"(0|[1-9]\d{0,17})"
_WHOLE = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?", re.ASCII
)
_PART = re.compile(rf"(\^?){_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?", re.ASCII)


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """Hold a whole version. pre: what stands behind `-`, such as `rc.1`; build: behind `+`."""

    major: int
    minor: int
    patch: int
    pre: str = ""
    build: str = ""

    def __str__(self) -> str:
        pre, build = self.pre and f"-{self.pre}", self.build and f"+{self.build}"
        return f"{self.major}.{self.minor}.{self.patch}{pre}{build}"

    def __lt__(self, other: "Version") -> bool:
        return self._place < other._place

    @property
    def core(self) -> tuple[int, int, int]:
        """Return the three numbers."""
        return self.major, self.minor, self.patch

    @property
    def _place(self) -> tuple[object, ...]:
        parts = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre.split(".") if part
        )
        return self.core, not self.pre, parts, self.build

    def next(self, level: Level) -> "Version":
        """Return the version behind this one for a change of a level.

        Under 1.0.0 nothing is promised yet: what would be major is minor there, and the rest patch.
        """
        major, minor, patch = self.core
        step = LEVELS.index(level) - (major == 0 and level != "patch")
        if step == 2:
            return Version(major + 1, 0, 0)
        return Version(major, minor + 1, 0) if step == 1 else Version(major, minor, patch + 1)


def read_version(text: str) -> Version | None:
    """Return a whole version, None for anything else: `1.4` lacks a number, `01.0.0` is none."""
    found = _WHOLE.fullmatch(text)
    if found is None:
        return None
    return Version(int(found[1]), int(found[2]), int(found[3]), found[4] or "", found[5] or "")


@dataclass(frozen=True, slots=True)
class Reference:
    """Name a workflow, and which of its versions are meant.

    pinned: exactly this one. lowest, below: any from the one up to but without the other, the newest
    of them; with neither, the newest of all.
    """

    name: str
    wanted: str = ""
    pinned: Version | None = None
    lowest: Version | None = None
    below: Version | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.wanted}" if self.wanted else self.name

    def allows(self, version: Version) -> bool:
        """Tell whether a version is meant; a pre-release is only if it is pinned."""
        if self.pinned is not None:
            return version == self.pinned
        if version.pre:
            return False
        above = self.lowest is None or version.core >= self.lowest.core
        return above and (self.below is None or version.core < self.below.core)


def read_reference(text: str) -> Reference:
    """Return what `name`, `name@1.4.0`, `name@^1.4`, `name@1` or `name@1.4` mean; raise ReferenceInvalid."""
    name, at, wanted = text.partition("@")
    if not is_name(name):
        raise ReferenceInvalid(text, f"{name[:80]!r} is no name of a workflow")
    if not at or wanted == "latest":
        return Reference(name)
    pinned = read_version(wanted)
    if pinned is not None:
        return Reference(name, wanted, pinned=pinned)
    found = _PART.fullmatch(wanted)
    if found is None:
        raise ReferenceInvalid(text, f"{wanted[:80]!r} is no version; write 1.4.0, ^1.4, 1.4, 1 or latest")
    numbers = [int(part) for part in found.groups()[1:] if part is not None]
    lowest = _made(*numbers)
    below = _end_of_compatible(lowest, len(numbers)) if found[1] else _behind(lowest, len(numbers) - 1)
    return Reference(name, wanted, lowest=lowest, below=below)


def _end_of_compatible(lowest: Version, given: int) -> Version:
    """Return where `^` ends: behind the first number that is not zero, or the last one given."""
    first = next((place for place, part in enumerate(lowest.core) if part), given - 1)
    return _behind(lowest, min(first, given - 1))


def _behind(version: Version, place: int) -> Version:
    return _made(*(*version.core[:place], version.core[place] + 1))


def _made(major: int, minor: int = 0, patch: int = 0) -> Version:
    return Version(major, minor, patch)
