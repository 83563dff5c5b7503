"""Limits, as people set and see them: how much may run at once, who holds it, and who waits."""

from typing import Any

from pydantic_core import to_json

from harmonia_core.clock import Clock, rfc3339
from harmonia_core.contracts.rows import DocumentWrite, SlotRow, Unit
from harmonia_core.contracts.slots import (
    HOLDING,
    LIMITS,
    PLACE,
    Limit,
    SlotQuery,
    limit_in,
    limit_key,
)
from harmonia_core.contracts.state_backend import DocumentQuery
from harmonia_core.engine.gating import NAMESPACE, TYPE, WORKFLOW
from harmonia_core.engine.slot_keeper import SlotKeeper
from harmonia_core.engine.waiting import Waiting
from harmonia_core.errors import HarmoniaError
from harmonia_core.model.limit_spec import RESOURCE_NAME

KINDS = ("resource", "type", "workflow", "namespace")
"""What a limit may be about. Of workflows it counts executions, of everything else attempts of tasks."""
_PREFIX = {"resource": "resource:", "type": TYPE, "workflow": WORKFLOW}


class LimitInvalid(HarmoniaError):
    """Say why there can be no such limit."""

    code = "limit-invalid"


class LimitNotFound(HarmoniaError):
    """Tell that nobody has set such a limit."""

    code = "limit-not-found"

    def __init__(self, namespace: str, key: str) -> None:
        super().__init__(f"There is no limit {key} in namespace {namespace}; see harmonia limits list.")


def key_of(kind: str, name: str | None) -> str:
    """Return the key of a limit: `resource:gpu`, `type:http`, `workflow:order`, `namespace`."""
    if kind not in KINDS:
        raise LimitInvalid(f"{kind!r} is no kind of limit; known: {', '.join(KINDS)}.")
    if kind == NAMESPACE:
        if name:
            raise LimitInvalid(f"The limit of a namespace has no name; {name!r} is too much. Choose the "
                               "namespace itself instead.")  # fmt: skip
        return NAMESPACE
    if not name or (kind == "resource" and not RESOURCE_NAME.fullmatch(name)):
        raise LimitInvalid(f"A limit of a {kind} needs its name, such as gpu; {name!r} is none.")
    return _PREFIX[kind] + name


