"""Definitions of the workloads: chains, fan-outs, a map and a loop, as plain data."""

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


def mapped(count: int, kind: str = "bench.step") -> Definition:
    """Return a map over the numbers below `count`; its output, read from the last item's, is `count`."""
    numbers = {
        "type": "map",
        "input": {"range": {"stop": count}},
        "task": {"type": kind, "input": {"n": "${item}"}},
    }
    output = {"n": f"${{tasks.numbers.output[{count - 1}].n}}"}
    return {"name": f"map-{count}", "tasks": {"numbers": numbers}, "output": output}


def looped(count: int, kind: str = "bench.spent") -> Definition:
    """Return a loop of `count` rounds, each of one task; its output, that of the last, is `count`."""
    rounds = {
        "type": "loop",
        "times": count,
        "max_iterations": count,
        "task": {"type": kind, "input": {"n": "${index}"}},
    }
    return {"name": f"loop-{count}", "tasks": {"rounds": rounds}, "output": {"n": "${tasks.rounds.output.n}"}}
