"""Where named definitions are kept: documents of the kernel in a state backend, per namespace."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from harmonia_core.contracts.rows import DocumentWrite, Unit
from harmonia_core.contracts.state_backend import DocumentQuery, StateBackend
from harmonia_core.definitions.records import (
    CONTENTS,
    DRAFTS,
    VERSIONS,
    WORKFLOWS,
    Draft,
    Release,
    Workflow,
    read_release,
    read_workflow,
)
from harmonia_core.errors import StateCorrupt

PAGE = 500


class Shelf:
    """Read and write the documents of one namespace."""

    def __init__(self, backend: StateBackend, namespace: str) -> None:
        self.namespace = namespace
        self._backend = backend

    async def workflow(self, name: str) -> Workflow | None:
        """Return a name, None if nothing was published under it."""
        found = await self._backend.document(self.namespace, WORKFLOWS, name)
        return None if found is None else read_workflow(found.value, found.version)

    async def workflows(self, limit: int, cursor: str | None) -> tuple[list[Workflow], str | None]:
        """Return one page of names in order, and the cursor of the next."""
        query = DocumentQuery(self.namespace, WORKFLOWS, limit=limit, cursor=cursor)
        page, following = await self._backend.find_documents(query)
        return [read_workflow(one.value, one.version) for one in page], following

    async def release(self, name: str, version: str) -> Release | None:
        """Return a version, or None."""
        found = await self._backend.document(self.namespace, VERSIONS, f"{name}@{version}")
        return None if found is None else read_release(found.value, found.version)

    async def releases(self, name: str) -> list[Release]:
        """Return every version of a name, in no order."""
        return [one async for one in self._releases(name)]

    async def _releases(self, name: str) -> AsyncIterator[Release]:
        cursor = None
        while True:
            query = DocumentQuery(self.namespace, VERSIONS, (("name", name),), limit=PAGE, cursor=cursor)
            page, cursor = await self._backend.find_documents(query)
            for one in page:
                yield read_release(one.value, one.version)
            if cursor is None:
                return

    async def content(self, address: str) -> dict[str, Any]:
        """Return the definition under a hash; raise StateCorrupt if it is gone or is another one."""
        found = await self._backend.document(self.namespace, CONTENTS, address)
        if found is None:
            raise StateCorrupt(f"The definition {address} is missing in namespace {self.namespace!r}.")
        if content_hash(found.value) != address:
            raise StateCorrupt(f"The definition {address} in namespace {self.namespace!r} is damaged.")
        data: dict[str, Any] = found.value
        return data

    async def has_content(self, address: str) -> bool:
        """Tell whether a definition is kept under a hash."""
        return await self._backend.document(self.namespace, CONTENTS, address) is not None

    async def draft(self, name: str) -> Draft | None:
        """Return the draft of a name, or None."""
        found = await self._backend.document(self.namespace, DRAFTS, name)
        return None if found is None else Draft(name, **found.value, revision=found.version)

    async def drafts(self) -> list[Draft]:
        """Return every draft, by name."""
        found: list[Draft] = []
        cursor = None
        while True:
            query = DocumentQuery(self.namespace, DRAFTS, limit=PAGE, cursor=cursor)
            page, cursor = await self._backend.find_documents(query)
            found += [Draft(one.key, **one.value, revision=one.version) for one in page]
            if cursor is None:
                return found

    async def write(self, *writes: DocumentWrite) -> None:
        """Write documents, all or none; raise VersionConflict if one of them is not as it was read."""
        await self._backend.commit(Unit(documents=list(writes)))

    def of_workflow(self, workflow: Workflow) -> DocumentWrite:
        """Return the write of a name that was read at its revision, 0 for a new one."""
        value = to_json(workflow.stored()).decode()
        return DocumentWrite(self.namespace, WORKFLOWS, workflow.name, value, workflow.revision)

    def of_release(self, release: Release) -> DocumentWrite:
        """Return the write of a version that was read at its revision, 0 for a new one."""
        value = to_json(release.stored()).decode()
        fields = {"name": release.name}
        return DocumentWrite(self.namespace, VERSIONS, release.key, value, release.revision, fields)

    def of_content(self, address: str, text: bytes) -> DocumentWrite:
        """Return the write of a content. Twice the same is harmless, so nothing is demanded."""
        return DocumentWrite(self.namespace, CONTENTS, address, text.decode())

    def of_draft(self, draft: Draft, if_revision: int | None) -> DocumentWrite:
        """Return the write of a draft."""
        value = to_json({"data": draft.data, "at": draft.at, "by": draft.by}).decode()
        return DocumentWrite(self.namespace, DRAFTS, draft.name, value, if_revision)

    def drop_draft(self, name: str, if_revision: int | None) -> DocumentWrite:
        """Return the write that takes a draft away."""
        return DocumentWrite(self.namespace, DRAFTS, name, None, if_revision)


def content_hash(data: Any) -> str:
    """Return the hash of a definition as it is stored: of its canonical JSON."""
    return f"sha256:{sha256(content_text(data)).hexdigest()}"


def content_text(data: Any) -> bytes:
    """Return the canonical JSON of a definition, over which its hash is."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()