class Limiting(Waiting):
    """Set limits and show how they are used; the part of an engine that does nothing else."""

    _slots: SlotKeeper
    _clock: Clock

    async def set_limit(
        self,
        kind: str,
        name: str | None = None,
        *,
        most: int | None = None,
        starts: int | None = None,
        seconds: float = 0.0,
        namespace: str = "default",
    ) -> dict[str, Any]:
        """Say how much may run at once, or how often it may begin; for all engines of the store.

        kind: one of KINDS. most: at once; starts: at most so many within `seconds`. What runs already goes
            on; what begins from now on heeds it, in other processes within about a second. Returns it as
            `limits` does. Raises LimitInvalid.
        """
        key = key_of(kind, name)
        if most is None and starts is None:
            raise LimitInvalid("A limit says how many at once, or how many within some seconds, or both.")
        if (most is not None and most < 0) or (starts is not None and (starts < 1 or seconds <= 0)):
            raise LimitInvalid(
                "At once: a number from 0. A rate: a number from 1, within more than 0 seconds."
            )
        limit = Limit(key, most, starts, seconds if starts is not None else 0.0)
        text = to_json(limit.as_json()).decode()
        await self._put_limit(namespace, key, text)
        return next(one for one in await self.limits(namespace) if one["key"] == key)

    async def remove_limit(self, kind: str, name: str | None = None, *, namespace: str = "default") -> None:
        """Forget a limit; what waits for it alone may run, but for tasks that need a resource: those fail.

        Raises LimitNotFound, LimitInvalid.
        """
        key = key_of(kind, name)
        if await self.backend.document(PLACE, LIMITS, limit_key(namespace, key)) is None:
            raise LimitNotFound(namespace, key)
        await self._put_limit(namespace, key, None)

    async def _put_limit(self, namespace: str, key: str, text: str | None) -> None:
        write = DocumentWrite(PLACE, LIMITS, limit_key(namespace, key), text)
        await self.backend.commit(Unit(documents=[write], promotions=[(namespace, key, self._clock.now())]))
        await self._slots.read()
        self._slots.stir()

    async def limits(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """Return the limits by namespace and key, each with how much of it is held and how many wait.

        Those that definitions themselves have are there while somebody holds them or waits.
        """
        found: dict[tuple[str, str], Limit] = {}
        query: DocumentQuery | None = DocumentQuery(PLACE, LIMITS, limit=1000)
        while query is not None:
            page, cursor = await self.backend.find_documents(query)
            stored = (limit_in(document) for document in page)
            found |= {(where, limit.key): limit for where, limit in stored if namespace in (None, where)}
            query = None if cursor is None else DocumentQuery(PLACE, LIMITS, limit=1000, cursor=cursor)
        rows: dict[tuple[str, str], list[SlotRow]] = {}
        for row in await self.backend.slots(SlotQuery(namespace)):
            rows.setdefault((row.namespace, row.key), []).append(row)
        places = sorted(found.keys() | rows.keys())
        return [_view(*place, found.get(place), rows.get(place, [])) for place in places]

    async def limit(
        self, kind: str, name: str | None = None, *, namespace: str = "default"
    ) -> dict[str, Any]:
        """Return one limit with who holds it and who waits, each in order and since when.

        kind: also `concurrency`, for what a definition itself says; its name is the workflow's, perhaps
            with `:` and the key. Raises LimitNotFound, LimitInvalid.
        """
        key = f"concurrency:{name}" if kind == "concurrency" and name else key_of(kind, name)
        document = await self.backend.document(PLACE, LIMITS, limit_key(namespace, key))
        rows = await self.backend.slots(SlotQuery(namespace, key))
        if document is None and not rows:
            raise LimitNotFound(namespace, key)
        view = _view(namespace, key, limit_in(document)[1] if document else None, rows)
        heads = {
            row.execution_id: row for row in await self.backend.heads([row.execution_id for row in rows])
        }
        owners = {head.owner for head in heads.values() if head.owner is not None}
        alive = await self.backend.alive(sorted(owners))
        queue = [row for row in rows if row.state not in HOLDING]
        for word, some in (("holders", [row for row in rows if row.state in HOLDING]), ("waiters", queue)):
            view[word] = [_line(row) for row in some]
            for line in view[word]:
                head = heads.get(line["execution_id"])
                line["workflow"] = head.workflow if head else None
                line["driven"] = head is not None and head.owner in alive
        for place, line in enumerate(view["waiters"], 1):
            line["place"] = place
        return view

    async def waiting_for(self, execution_id: str, path: str = "") -> list[dict[str, Any]]:
        """Return what a task, or with an empty path the execution itself, holds or waits for.

        For each limit: state, since, how much is held of how much, place in its queue (None if it holds
        it), and who holds it.
        """
        found = []
        for row in await self.backend.slots(SlotQuery(execution_id=execution_id, path=path)):
            rows = await self.backend.slots(SlotQuery(row.namespace, row.key))
            document = await self.backend.document(PLACE, LIMITS, limit_key(row.namespace, row.key))
            queue = [one[:2] for one in rows if one.state not in HOLDING]
            view = _view(row.namespace, row.key, limit_in(document)[1] if document else None, rows)
            view |= _line(row)
            view["place"] = queue.index(row[:2]) + 1 if row[:2] in queue else None
            view["holders"] = [_line(one) for one in rows if one.state in HOLDING]
            found.append(view)
        return found


def _view(namespace: str, key: str, limit: Limit | None, rows: list[SlotRow]) -> dict[str, Any]:
    kind, _, name = key.partition(":")
    own = [row.most for row in rows if row.most is not None]
    shape = limit.as_json() if limit else {"max": min(own, default=None), "rate": None}
    held = [row for row in rows if row.state in HOLDING]
    return {
        "namespace": namespace,
        "key": key,
        "kind": kind,
        "name": name or None,
        **shape,
        "held": sum(row.units for row in held),
        "waiting": len(rows) - len(held),
    }


def _line(row: SlotRow) -> dict[str, Any]:
    return {
        "execution_id": row.execution_id,
        "path": row.path,
        "units": row.units,
        "state": "held" if row.state in HOLDING else "waiting",
        "priority": row.priority,
        "since": rfc3339(row.moved if row.state in HOLDING else row.since),
    }
