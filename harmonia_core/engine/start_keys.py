"""Idempotency keys of starts: of two requests with one key, one makes an execution, the other finds it.

A key belongs to a namespace and a workflow's name. It is a document that is written in the unit with
which its execution begins, on the condition that there is none, so that a crash or a race leaves both
or neither. It outlives its execution: pruning never frees it, its time alone does.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import DocumentWrite, Unit
from harmonia_core.contracts.state_backend import DocumentQuery, StateBackend
from harmonia_core.errors import InputInvalid, Problem, StateBackendError
from harmonia_core.model.codec import canonical

COLLECTION = "harmonia.start-keys"
KEEP = 30 * 24 * 3600.0
"""Seconds that a key is kept after its start."""
LONGEST = 255
OFTEN, AT_ONCE = 600.0, 100
"""Seconds between two sweeps of a namespace, and keys that one takes."""


@dataclass(frozen=True, slots=True)
class Held:
    """Hold a key as it stands. revision: of its document."""

    execution_id: str
    fingerprint: str
    expires: float
    revision: int


def fingerprint(definition_hash: str, input: Any, labels: Mapping[str, str]) -> str:
    """Return what tells one request from another: what is run, on what, under which labels."""
    text = canonical([definition_hash, input, dict(labels)])
    return f"sha256:{sha256(text).hexdigest()}"


def check_key(key: str) -> None:
    """Raise InputInvalid for a key that cannot be kept."""
    if not 0 < len(key) <= LONGEST or not key.isprintable():
        message = f"a key is a text of 1 to {LONGEST} characters, none of them a control character"
        raise InputInvalid([Problem("key-invalid", "key", message)])


class StartKeys:
    """Read, write and sweep the keys of one store."""

    def __init__(self, backend: StateBackend, clock: Clock) -> None:
        self._backend, self._clock = backend, clock
        self._swept: dict[str, float] = {}

    async def held(self, namespace: str, workflow: str, key: str) -> Held | None:
        """Return a key as it stands, also one whose time is over; None if there is none."""
        found = await self._backend.document(namespace, COLLECTION, f"{workflow} {key}")
        if found is None:
            return None
        value = found.value
        return Held(value["execution_id"], value["fingerprint"], value["expires"], found.version)

    def is_over(self, held: Held) -> bool:
        """Tell whether the time of a key has come."""
        return held.expires <= self._clock.now()

    def taking(
        self, namespace: str, workflow: str, key: str, execution_id: str, print_: str, held: Held | None
    ) -> DocumentWrite:
        """Return the write that takes a key, if it still stands as `held`: not at all, or over."""
        now = self._clock.now()
        value = {"execution_id": execution_id, "fingerprint": print_, "at": now, "expires": now + KEEP}
        return DocumentWrite(
            namespace, COLLECTION, f"{workflow} {key}", to_json(value).decode(),
            0 if held is None else held.revision, {"expires": now + KEEP},
        )  # fmt: skip

    async def sweep(self, namespace: str) -> None:
        """Delete keys of a namespace whose time is over, unless that was done a while ago.

        A store that fails meanwhile is no concern of the start that called: another time.
        """
        now = self._clock.now()
        if now - self._swept.get(namespace, -OFTEN) < OFTEN:
            return
        self._swept[namespace] = now
        query = DocumentQuery(namespace, COLLECTION, order="expires", limit=AT_ONCE)
        with suppress(StateBackendError):
            page, _ = await self._backend.find_documents(query)
            over = [
                DocumentWrite(namespace, COLLECTION, one.key, None, one.version)
                for one in page
                if one.value["expires"] <= now
            ]
            if over:
                await self._backend.commit(Unit(documents=over))
