"""Histories told by hand: a good one, to which a test adds what a rule is to find."""

from typing import Any

from recorded_history import History, read_history


class Told:
    """Tell a history note by note; each is one moment later than the one before."""

    def __init__(self, **facts: Any) -> None:
        self._notes: list[dict[str, Any]] = []
        self._logs: dict[str, dict[str, Any]] = {}
        self._facts, self._ops = facts, 0

    def note(self, type: str, **fields: Any) -> None:
        self._notes.append({"type": type, "at": float(len(self._notes) + 1), **fields})

    def invoke(self, kind: str, client: str = "c", **args: Any) -> str:
        """Begin an operation and return its id."""
        self._ops += 1
        op = f"{client}-{self._ops}"
        self.note("invoke", op=op, client=client, kind=kind, args=args)
        return op

    def done(self, kind: str, value: Any = None, outcome: str = "ok", client: str = "c", **args: Any) -> str:
        """Tell of an operation and its end; return its id."""
        op = self.invoke(kind, client, **args)
        self.note(outcome, op=op, value=value)
        return op

    def read(self, status: str, seq: int, execution: str = "x", output: Any = None, client: str = "c") -> str:
        value = {"id": execution, "status": status, "seq": seq, "output": output}
        return self.done("read", value, client=client, execution=execution)

    def log(self, execution: str, *events: Any, status: str = "completed", **more: Any) -> None:
        """Add events to a log: names, or (name, data), or (name, data, actor)."""
        log = self._logs.setdefault(execution, {"events": [], "workflow": "flow"})
        log |= {"status": status, **more}
        for event in events:
            given = (event,) if isinstance(event, str) else event
            type, data, actor = (*given, *({}, None)[len(given) - 1 :])
            seq = len(log["events"]) + 1
            log["events"].append([data.get("seq", seq), type, data.get("at", float(seq)), actor, data])

    def effect(
        self, path: str, attempt: int = 1, execution: str = "x", ends: bool = True, **more: Any
    ) -> None:
        """Tell of a task that notes its beginning and its end."""
        name = {"engine": "e", "execution": execution, "path": path, "attempt": attempt}
        self.note("begin", **name, **more)
        if ends:
            self.note("end", **name)

    @property
    def history(self) -> History:
        logs = [{"type": "execution", "at": 1e9, "execution": key, **log} for key, log in self._logs.items()]
        return read_history([*self._notes, *logs, {"type": "facts", "at": 2e9, **self._facts}])


def scheduled(path: str, attempt: int = 1) -> Any:
    return "TaskScheduled", {"path": path, "attempt": attempt}


def succeeded(path: str, attempt: int = 1) -> Any:
    return "TaskSucceeded", {"path": path, "attempt": attempt}
