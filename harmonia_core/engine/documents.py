"""Documents and streams of plugins, through the engine: JSON in, JSON out."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from harmonia_core.contracts.rows import Document, DocumentWrite, StreamAppend, Unit
from harmonia_core.contracts.state_backend import DocumentQuery, StateBackend


class Documents:
    """Read and write the documents of a store; see `DocumentWrite` for conditions and versions."""

    def __init__(self, backend: StateBackend) -> None:
        self._backend = backend

    async def put(
        self,
        namespace: str,
        collection: str,
        key: str,
        value: Any,
        if_version: int | None = None,
        fields: Mapping[str, str | float | None] | None = None,
    ) -> None:
        """Write one document; raise VersionConflict if `if_version` does not hold."""
        text = to_json(value).decode()
        write = DocumentWrite(namespace, collection, key, text, if_version, dict(fields or {}))
        await self._backend.commit(Unit(documents=[write]))

    async def get(self, namespace: str, collection: str, key: str) -> Document | None:
        """Return one document, or None."""
        return await self._backend.document(namespace, collection, key)

    async def delete(self, namespace: str, collection: str, key: str, if_version: int | None = None) -> None:
        """Delete one document; deleting what is not there is harmless."""
        await self._backend.commit(
            Unit(documents=[DocumentWrite(namespace, collection, key, None, if_version)])
        )

    async def find(self, query: DocumentQuery) -> tuple[list[Document], str | None]:
        """Return one page of documents and the cursor of the next."""
        return await self._backend.find_documents(query)

    async def append(self, namespace: str, stream: str, value: Any) -> None:
        """Append one value to a stream."""
        await self._backend.commit(Unit(appends=[StreamAppend(namespace, stream, to_json(value).decode())]))
