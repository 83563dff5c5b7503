"""Bugs beside the ten: what clients were promised and are not given."""

from typing import Any

from bugs import Bug
from bugs_of_stores import Patches

from harmonia_core.engine import decide, request_kinds
from harmonia_core.engine.inquiry import Inquiry
from harmonia_core.engine.start_keys import StartKeys
from harmonia_core.model.statuses import ExecutionStatus


def key_ignored() -> Patches:
    """Begin an execution for each start, whatever its key. The guarantee lives in `StartKeys`."""
    taking = StartKeys.taking

    async def held(self: StartKeys, *_: Any) -> None:
        return None

    def taken(self: StartKeys, namespace: str, workflow: str, key: str, execution_id: str, *rest: Any) -> Any:
        return taking(self, namespace, workflow, f"{key} {execution_id}", execution_id, *rest)

    return [(StartKeys, "held", held), (StartKeys, "taking", taken)]


def message_lost() -> Patches:
    """Forget a message for which nobody waits yet. The guarantee lives in `messages.receive`."""
    kinds = dict(request_kinds._KINDS)
    receive = kinds["message"]

    def forget(state: Any, wish: Any) -> Any:
        return receive(state, wish) if state.inbox.waiting else ()

    return [(request_kinds, "_KINDS", {**kinds, "message": forget})]


def pause_ignored() -> Patches:
    """Begin tasks of a paused execution. The guarantee lives in `decide._STILL`."""
    return [(decide, "_STILL", decide._STILL - {ExecutionStatus.PAUSED})]


def stale_read() -> Patches:
    """Answer every other read with what the first one has found. The guarantee lives in `Inquiry.get`."""
    get = Inquiry.get
    seen: dict[str, list[Any]] = {}

    async def stale(self: Inquiry, execution_id: str, **more: Any) -> Any:
        views = seen.setdefault(execution_id, [])
        views.append(await get(self, execution_id, **more))
        return views[0] if len(views) % 2 else views[-1]

    return [(Inquiry, "get", stale)]


MORE = {bug.__name__: Bug(bug) for bug in (key_ignored, message_lost, pause_ignored, stale_read)}
