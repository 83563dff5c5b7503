"""What is written down about named definitions: names, versions, drafts. Pure.

A version's content never changes, nor does what its record says of it; only labels and the archive
mark do. The content itself stands under its hash, apart, as the canonical JSON that executions are
pinned to.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from harmonia_core.clock import rfc3339
from harmonia_core.definitions.versions import Reference, Version, read_version

WORKFLOWS, VERSIONS, CONTENTS, DRAFTS = (
    f"harmonia.{name}" for name in ("workflows", "versions", "contents", "drafts")
)
"""Collections of documents, in each namespace."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Release:
    """Describe one published version.

    hash: of its content. at: epoch seconds. by: the actor who published it, if known.
    level, since, reasons: what changed since which version, as it was seen when this one was published.
    revision: of its document, for a conditional write.
    """

    name: str
    version: str
    hash: str
    at: float
    by: Mapping[str, Any] | None = None
    description: str = ""
    level: str | None = None
    since: str | None = None
    reasons: tuple[str, ...] = ()
    labels: Labels = field(default_factory=dict)
    archived: bool = False
    revision: int = 0

    @property
    def key(self) -> str:
        """Return the key of its document, which is also how it is referred to."""
        return f"{self.name}@{self.version}"

    @property
    def order(self) -> Version:
        """Return the version as numbers."""
        found = read_version(self.version)
        assert found is not None
        return found

    def stored(self) -> dict[str, Any]:
        """Return the value of its document."""
        return {key: value for key, value in asdict(self).items() if key != "revision"}

    def as_json(self) -> dict[str, Any]:
        """Return the version in its public JSON shape."""
        shape = self.stored()
        return {
            "name": shape.pop("name"),
            "version": shape.pop("version"),
            "hash": shape.pop("hash"),
            "published_at": rfc3339(shape.pop("at")),
            "published_by": shape.pop("by"),
            **shape,
            "reasons": list(self.reasons),
        }


def read_release(value: Mapping[str, Any], revision: int) -> Release:
    """Return the version that a document describes."""
    return Release(**{**value, "reasons": tuple(value["reasons"]), "revision": revision})


@dataclass(frozen=True, slots=True)
class Workflow:
    """Describe a name. latest: what the bare name resolves to, None if that is nothing.

    revision: of its document; every write about the name or its versions moves it.
    """

    name: str
    latest: str | None = None
    versions: int = 0
    description: str = ""
    at: float = 0.0
    labels: Labels = field(default_factory=dict)
    archived: bool = False
    revision: int = 0

    def stored(self) -> dict[str, Any]:
        """Return the value of its document."""
        return {key: value for key, value in asdict(self).items() if key != "revision"}

    def as_json(self) -> dict[str, Any]:
        """Return the workflow in its public JSON shape."""
        shape = self.stored()
        at = shape.pop("at")
        return {**shape, "published_at": rfc3339(at)}

    def after(self, releases: list[Release]) -> "Workflow":
        """Return the name as it stands with these versions."""
        newest = latest_of(releases)
        return replace(
            self,
            latest=None if newest is None else newest.version,
            versions=len(releases),
            description=self.description if newest is None else newest.description,
            at=max((one.at for one in releases), default=self.at),
        )


def read_workflow(value: Mapping[str, Any], revision: int) -> Workflow:
    """Return the name that a document describes."""
    return Workflow(**value, revision=revision)


@dataclass(frozen=True, slots=True)
class Draft:
    """Hold what somebody works on: one per name, changed at will, checked when it is published.

    data: the definition as plain data. revision: for a conditional write.
    """

    name: str
    data: Mapping[str, Any]
    at: float
    by: Mapping[str, Any] | None = None
    revision: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the draft in its public JSON shape."""
        about = {
            "name": self.name,
            "revision": self.revision,
            "saved_at": rfc3339(self.at),
            "saved_by": self.by,
        }
        return {**about, "definition": self.data}


def newest_first(releases: list[Release]) -> list[Release]:
    """Return versions in their order, the newest first."""
    return sorted(releases, key=lambda one: one.order, reverse=True)


def latest_of(releases: list[Release], reference: Reference | None = None) -> Release | None:
    """Return the newest version that a reference means, archived ones and pre-releases aside.

    A reference that is pinned means its version, archived or not.
    """
    for one in newest_first(releases):
        pinned = reference is not None and reference.pinned is not None
        if reference is not None and not reference.allows(one.order):
            continue
        if pinned or not (one.archived or one.order.pre):
            return one
    return None


def labelled(labels: Labels, changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return labels with others put in or, where they are None, taken out."""
    found = {**labels, **{key: value for key, value in changes.items() if value is not None}}
    return {key: value for key, value in found.items() if changes.get(key, value) is not None}
