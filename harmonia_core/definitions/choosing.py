"""Which version a definition is published under, and why. Pure."""

from dataclasses import dataclass, replace
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
class Before:
    """Hold the version that a new one follows, with its content."""

    release: Release
    definition: WorkflowDefinition


@dataclass(frozen=True, slots=True)
class Choice:
    """Say what is published.

    stands: the version that has this content already; nothing is written then.
    since, changes: the version that it follows, and what differs from it.
    """

    definition: WorkflowDefinition
    level: Level | None = None
    changes: tuple[Change, ...] = ()
    stands: Release | None = None
    since: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what decided on the level."""
        return tuple(str(change) for change in self.changes if change.level == self.level)[:REASONS]


def follows(definition: WorkflowDefinition, releases: list[Release], bump: Bump | None) -> Release | None:
    """Return the version that a definition follows: the newest, without `bump` the one below its own.

    Archived versions count, pre-releases do not.
    """
    own = read_version(definition.version) if bump is None else None
    below = (one for one in newest_first(releases) if own is None or one.order < own)
    return next((one for one in below if not one.order.pre), None)


def choose(
    definition: WorkflowDefinition, releases: list[Release], before: Before | None, bump: Bump | None
) -> Choice:
    """Return under which version a definition goes. before: what it `follows`.

    Without `bump` it is the one that the definition says; with it the one behind the newest, whatever
    the definition says, and the same content again is the newest itself.
    Raises VersionExists, DefinitionInvalid for a version that is not whole.
    """
    if before is None or bump is None:
        if read_version(definition.version) is None:
            raise DefinitionInvalid([_not_whole(definition.version)])
        return _free(_choice(definition, before), releases)
    choice = _choice(definition, before)
    if choice.level is None:
        return replace(choice, stands=before.release)
    step = choice.level if bump == "auto" else bump
    moved = at_version(definition, str(before.release.order.next(step)))
    return _free(replace(choice, definition=moved), releases)


def _choice(definition: WorkflowDefinition, before: Before | None) -> Choice:
    if before is None:
        return Choice(definition)
    changes = tuple(definition_changes(before.definition.as_data(), definition.as_data()))
    return Choice(definition, weightiest(changes), changes, since=before.release.version)


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
