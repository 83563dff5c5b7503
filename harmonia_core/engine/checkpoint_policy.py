"""Check what a definition says about checkpoints, and compile it. Pure."""

from collections.abc import Iterator

from harmonia_core.engine.suggestions import Names
from harmonia_core.errors import Problem
from harmonia_core.model.checkpoints import CheckpointPolicy, CheckpointsSpec
from harmonia_core.model.graph import Scope, TaskNode


def checkpoint_policy(
    spec: CheckpointsSpec | None, root: Scope, problems: list[Problem]
) -> CheckpointPolicy | None:
    """Return the policy, None if there is none; adds to `problems` each task that there is not."""
    if spec is None:
        return None
    known = set(_paths(root, ""))
    names, whole = Names(sorted(known)), not problems  # what is wrong elsewhere may hide tasks inside others
    for number, path in enumerate(spec.after):
        if path not in known and (whole or "/" not in path):
            message = f"there is no task {path!r}; write a path without numbers, such as tries/body/call"
            hint = names.hint(path)
            problems.append(Problem("task-unknown", f"checkpoints.after[{number}]", message, suggestion=hint))
    return CheckpointPolicy(frozenset(spec.after), spec.every or 0, spec.keep)


def _paths(scope: Scope, prefix: str) -> Iterator[str]:
    for node in scope.tasks:
        path = prefix + node.id
        yield path
        yield from _inside(node, path)


def _inside(node: TaskNode, path: str) -> Iterator[str]:
    for one in (node, node.item):
        if one is not None and one.scope is not None:
            yield from _paths(one.scope, f"{path}/")
