"""How a case has ended, in terms that do not depend on when a process died: plain JSON, by labels."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json
from sweep_life import Life
from sweep_seen import executions

from harmonia_core.contracts.rows import EventRow, ExecutionRow
from harmonia_core.contracts.slots import SlotQuery
from harmonia_core.contracts.state_backend import DocumentQuery
from harmonia_core.host import FINAL_EXECUTION

PASSING = frozenset(
    ("ExecutionAdopted", "AttemptLost", "TaskScheduled", "Asked", "Answered", "SlotsRequested",
     "SlotsGranted", "ExecutionRolledOver", "ExecutionContinued", "TaskDeferred", "MessageRefused",
     "ChildControlRequested", "LateResultRefused")
)  # fmt: skip
"""Events of which there may be more, or fewer, where a process has died."""
TOLD = ("number", "message_id", "message_ids", "decision", "resolution", "name", "to", "values", "step",
        "iteration", "child_id", "cause")  # fmt: skip
"""What of an event tells it from another one at the same path."""


SHOWN = ("status", "reason", "attempt", "output", "error")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Labels:
    """Name executions by what they are for, as their ids are new in every world."""

    def __init__(self, begun: Mapping[str, str], logs: Mapping[str, list[EventRow]]) -> None:
        self.by_id = {execution: label for label, execution in begun.items()}
        left = {
            key: (log[0].type, from_json(log[0].data)) for key, log in logs.items() if key not in self.by_id
        }
        while left:
            key = next(
                (key for key, (_, first) in left.items() if _before(first) in self.by_id), next(iter(left))
            )
            kind, first = left.pop(key)
            self.by_id[key] = self._label(kind, first)

    def _label(self, kind: str, first: Mapping[str, Any]) -> str:
        origin = self.by_id.get(_before(first), "?")
        if kind == "ExecutionStarted":
            return self._free(f"{origin}/{first.get('parent_path')}#{first.get('parent_attempt')}")
        if kind == "ExecutionContinued":
            return origin
        return self._free(f"{origin}~{first['kind']}")

    def _free(self, label: str) -> str:
        while label in self.by_id.values():
            label += "+"
        return label

    def named(self, value: Any) -> Any:
        """Return a value with labels in the place of ids."""
        text = TIME.sub("<time>", json.dumps(value, sort_keys=True))
        for execution, label in self.by_id.items():
            text = text.replace(execution, f"<{label}>")
        return json.loads(ID.sub("<gone>", text))


def _before(first: Mapping[str, Any]) -> str:
    """Return the execution that another one comes from, by its first event."""
    return str(first.get("parent_id") or first.get("origin") or "")


async def outcome(life: Life) -> dict[str, Any]:
    """Return the outcome of a case whose last life is still open."""
    store = life.store.backend
    rows = await executions(store)
    logs = {row.execution_id: await store.events(row.execution_id) for row in rows}
    labels = Labels(life.client.ids, logs)
    passing = PASSING.union(life.case.passing)
    found: dict[str, Any] = {"executions": {}, "facts": {}, "undone": {}}
    for row in rows:
        label, log = labels.by_id[row.execution_id], logs[row.execution_id]
        if row.status != "continued":
            view = await life.engine.get(row.execution_id)
            found["executions"][label] = _view(view, life.case.attempts)
        facts = found["facts"].setdefault(label, Counter())
        facts.update(_fact(row) for row in log if row.type not in passing)
        found["undone"].setdefault(label, []).extend(_undone(log))
    found["effects"] = list({f"{line['key']} {line['name']}" for line in life.world.of("effect")})
    found["rows"] = await _rows(life, rows)
    named: dict[str, Any] = labels.named(found)
    named["effects"].sort()
    return named


def _view(view: Mapping[str, Any], again: Sequence[str]) -> dict[str, Any]:
    tasks = {one["path"]: {name: one[name] for name in SHOWN} for one in view["tasks"]}
    for path, one in tasks.items():
        one["error"] = one["error"] and one["error"]["code"]
        if path in again:
            del one["attempt"]
    error = view["error"] and {name: view["error"][name] for name in ("category", "code", "message")}
    kept = {name: view[name] for name in ("status", "reason", "output", "failed_tasks", "counts", "labels")}
    return {**kept, "error": error, "tasks": tasks}


def _fact(row: EventRow) -> str:
    data = from_json(row.data)
    told = {name: data[name] for name in TOLD if data.get(name) is not None}
    return json.dumps([row.type, data.get("path", ""), told], sort_keys=True)


def _undone(log: list[EventRow]) -> list[str]:
    """Return what was undone, in the order in which that ended."""
    paths = [from_json(row.data).get("path", "") for row in log if row.type == "TaskSucceeded"]
    return [path for path in paths if path.endswith("~undo")]


async def _rows(life: Life, rows: list[ExecutionRow]) -> dict[str, int]:
    """Count what is left over beside the logs."""
    store = life.store.backend
    await store.sweep(life.clock.now() + 10**9)
    found = {
        "requests": len(await store.requests()),
        "slots": len(await store.slots(SlotQuery())),
        "timers": sum([len(await store.timers(row.execution_id)) for row in rows]),
        "unfinished": len([row for row in rows if row.status not in FINAL_EXECUTION]),
    }
    for name in ("outgoing", "subscriptions", "messages", "checkpoints", "memo"):
        place = "default" if name == "memo" else "harmonia"
        page, _ = await store.find_documents(DocumentQuery(place, f"harmonia.{name}"))
        found[name] = len(page)
    return found


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Return where two outcomes differ, one line each."""
    if expected == found:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        names = sorted({*expected, *found})
        return [
            line
            for name in names
            for line in differences(expected.get(name), found.get(name), f"{place}/{name}")
        ]
    return [f"{place or '/'}: expected {_short(expected)}, found {_short(found)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) < 400 else f"{text[:400]}…"
