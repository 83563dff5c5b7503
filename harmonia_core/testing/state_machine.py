"""Draw the transition tables of `model.statuses` as a document: `docs/state-machine.md` is made by it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harmonia_core.model.statuses import (
    EXECUTION_TRANSITIONS,
    FINAL_EXECUTION,
    FINAL_TASK,
    TASK_TRANSITIONS,
    ExecutionStatus,
    TaskStatus,
)

_TASK = {
    TaskStatus.WAITING: "Its dependencies are not met yet.",
    TaskStatus.READY: "It can begin, or begin again; it waits for a place in its window or for an answer.",
    TaskStatus.RUNNING: "An attempt is in flight.",
    TaskStatus.BACKOFF: "The last attempt failed; the next one is due at a recorded time.",
    TaskStatus.BLOCKED: "It waits for a timer, or for the completion of a deferred attempt.",
    TaskStatus.ATTENTION: "A person must decide; the reason says why. Not final.",
    TaskStatus.SUCCEEDED: "It has an output.",
    TaskStatus.FAILED: "It has failed for good and has an error.",
    TaskStatus.SKIPPED: "There was nothing to do: a condition, skipped dependencies, a person's decision.",
    TaskStatus.CANCELLED: "It had begun when its execution was cancelled or out of time.",
    TaskStatus.UNREACHABLE: "Its dependencies can no longer be met; the reason names the first that blocks.",
}
_EXECUTION = {
    ExecutionStatus.QUEUED: "Nothing has been recorded yet.",
    ExecutionStatus.RUNNING: "Something runs, waits for a time, or can begin.",
    ExecutionStatus.PAUSED: "A person, or its parent, holds it up: attempts in flight end, none begins.",
    ExecutionStatus.CANCELLING: "It was asked to end; what has begun ends first.",
    ExecutionStatus.COMPENSATING: "What it has done is being undone, the last first.",
    ExecutionStatus.ATTENTION: "At least one task or undo needs a person; others go on.",
    ExecutionStatus.COMPLETED: "Every task is final, and none failed.",
    ExecutionStatus.FAILED: "A task failed, the output could not be made, or the deadline has passed.",
    ExecutionStatus.CANCELLED: "It ended because it was asked to.",
    ExecutionStatus.TERMINATED: "It was ended at once, whatever it was doing.",
    ExecutionStatus.COMPENSATED: "It had failed, or was asked to end, and what it had done is undone.",
    ExecutionStatus.CONTINUED: "Its log was long enough; another execution goes on from its state.",
}

_HEAD = """# Statuses and transitions

Made from the tables in `harmonia_core/model/statuses.py`, which a test compares with what the
engine does. A final status never changes.
"""


def document() -> str:
    """Return the document: per kind a diagram, and a table with one sentence per status."""
    execution = _section(
        "Execution", [ExecutionStatus.QUEUED], _EXECUTION, EXECUTION_TRANSITIONS, FINAL_EXECUTION
    )
    first = [TaskStatus.WAITING, TaskStatus.READY]
    task = _section("Task, map item and undo", first, _TASK, TASK_TRANSITIONS, FINAL_TASK)
    return "\n".join((_HEAD, *execution, *task))


def _section(
    title: str,
    first: Sequence[Any],
    meanings: Mapping[Any, str],
    transitions: Mapping[Any, Collection[Any]],
    final: Collection[Any],
) -> list[str]:
    lines = [f"## {title}", "", "```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {status}" for status in first]
    order = list(meanings)
    for before, following in transitions.items():
        lines += [f"    {before} --> {after}" for after in sorted(following, key=order.index)]
    reached = {after for following in transitions.values() for after in following}
    lines += [f"    {status} --> [*]" for status in order if status in final and status in reached]
    lines += ["```", "", "| Status | Final | Meaning |", "|---|---|---|"]
    lines += [f"| `{s}` | {'yes' if s in final else ''} | {meaning} |" for s, meaning in meanings.items()]
    return [*lines, ""]


def main() -> None:
    """Print the document."""
    print(document(), end="")


if __name__ == "__main__":
    main()
