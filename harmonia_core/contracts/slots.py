"""Slots: what runs under a limit, and what waits for it, as rows; and how those that wait come to run.

A limit is a document; what it is used up by is counted from the rows that hold it, never from a counter.
`promote` is the one place where a waiting row becomes a held one. A backend runs it in the transaction of
the unit that asks for it, one such transaction of a namespace at a time, over its own rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pydantic_core import to_json

from harmonia_core.contracts.rows import Document, RequestRow, SlotRow, Unit
from harmonia_core.errors import StateCorrupt

PLACE, LIMITS = "harmonia", "harmonia.limits"
"""Where limits of all namespaces are kept, as documents; see `limit_key`."""
SLOTS = "slots"
"""The kind of the requests that tell an execution what has become of its waiting."""
WAITING, ASKED, HELD, LEAVING = "waiting", "asked", "held", "leaving"
HOLDING, QUEUED = (HELD, LEAVING), (WAITING, ASKED)
"""States of rows that count, and of rows that wait. asked: it has had somebody older cancelled, or itself
refused; leaving: it is being cancelled for somebody younger."""
RESOURCE = "resource:"


@dataclass(frozen=True, slots=True)
class Limit:
    """Say how much of something may run at once, and how often it may begin.

    most: units held at once, None for any number. starts: at most so many within `seconds`, None for any.
    """

    key: str
    most: int | None = None
    starts: int | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the limit as it is stored and shown."""
        rate = None if self.starts is None else {"starts": self.starts, "seconds": self.seconds}
        return {"max": self.most, "rate": rate}


def read_limit(key: str, shape: Any) -> Limit:
    """Return the limit that `as_json` gave; raise StateCorrupt for anything else."""
    rate = shape.get("rate") if isinstance(shape, Mapping) else None
    try:
        starts, seconds = (None, 0.0) if rate is None else (int(rate["starts"]), float(rate["seconds"]))
        return Limit(key, None if shape["max"] is None else int(shape["max"]), starts, seconds)
    except (KeyError, TypeError, ValueError) as error:
        raise StateCorrupt(f"The limit {key} cannot be read: {error!r}; set it again.") from error


def limit_key(namespace: str, key: str) -> str:
    """Return under which key a limit is kept: `default/resource:gpu`."""
    return f"{namespace}/{key}"


def limit_in(document: Document) -> tuple[str, Limit]:
    """Return the namespace and the limit that a document holds."""
    namespace, _, key = document.key.partition("/")
    return namespace, read_limit(key, document.value)


@dataclass(frozen=True, slots=True)
class SlotQuery:
    """Select slot rows, those that hold first, those that wait in their order behind them.

    key: of the limit. execution_id, path: whose.
    """

    namespace: str | None = None
    key: str | None = None
    execution_id: str | None = None
    path: str | None = None


class SlotTable(Protocol):
    """What `promote` needs of a store; every method belongs to one open transaction."""

    def limit(self, namespace: str, key: str) -> Limit | None:
        """Return a limit as it is stored, None if there is none."""
        ...

    def used(self, namespace: str, key: str) -> int:
        """Return how many units of a limit are held."""
        ...

    def waiting(self, namespace: str, key: str, behind: SlotRow | None, most: int) -> Sequence[SlotRow]:
        """Return rows that wait for a limit, in their order, behind one of them, at most so many.

        Those of paused executions are left out: they keep their place, and are passed over.
        """
        ...

    def unasked(self, namespace: str, key: str) -> Sequence[SlotRow]:
        """Return rows that wait under another policy than to queue and have not acted on it, in order."""
        ...

    def wants(self, row: SlotRow) -> Sequence[SlotRow]:
        """Return all rows of the task or execution of a row, itself included."""
        ...

    def oldest(self, namespace: str, key: str) -> SlotRow | None:
        """Return the row that has held a limit longest and is not leaving."""
        ...

    def mark(self, row: SlotRow, state: str, at: float) -> None:
        """Put all rows of the task or execution of a row in a state."""
        ...

    def starts(self, namespace: str, key: str, since: float) -> int:
        """Count what has begun under a limit after a moment; forget what began before it."""
        ...

    def begun(self, row: SlotRow, at: float) -> None:
        """Note that something has begun under a limit."""
        ...

    def tell(self, requests: Sequence[RequestRow]) -> None:
        """Store requests; one that is there stays."""
        ...


