"""A history as text: what the store held of one execution, and what must become of it.

One JSON object a line; the first key says what it is. Where a line ends with `data`, its value is the
stored text itself, byte for byte, so that the file shows what was written and not what it reads as.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from harmonia_core.contracts.rows import EventRow, ExecutionRow, RequestRow

FORMAT = 1
FOLDER = Path(__file__).parent
Row = TypeVar("Row", bound=NamedTuple)


@dataclass(frozen=True)
class History:
    """Hold one history.

    written_by: the version whose engine wrote the log. blobs: by address, the definition among them.
    requests: not consumed yet. tokens: of deferred attempts, by path. snapshot: seq and text, if any.
    state: the public view at the last seq. steps: how the test goes on; none if the execution has ended.
    end: what it must come to.
    """

    name: str
    written_by: str
    about: str
    head: ExecutionRow
    events: tuple[EventRow, ...]
    blobs: Mapping[str, bytes]
    state: Mapping[str, Any]
    end: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...] = ()
    requests: tuple[RequestRow, ...] = ()
    tokens: Mapping[str, str] = field(default_factory=dict)
    snapshot: tuple[int, bytes] | None = None

    @property
    def id(self) -> str:
        """Return a name that is unique among all versions."""
        return f"{self.written_by}/{self.name}"


def _line(data: str | None = None, **envelope: Any) -> str:
    text = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))
    if data is None:
        return text
    assert "\n" not in data
    return f'{text[:-1]},"data":{data}}}'


def _lines(history: History) -> Iterator[str]:
    yield _line(history=history.name, format=FORMAT, written_by=history.written_by, about=history.about)
    yield _line(head=history.head._asdict())
    for address, blob in history.blobs.items():
        yield _line(blob.decode(), blob=address)
    for row in history.events:
        envelope = {name: getattr(row, name) for name in ("seq", "at", "type", "v", "actor", "causation")}
        yield _line(row.data, **envelope)
    for request in history.requests:
        yield _line(request=request._asdict())
    if history.tokens:
        yield _line(tokens=history.tokens)
    if history.snapshot is not None:
        yield _line(history.snapshot[1].decode(), snapshot=history.snapshot[0])
    yield _line(state=history.state)
    if history.steps:
        yield _line(steps=history.steps)
    yield _line(end=history.end)


def to_text(history: History) -> str:
    """Return the file of a history."""
    return "".join(f"{line}\n" for line in _lines(history))


def from_text(text: str) -> History:
    """Return the history of a file."""
    things: dict[str, list[tuple[Any, str]]] = {}
    for line in text.split("\n")[:-1]:
        shape = json.loads(line)
        data = line.partition(',"data":')[2][:-1]
        things.setdefault(next(iter(shape)), []).append((shape, data))
    ((top, _),) = things["history"]
    assert top["format"] == FORMAT
    head = _row(ExecutionRow, things["head"][0][0]["head"])
    snapshot = things.get("snapshot")
    return History(
        top["history"],
        top["written_by"],
        top["about"],
        head,
        tuple(_event(head.execution_id, shape, data) for shape, data in things["seq"]),
        {shape["blob"]: data.encode() for shape, data in things["blob"]},
        things["state"][0][0]["state"],
        things["end"][0][0]["end"],
        tuple(things["steps"][0][0]["steps"]) if "steps" in things else (),
        tuple(_row(RequestRow, shape["request"]) for shape, _ in things.get("request", ())),
        things["tokens"][0][0]["tokens"] if "tokens" in things else {},
        (snapshot[0][0]["snapshot"], snapshot[0][1].encode()) if snapshot else None,
    )


def _row(kind: type[Row], shape: Mapping[str, Any]) -> Row:
    return kind(**shape)


def _event(execution_id: str, shape: Mapping[str, Any], data: str) -> EventRow:
    envelope = {name: shape[name] for name in ("seq", "at", "type", "v", "actor", "causation")}
    return EventRow(execution_id, data=data, **envelope)


def stored() -> list[History]:
    """Return every history in the folder, by version and name."""
    return [from_text(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*/*.jsonl"))]


def end_of(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return what counts in an execution's end: no times, and of errors what programs may rely on."""
    end = {name: view[name] for name in ("status", "reason", "output", "failed_tasks", "counts")}
    tasks = {task["path"]: _task(task) for task in view["tasks"]}
    return end | {"error": _error(view["error"]), "tasks": tasks}


def _task(task: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"status": task["status"], "attempt": task["attempt"], "reason": task["reason"]}
    kept |= {"output": task["output"], "error": _error(task["error"]), "items": task.get("items")}
    return {name: value for name, value in kept.items() if value is not None}


def _error(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if error is None else {"category": error["category"], "code": error["code"]}
