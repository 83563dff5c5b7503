"""Publish definitions: content, version and name in one unit.

Each write demands that what it rests on is as it was read, so that of two who publish at once one
decides anew.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from harmonia_core.clock import Clock
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.definitions.changes import Change
from harmonia_core.definitions.choosing import Before, Bump, Choice, choose, follows
from harmonia_core.definitions.errors import DraftChanged, DraftNotFound
from harmonia_core.definitions.load import load_data
from harmonia_core.definitions.records import Draft, Release, Workflow
from harmonia_core.definitions.shelf import Shelf
from harmonia_core.errors import DefinitionInvalid, VersionConflict
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.graph import Graph

Definition = WorkflowDefinition | Mapping[str, Any]
Value = TypeVar("Value")
TRIES = 20
"""How often a decision is taken anew because somebody else was quicker."""


class Compiler(Protocol):
    """Compile definitions with the task types that are plugged in."""

    def compile(self, definition: Definition) -> Any:
        """Check a definition whole; raise DefinitionInvalid."""
        ...

    def compile_stored(self, data: Mapping[str, Any], strict: bool) -> Graph:
        """Return the graph of a stored definition; not strict lets unknown task types pass."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """Say what publishing came to. existing: the version was there already, with the same content.

    changes: since the newest version before it.
    """

    release: Release
    existing: bool
    changes: tuple[Change, ...] = ()


class Publishing:
    """Publish definitions and drafts; the part of `Definitions` that adds versions."""

    def __init__(self, backend: StateBackend, compiler: Compiler, clock: Clock) -> None:
        self._backend, self._compiler, self._clock = backend, compiler, clock

    async def publish(
        self,
        definition: Definition,
        *,
        bump: Bump | None = None,
        namespace: str = "default",
        labels: Mapping[str, str] | None = None,
        actor: Mapping[str, Any] | None = None,
    ) -> Published:
        """Publish a definition under its name, once it is checked whole.

        Without `bump` under the version that it says; with it under the one behind the newest. The same
        content again changes nothing. labels: of the version.
        Raises DefinitionInvalid, VersionExists, StateBackendError.
        """
        return await self._publish(definition, bump, namespace, labels or {}, actor, None)

    async def publish_draft(
        self,
        name: str,
        *,
        bump: Bump | None = None,
        if_revision: int | None = None,
        namespace: str = "default",
        labels: Mapping[str, str] | None = None,
        actor: Mapping[str, Any] | None = None,
    ) -> Published:
        """Publish the draft of a name, which is gone then; otherwise as `publish`.

        Raises DraftNotFound, DraftChanged if it is not at `if_revision`, or moves meanwhile.
        """
        draft = await Shelf(self._backend, namespace).draft(name)
        if draft is None:
            raise DraftNotFound(name)
        if if_revision not in (None, draft.revision):
            raise DraftChanged(name, draft)
        return await self._publish(draft.data, bump, namespace, labels or {}, actor, draft)

    async def _publish(
        self,
        definition: Definition,
        bump: Bump | None,
        namespace: str,
        labels: Mapping[str, str],
        actor: Mapping[str, Any] | None,
        draft: Draft | None,
    ) -> Published:
        self._compiler.compile(definition)
        read = definition if isinstance(definition, WorkflowDefinition) else read_stored(definition)
        shelf = Shelf(self._backend, namespace)

        async def attempt() -> Published:
            # The name first: whoever publishes after this look moves it, and our write is refused.
            workflow = await shelf.workflow(read.name) or Workflow(read.name)
            releases = await shelf.releases(read.name)
            choice = choose(read, releases, await _before(shelf, follows(read, releases, bump)), bump)
            if choice.stands is not None:
                if draft is not None:
                    await shelf.write(shelf.drop_draft(draft.name, draft.revision))
                return Published(choice.stands, True)
            release = self._release(choice, labels, actor)
            workflow = replace(workflow.after([*releases, release]), archived=False)
            writes = [shelf.of_release(release), shelf.of_workflow(workflow)]
            if not await shelf.has_content(release.hash):
                writes.append(shelf.of_content(release.hash, choice.definition.canonical()))
            if draft is not None:
                writes.append(shelf.drop_draft(draft.name, draft.revision))
            await shelf.write(*writes)
            return Published(replace(release, revision=1), False, choice.changes)

        return await again(attempt, shelf, draft)

    def _release(self, choice: Choice, labels: Mapping[str, str], actor: Any) -> Release:
        made = choice.definition
        return Release(
            made.name, made.version, made.content_hash(), self._clock.now(),
            None if actor is None else dict(actor), made.description, choice.level,
            choice.since, choice.reasons, dict(labels),
        )  # fmt: skip


async def _before(shelf: Shelf, release: Release | None) -> Before | None:
    return None if release is None else Before(release, read_stored(await shelf.content(release.hash)))


async def again(attempt: Callable[[], Awaitable[Value]], shelf: Shelf, draft: Draft | None = None) -> Value:
    """Decide again for as long as others are quicker; a draft that has moved is not ours any more."""
    for tries in range(TRIES):
        try:
            return await attempt()
        except VersionConflict:
            stands = await shelf.draft(draft.name) if draft is not None else None
            if draft is not None and (stands is None or stands.revision != draft.revision):
                raise DraftChanged(draft.name, stands) from None
            if tries == TRIES - 1:
                raise
    raise AssertionError


def read_stored(data: Mapping[str, Any]) -> WorkflowDefinition:
    """Return the definition of plain data; raise DefinitionInvalid."""
    loaded = load_data(dict(data))
    if loaded.definition is None or loaded.problems:
        raise DefinitionInvalid(loaded.problems)
    return loaded.definition
