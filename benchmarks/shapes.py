"""Definitions of the workloads: chains and fan-outs, as plain data."""

from typing import Any

Definition = dict[str, Any]


def chain(length: int, kind: str = "bench.step") -> Definition:
    """Return a chain in which each task reads the number of the one before; its output is `length`."""
    tasks: dict[str, Any] = {"t0000": {"type": kind, "input": {"n": "${input.n}"}}}
    for position in range(1, length):
        before = f"t{position - 1:04}"
        tasks[f"t{position:04}"] = {
            "type": kind,
            "depends_on": [before],
            "input": {"n": f"${{tasks.{before}.output.n}}"},
        }
    return {
        "name": f"chain-{length}",
        "tasks": tasks,
        "output": {"n": f"${{tasks.t{length - 1:04}.output.n}}"},
    }


def fan(width: int, kind: str = "bench.step") -> Definition:
    """Return one task, `width` tasks that read it, and one that waits for them all; its output is 2."""
    read = {"n": "${tasks.root.output.n}"}
    middle = {
        f"t{position:05}": {"type": kind, "depends_on": ["root"], "input": read} for position in range(width)
    }
    tasks = {
        "root": {"type": "bench.step", "input": {"n": "${input.n}"}},
        **middle,
        "join": {"type": "bench.step", "depends_on": list(middle), "input": read},
    }
    return {"name": f"fan-{width}", "tasks": tasks, "output": {"n": "${tasks.join.output.n}"}}
