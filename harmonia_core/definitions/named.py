"""Definitions by name: publish, find, archive, label and compare versions, over documents alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harmonia_core.clock import Clock
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.definitions.changes import Change, definition_changes
from harmonia_core.definitions.compatibility import Compatibility, compatibility
from harmonia_core.definitions.drafts import Drafts
from harmonia_core.definitions.errors import (
    VersionNotFound,
    WorkflowArchived,
    WorkflowNotFound,
)
from harmonia_core.definitions.presenting import text_diff
from harmonia_core.definitions.publishing import Compiler, Publishing, again, read_stored
from harmonia_core.definitions.records import Release, Workflow, labelled, latest_of, newest_first
from harmonia_core.definitions.running import Running, matched
from harmonia_core.definitions.shelf import Shelf
from harmonia_core.definitions.versions import Reference, read_reference
from harmonia_core.model.graph import Graph


@dataclass(frozen=True, slots=True)
class Resolved:
    """Hold the version that a reference means, with its definition as plain data."""

    release: Release
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Hold what differs between two versions: as text, as changes, and for what runs on the older."""

    old: Release
    new: Release
    text: str
    changes: tuple[Change, ...]
    compatibility: Compatibility


class Definitions(Publishing):
    """Keep definitions under names, in every namespace (`default` unless said otherwise).

    drafts: what is worked on.
    """

    def __init__(self, backend: StateBackend, compiler: Compiler, clock: Clock) -> None:
        super().__init__(backend, compiler, clock)
        self.drafts = Drafts(backend, clock)

    async def resolve(self, reference: str, namespace: str = "default") -> Resolved:
        """Return what `name`, `name@1.4.0`, `name@^1.4` or `name@1` means now.

        Archived versions and pre-releases are found only if they are named whole.
        Raises ReferenceInvalid, WorkflowNotFound, VersionNotFound, WorkflowArchived.
        """
        shelf = Shelf(self._backend, namespace)
        release = await self._meant(shelf, read_reference(reference))
        return Resolved(release, await shelf.content(release.hash))

    async def _meant(self, shelf: Shelf, reference: Reference) -> Release:
        if reference.pinned is not None:
            pinned = await shelf.release(reference.name, str(reference.pinned))
            if pinned is not None:
                return pinned
        workflow = await shelf.workflow(reference.name)
        if workflow is None:
            raise WorkflowNotFound(reference.name, shelf.namespace)
        releases = await shelf.releases(reference.name)
        found = None if workflow.archived else latest_of(releases, reference)
        if found is not None:
            return found
        meant = [one for one in releases if reference.allows(one.order)]
        if meant:
            raise WorkflowArchived(str(reference))
        known = [one.version for one in newest_first(releases)]
        raise VersionNotFound(str(reference), known, "A pre-release is named whole.")

    async def get(self, name: str, namespace: str = "default") -> Workflow:
        """Return what is known of a name; raise WorkflowNotFound."""
        return await _workflow(Shelf(self._backend, namespace), name)

    async def workflows(
        self, namespace: str = "default", limit: int = 100, cursor: str | None = None
    ) -> tuple[list[Workflow], str | None]:
        """Return one page of names in order, archived ones with them, and the cursor of the next."""
        return await Shelf(self._backend, namespace).workflows(limit, cursor)

    async def versions(self, name: str, namespace: str = "default") -> list[Release]:
        """Return every version of a name, the newest first; raise WorkflowNotFound."""
        shelf = Shelf(self._backend, namespace)
        await _workflow(shelf, name)
        return newest_first(await shelf.releases(name))

    async def archive(
        self, reference: str, *, undo: bool = False, namespace: str = "default"
    ) -> Release | Workflow:
        """Archive a version named whole, or a name with all that it has; with `undo` bring it back.

        What runs is not concerned. Archiving twice is harmless; publishing anew brings a name back.
        Raises ReferenceInvalid, WorkflowNotFound, VersionNotFound.
        """
        return await self._mark(reference, namespace, lambda one: replace(one, archived=not undo))

    async def label(
        self, reference: str, labels: Mapping[str, str | None], *, namespace: str = "default"
    ) -> Release | Workflow:
        """Set labels of a version named whole, or of a name; None takes one away.

        Raises ReferenceInvalid, WorkflowNotFound, VersionNotFound.
        """
        return await self._mark(
            reference, namespace, lambda one: replace(one, labels=labelled(one.labels, labels))
        )

    async def _mark(self, text: str, namespace: str, change: Callable[[Any], Any]) -> Release | Workflow:
        reference, shelf = read_reference(text), Shelf(self._backend, namespace)

        async def attempt() -> Release | Workflow:
            workflow = await _workflow(shelf, reference.name)
            if "@" not in text:  # `order@latest` is one version, which has to be named
                changed: Workflow = change(workflow)
                await shelf.write(shelf.of_workflow(changed))
                return changed
            releases = await shelf.releases(reference.name)
            old = next((one for one in releases if reference.pinned == one.order), None)
            if old is None:
                known = [one.version for one in newest_first(releases)]
                raise VersionNotFound(text, known, "Name the version whole.")
            new: Release = change(old)
            others = [one for one in releases if one is not old]
            await shelf.write(shelf.of_release(new), shelf.of_workflow(workflow.after([*others, new])))
            return new

        return await again(attempt, shelf)

    async def diff(self, old: str, new: str, *, namespace: str = "default", context: int = 3) -> VersionDiff:
        """Return what differs between two versions. context: lines around a difference in the text.

        Raises as `resolve`; DefinitionInvalid if one of them cannot be compiled here at all.
        """
        one, other = await self.resolve(old, namespace), await self.resolve(new, namespace)
        before, after = read_stored(one.definition).as_data(), read_stored(other.definition).as_data()
        return VersionDiff(
            one.release,
            other.release,
            text_diff(before, after, (one.release.key, other.release.key), context),
            tuple(definition_changes(before, after)),
            compatibility(self._graph(one.definition), self._graph(other.definition)),
        )

    async def running(self, reference: str, *, namespace: str = "default") -> list[Running]:
        """Return the unfinished executions on other contents, and what this version would mean for them.

        Raises as `resolve`.
        """
        meant = await self.resolve(reference, namespace)
        target = self._graph(meant.definition)
        return await matched(self._backend, namespace, meant.release.name, target, self._graph)

    def _graph(self, data: Mapping[str, Any]) -> Graph:
        return self._compiler.compile_stored(data, strict=False)


async def _workflow(shelf: Shelf, name: str) -> Workflow:
    found = await shelf.workflow(name)
    if found is None:
        raise WorkflowNotFound(name, shelf.namespace)
    return found
