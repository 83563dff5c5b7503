"""What can be wrong with a named definition or a start by key: not there, or what is asked is refused."""

from collections.abc import Sequence
from typing import Any

from harmonia_core.errors import HarmoniaError

SHOWN = 8
"""Versions that a message names."""


class NotPublished(HarmoniaError):
    """Root of errors about names and versions that are not there."""

    code = "not-published"

    def details(self) -> dict[str, Any]:
        """Return what was asked for, as JSON-able attributes."""
        return {}


class PublishRefused(HarmoniaError):
    """Root of errors about what may not be published, or referred to; nothing was written."""

    code = "publish-refused"

    def details(self) -> dict[str, Any]:
        """Return what was asked for, as JSON-able attributes."""
        return {}


class WorkflowNotFound(NotPublished):
    """Report a name under which nothing was published."""

    code = "workflow-not-found"

    def __init__(self, name: str, namespace: str) -> None:
        self.name, self.namespace = name, namespace
        where = "" if namespace == "default" else f" in namespace {namespace!r}"
        super().__init__(f"No workflow {name!r} is published{where}.")

    def details(self) -> dict[str, Any]:
        return {"name": self.name, "namespace": self.namespace}


class VersionNotFound(NotPublished):
    """Report a reference that none of a workflow's versions answers."""

    code = "version-not-found"

    def __init__(self, reference: str, known: Sequence[str], hint: str = "") -> None:
        self.reference, self.known = reference, tuple(known)
        newest = ", ".join(self.known[:SHOWN]) + (", …" if len(self.known) > SHOWN else "")
        super().__init__(f"No version answers to {reference!r}; there are: {newest}. {hint}".rstrip())

    def details(self) -> dict[str, Any]:
        return {"reference": self.reference, "known": list(self.known)}


class WorkflowArchived(NotPublished):
    """Refuse to resolve what is archived, unless its version is named whole."""

    code = "workflow-archived"

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(
            f"What {reference!r} names is archived: name the whole version (name@1.4.0), "
            "or bring it back: harmonia workflows archive --undo"
        )

    def details(self) -> dict[str, Any]:
        return {"reference": self.reference}


class DraftNotFound(NotPublished):
    """Report a name that has no draft."""

    code = "draft-not-found"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The workflow {name!r} has no draft.")


class VersionExists(PublishRefused):
    """Refuse other content under a version that is published: versions never change."""

    code = "version-exists"

    def __init__(self, name: str, version: str, stands: str, given: str) -> None:
        self.name, self.version, self.stands, self.given = name, version, stands, given
        super().__init__(
            f"{name}@{version} is published with other content ({stands}; given is {given}). "
            "Write another version into the definition, or let one be chosen: --bump auto"
        )

    def details(self) -> dict[str, Any]:
        return {"name": self.name, "version": self.version, "hash": self.stands, "given": self.given}


class ReferenceInvalid(PublishRefused):
    """Refuse a text that names no workflow and version."""

    code = "reference-invalid"

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        super().__init__(f"{text[:120]!r} names no workflow: {reason}.")


class DraftChanged(PublishRefused):
    """Refuse to write over a draft that somebody has changed. stands: the draft as it is now, if any."""

    code = "draft-changed"

    def __init__(self, name: str, stands: Any) -> None:
        revision: int | None = stands.revision if stands is not None else None
        self.name, self.revision = name, revision
        now = "is gone" if revision is None else f"stands at revision {revision}"
        super().__init__(f"The draft of {name!r} {now}; look at it again and decide anew.")

    def details(self) -> dict[str, Any]:
        return {"name": self.name, "revision": self.revision}


class KeyReused(HarmoniaError):
    """Refuse a key that stands for another request; nothing was begun."""

    code = "key-reused"

    def __init__(self, key: str, workflow: str, execution_id: str) -> None:
        self.key, self.workflow, self.execution_id = key, workflow, execution_id
        super().__init__(
            f"The key {key!r} was used for {workflow} with another definition, input or labels: "
            f"execution {execution_id}. Take another key for another request."
        )

    def details(self) -> dict[str, Any]:
        """Return what was asked for, and what it stands for."""
        return {"key": self.key, "workflow": self.workflow, "execution_id": self.execution_id}
