"""What single tasks do, in the naive reading; `work` is the task type of the tests."""

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from naive_places import Ended, Error, Failure

if TYPE_CHECKING:
    from naive_reading import Attempt, Reading

SECRET = "open-sesame-17"
ERRORS = {
    "busy": Error("server", "busy", True),
    "lost": Error("connection", "lost", True),
    "odd": Error("task", "odd", True),
    "never": Error("client", "never", False),
}
"""What a `work` may fail with."""


def answer(path: str, attempt: int, input: dict[str, Any]) -> Any:
    """Return what an attempt of `work` gives: an output, or an error if it is among the first `bad` ones."""
    if attempt <= input.get("bad", 0):
        return ERRORS[input.get("code", "odd")]
    local = path.rpartition(":")[2]  # the part that a task is told
    digest = sha256(json.dumps([local, attempt, input], sort_keys=True).encode()).hexdigest()
    said = {"said": f"It is {input['secret']}."} if "secret" in input else {}
    return {"of": digest[:6], "n": int(digest[:6], 16) % 4, "try": attempt, **said}


def work(reading: "Reading", attempt: "Attempt") -> Ended:
    """Do what `answer` says; with `hang`, nothing until the attempt's timeout."""
    reading.calls[attempt.path, attempt.number] = attempt.input
    if attempt.number <= attempt.input.get("hang", 0):
        late = attempt.at + attempt.task["timeout"]
        reading.apart(late, attempt.until)
        if late > attempt.until:
            return Ended("cancelled", attempt.until)
        return Ended("failed", late, None, Error("timeout", "attempt-timeout", True))
    found = answer(attempt.path, attempt.number, attempt.input)
    if isinstance(found, Error):
        return Ended("failed", attempt.at, None, found)
    # Whatever a task says of a secret is masked.
    output = {key: "It is ***." if key == "said" else value for key, value in found.items()}
    return Ended("succeeded", attempt.at, output)


def noop(reading: "Reading", attempt: "Attempt") -> Ended:
    """Take any input and return it."""
    return Ended("succeeded", attempt.at, attempt.input)


def fail(reading: "Reading", attempt: "Attempt") -> Ended:
    """End as failed, never retried."""
    return Ended("failed", attempt.at, None, Error("task", attempt.input["error"]))


def wait(reading: "Reading", attempt: "Attempt") -> Ended:
    """Let time pass."""
    due = attempt.at + attempt.input["duration"]
    reading.apart(due, attempt.until)
    return Ended("succeeded", due) if due < attempt.until else Ended("cancelled", attempt.until)


def put(reading: "Reading", attempt: "Attempt") -> Ended:
    """Write variables, each where it is declared nearest."""
    for name, value in attempt.input.items():
        attempt.place.write(name, value)
    return Ended("succeeded", attempt.at)


def subworkflow(reading: "Reading", attempt: "Attempt") -> Ended:
    """An execution of its own: its output is the task's, and so is its error."""
    name = f"{attempt.path}#{attempt.number}:"
    workflow = {"name": attempt.path.rpartition("/")[2], **attempt.task["workflow"]}
    end, _ = reading.execution(workflow, attempt.input, name, attempt.at, attempt.until)
    reading.ends[name] = end.status
    status = {"completed": "succeeded", "compensated": "failed"}.get(end.status, end.status)
    return end._replace(status=status)


def items_of(input: Any, batch: int | None) -> list[Any]:
    """Return the items of a map; in batches, lists of them."""
    if not isinstance(input.get("items", []), list):
        raise Failure(Error("validation", "input-invalid"))
    wish = input.get("range", {})
    values = input["items"] if "items" in input else list(range(*_bounds(wish)))
    return values if batch is None else [values[at : at + batch] for at in range(0, len(values), batch)]


def _bounds(wish: dict[str, int]) -> tuple[int, int, int]:
    return wish.get("start", 0), wish["stop"], wish.get("step", 1)


TASKS = {"work": work, "noop": noop, "fail": fail, "wait": wait, "set": put, "subworkflow": subworkflow}
