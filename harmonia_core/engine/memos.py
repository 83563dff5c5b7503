"""Look earlier results up for tasks whose author allows that, list and clear them, sweep what is over."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic_core import from_json

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import Document, DocumentWrite, Unit
from harmonia_core.contracts.state_backend import DocumentQuery, StateBackend
from harmonia_core.engine.memo_rows import COLLECTION, has_artifact, key_of
from harmonia_core.engine.patience import Patience
from harmonia_core.errors import StateBackendError
from harmonia_core.model.codec import read_ref
from harmonia_core.model.commands import Answer
from harmonia_core.model.memo import Recall
from harmonia_core.model.refs import BlobRef

LOG = logging.getLogger("harmonia.engine")
OFTEN, AT_ONCE = 600.0, 100
"""Seconds between two sweeps of a namespace, and results that one takes."""


class Memos:
    """Keep the results of one store. version: of the distribution behind a task type."""

    def __init__(
        self, backend: StateBackend, patience: Patience, clock: Clock, version: Callable[[str], str]
    ) -> None:
        self._backend, self._patience, self._clock, self._version = backend, patience, clock, version
        self._swept: dict[str, float] = {}

    async def recall(self, namespace: str, recall: Recall, value: Any) -> Answer:
        """Return an earlier result, and where it comes from; without one, the key to keep the next under.

        value: the input, or what the author tells results apart by. Raises StateBackendError.
        """
        key = key_of(recall, self._version(recall.type), value)
        found = await self._patience.ask(self._backend.document, namespace, COLLECTION, key)
        await self._sweep(namespace)
        if found is None or not isinstance(found.value, dict) or self._is_over(found.value):
            return Answer(memo=key)
        try:
            output = await self._output(namespace, found.value)
            reused = {name: found.value[name] for name in ("execution", "path", "at")}
        except (KeyError, ValueError, TypeError) as error:
            LOG.warning("An earlier result under %s cannot be read (%s); the task does its work.", key, error)
            return Answer(memo=key)
        return Answer(memo=key) if has_artifact(output) else Answer(output, memo=key, reused=reused)

    def _is_over(self, value: Mapping[str, Any]) -> bool:
        expires = value.get("expires")
        return not isinstance(expires, int | float) or expires <= self._clock.now()

    async def _output(self, namespace: str, value: Mapping[str, Any]) -> Any:
        """Return an output whole: what is large is stored anew for whoever uses it."""
        if "output@" not in value:
            return value["output"]
        ref = read_ref(value["output@"])
        if not isinstance(ref, BlobRef):
            raise ValueError("it refers to items")
        data: bytes | None = await self._patience.ask(self._backend.blob, namespace, ref.address)
        if data is None:
            raise ValueError("its execution has been pruned")
        return from_json(data)

    async def list(
        self,
        *,
        namespace: str = "default",
        type: str | None = None,
        workflow: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of the results that are kept, those that end first first, and the next cursor."""
        where = tuple(
            (name, one) for name, one in (("type", type), ("workflow", workflow)) if one is not None
        )
        query = DocumentQuery(namespace, COLLECTION, where, "expires", limit, cursor)
        page, following = await self._patience.ask(self._backend.find_documents, query)
        now = self._clock.now()
        return [{"key": one.key, **one.value} for one in page if one.value["expires"] > now], following

    async def clear(
        self, *, namespace: str = "default", type: str | None = None, workflow: str | None = None
    ) -> int:
        """Forget results, of all types and workflows if none is named; return how many."""
        where = tuple(
            (name, one) for name, one in (("type", type), ("workflow", workflow)) if one is not None
        )
        count = 0
        while True:
            query = DocumentQuery(namespace, COLLECTION, where, "expires", AT_ONCE)
            page, _ = await self._patience.ask(self._backend.find_documents, query)
            if not page:
                return count
            await self._patience.ask(self._drop, namespace, page)
            count += len(page)

    async def _drop(self, namespace: str, page: Sequence[Document]) -> None:
        gone = [DocumentWrite(namespace, COLLECTION, one.key, None) for one in page]
        await self._backend.commit(Unit(documents=gone))

    async def _sweep(self, namespace: str) -> None:
        """Delete results of a namespace whose time is over, unless that was done a while ago."""
        now = self._clock.now()
        if now - self._swept.get(namespace, -OFTEN) < OFTEN:
            return
        self._swept[namespace] = now
        with suppress(StateBackendError):  # another time
            query = DocumentQuery(namespace, COLLECTION, order="expires", limit=AT_ONCE)
            page, _ = await self._backend.find_documents(query)
            over = [one for one in page if one.value["expires"] <= now]
            if over:
                await self._drop(namespace, over)
