"""Drafts of definitions: one for each name, changed at will until it is published."""

from collections.abc import Mapping
from typing import Any

from harmonia_core.clock import Clock
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.definitions.errors import DraftChanged, DraftNotFound
from harmonia_core.definitions.records import Draft
from harmonia_core.definitions.shelf import Shelf
from harmonia_core.errors import DefinitionInvalid, Problem, VersionConflict
from harmonia_core.ids import is_name


class Drafts:
    """Keep drafts. A draft is plain data under a name; it need not be right before it is published."""

    def __init__(self, backend: StateBackend, clock: Clock) -> None:
        self._backend, self._clock = backend, clock

    async def save(
        self,
        data: Mapping[str, Any],
        *,
        if_revision: int | None = None,
        namespace: str = "default",
        actor: Mapping[str, Any] | None = None,
    ) -> Draft:
        """Put a draft under the name that it says, in place of the one that is there.

        if_revision: of the draft that was read; 0 demands that there is none; None writes over any.
        Raises DraftChanged, DefinitionInvalid if the data has no usable name.
        """
        shelf, name = Shelf(self._backend, namespace), _name(data)
        draft = Draft(name, dict(data), self._clock.now(), None if actor is None else dict(actor))
        try:
            await shelf.write(shelf.of_draft(draft, if_revision))
        except VersionConflict:
            stands = await shelf.draft(name)
            raise DraftChanged(name, stands) from None
        return await self.get(name, namespace=namespace)

    async def get(self, name: str, *, namespace: str = "default") -> Draft:
        """Return the draft of a name; raise DraftNotFound."""
        found = await Shelf(self._backend, namespace).draft(name)
        if found is None:
            raise DraftNotFound(name)
        return found

    async def list(self, *, namespace: str = "default") -> list[Draft]:
        """Return every draft, by name."""
        return await Shelf(self._backend, namespace).drafts()

    async def drop(self, name: str, *, if_revision: int | None = None, namespace: str = "default") -> None:
        """Take a draft away; raise DraftNotFound, DraftChanged."""
        shelf = Shelf(self._backend, namespace)
        await self.get(name, namespace=namespace)
        try:
            await shelf.write(shelf.drop_draft(name, if_revision))
        except VersionConflict:
            stands = await shelf.draft(name)
            raise DraftChanged(name, stands) from None


def _name(data: Mapping[str, Any]) -> str:
    name = data.get("name")
    if not isinstance(name, str) or not is_name(name):
        raise DefinitionInvalid([Problem("name-invalid", "name", "a draft needs the name of its workflow")])
    return name