class Promotion(NamedTuple):
    """Ask that what waits for a limit comes to run as far as there is room. now: epoch seconds."""

    namespace: str
    key: str
    now: float


def mending(execution_id: str, slots: Mapping[str, Sequence[SlotRow]]) -> Unit:
    """Return the unit that puts rows in place of those that stand at their paths, and nothing else."""
    rows = [row for some in slots.values() for row in some]
    return Unit(closed_slots=[(execution_id, path) for path in slots], slots=rows)


PAGE = 64


def promote(table: SlotTable, promotions: Iterable[Promotion]) -> None:
    """Let what waits for these limits come to run, in its order, as far as there is room.

    By priority, then by age. Somebody needs all of their limits at once; while another limit keeps them,
    those behind them may pass. Who is kept by this one keeps everybody behind them waiting.
    """
    newest: dict[tuple[str, str], float] = {}
    for one in promotions:
        place = one.namespace, one.key
        newest[place] = max(one.now, newest.get(place, one.now))
    for namespace, key in sorted(newest):
        _Pass(table, namespace, key, newest[namespace, key]).run()


class _Pass:
    """One look at those who wait for one limit."""

    def __init__(self, table: SlotTable, namespace: str, key: str, now: float) -> None:
        self._table, self._namespace, self._key, self._now = table, namespace, key, now
        self._limits: dict[str, Limit | None] = {}

    def run(self) -> None:
        behind: SlotRow | None = None
        while page := self._table.waiting(self._namespace, self._key, behind, PAGE):
            for row in page:
                if not self._take(row):
                    self._policies()
                    return
            behind = page[-1]
            if len(page) < PAGE:
                break
        self._policies()

    def _take(self, row: SlotRow) -> bool:
        """Let one come to run if it can; tell whether those behind it may be looked at."""
        wants = self._table.wants(row)
        unknown = [want.key for want in wants if self._is_unknown(want)]
        if unknown:
            self._table.mark(row, ASKED, self._now)
            self._tell(row, {"unknown": unknown[0]})
            return True
        short = [want.key for want in wants if not self._has_room(want)]
        if short:
            return self._key not in short
        self._table.mark(row, HELD, self._now)
        for want in wants:
            limit = self._limit(want.key)
            if limit is not None and limit.starts is not None:
                self._table.begun(want, self._now)
        self._tell(row, {"granted": True})
        return True

    def _is_unknown(self, want: SlotRow) -> bool:
        return want.key.startswith(RESOURCE) and self._limit(want.key) is None

    def _has_room(self, want: SlotRow) -> bool:
        limit = self._limit(want.key)
        most = [one for one in (want.most, limit.most if limit else None) if one is not None]
        if most and self._table.used(self._namespace, want.key) + want.units > min(most):
            return False
        if limit is None or limit.starts is None:
            return True
        return self._table.starts(self._namespace, want.key, self._now - limit.seconds) < limit.starts

    def _limit(self, key: str) -> Limit | None:
        if key not in self._limits:
            self._limits[key] = self._table.limit(self._namespace, key)
        return self._limits[key]

    def _policies(self) -> None:
        """Do what those ask for who are kept waiting and did not come to queue."""
        for row in self._table.unasked(self._namespace, self._key):
            if row.policy == "skip":
                self._table.mark(row, ASKED, self._now)
                self._tell(row, {"skip": True})
                continue
            if self._has_room(row):
                continue  # another limit keeps it
            self._table.mark(row, ASKED, self._now)
            older = self._table.oldest(self._namespace, self._key)
            if older is not None:
                self._table.mark(older, LEAVING, self._now)
                body = {"reason": f"superseded by {row.execution_id}"}
                self._request(older, "cancel", f"supersede:{older.execution_id}:{row.execution_id}", body)

    def _tell(self, row: SlotRow, what: Mapping[str, Any]) -> None:
        body = {"path": row.path, "seq": row.seq, **what}
        word = next(iter(what))
        self._request(row, SLOTS, f"slots:{row.execution_id}:{row.path}:{row.seq}:{word}", body)

    def _request(self, row: SlotRow, kind: str, request_id: str, body: Mapping[str, Any]) -> None:
        text = to_json(body).decode()
        request = RequestRow(request_id, row.execution_id, row.namespace, kind, text, None, self._now)
        self._table.tell([request])
