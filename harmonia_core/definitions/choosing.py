"""Which version a definition is published under, and why. Pure."""

from dataclasses import dataclass
from typing import Literal

from harmonia_core.definitions.changes import Change, definition_changes, weightiest
from harmonia_core.definitions.errors import VersionExists
from harmonia_core.definitions.load import load_data
from harmonia_core.definitions.records import Release, newest_first
from harmonia_core.definitions.versions import Level, read_version
from harmonia_core.errors import DefinitionInvalid, Problem
from harmonia_core.model.definition import WorkflowDefinition

Bump = Literal["auto", "major", "minor", "patch"]
REASONS = 20
"""Reasons that are kept with a version; the diff has them all."""


@dataclass(frozen=True, slots=True)
class Newest:
    """Hold the newest version of a name that is no pre-release, archived or not, with its content."""

    release: Release
    definition: WorkflowDefinition


@dataclass(frozen=True, slots=True)
class Choice:
    """Say what is published.

    stands: the version that has this content already; nothing is written then.
    changes: since the newest version.
    """

    definition: WorkflowDefinition
    level: Level | None = None
    changes: tuple[Change, ...] = ()
    stands: Release | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what decided on the level."""
        return tuple(str(change) for change in self.changes if change.level == self.level)[:REASONS]


def newest_release(releases: list[Release]) -> Release | None:
    """Return what the next version is counted from: archived versions count, pre-releases do not."""
    return next((one for one in newest_first(releases) if not one.order.pre), None)


def choose(
    definition: WorkflowDefinition, releases: list[Release], newest: Newest | None, bump: Bump | None
) -> Choice:
    """Return under which version a definition goes.

    Without `bump` it is the one that the definition says; with it the one behind the newest, whatever
    the definition says, and the same content again is the newest itself.
    Raises VersionExists, DefinitionInvalid for a version that is not whole.
    """
    changes = _changes(definition, newest)
    if bump is not None and newest is not None:
        level = weightiest(changes)
        if level is None:
            return Choice(definition, stands=newest.release)
        step = level if bump == "auto" else bump
        definition = at_version(definition, str(newest.release.order.next(step)))
        return _free(Choice(definition, level, changes), releases)
    if read_version(definition.version) is None:
        raise DefinitionInvalid([_not_whole(definition.version)])
    return _free(Choice(definition, weightiest(changes), changes), releases)


def _changes(definition: WorkflowDefinition, newest: Newest | None) -> tuple[Change, ...]:
    if newest is None:
        return ()
    return tuple(definition_changes(newest.definition.as_data(), definition.as_data()))


def _free(choice: Choice, releases: list[Release]) -> Choice:
    """Return the choice; what stands under its version must be the same."""
    definition = choice.definition
    given = definition.content_hash()
    for one in releases:
        if one.version == definition.version:
            if one.hash != given:
                raise VersionExists(one.name, one.version, one.hash, given)
            return Choice(definition, stands=one)
    return choice


def at_version(definition: WorkflowDefinition, version: str) -> WorkflowDefinition:
    """Return the same definition under another version."""
    found = load_data({**definition.as_data(), "version": version}).definition
    assert found is not None
    return found


def _not_whole(version: str) -> Problem:
    return Problem(
        "version-incomplete", "version", f"{version!r} cannot be published: three numbers are needed",
        suggestion="such as 1.4.0, perhaps with '-rc.1' behind",
    )  # fmt: skip
