"""How each kind of task that holds others is drawn."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from drawn_places import Definition, Here, holds, results

if TYPE_CHECKING:
    from drawn_workflows import Author


def opened(author: "Author", here: Here, policy: bool = True) -> tuple[Definition, Here]:
    """Begin a task that holds others: its variables, its limits, and what may be written in it."""
    task: Definition = {}
    if author.chance(25):
        name = author.name("v")
        task["vars"] = {name: author.number(0, 2)}
        here = here.but(numbers=(*here.numbers, f"vars.{name}"), writable=(*here.writable, name))
    if policy and author.chance(15):
        task["retry_policy"] = author.policy()
    if here.free and author.chance(15):
        task["total_timeout"] = author.number(1, 9) + 0.5
        here = here.but(timed=True)
    return task, here.deeper()


def closed(author: "Author", task: Definition, kind: str, content: Definition) -> Definition:
    """Finish a task that holds others."""
    task = {"type": kind, **task, **content}
    if holds(content, "compensate") and author.chance(35):
        task["on_failure"] = "compensate"
    return task


def group(author: "Author", here: Here) -> Definition:
    """Draw a graph inside a task."""
    task, within = opened(author, here)
    tasks = author.graph(within.but(writable=()), list(task.get("vars", ())))
    content: Definition = {"tasks": tasks}
    if author.chance(30):
        content["output"] = author.gathered(tasks, within)
    if not within.timed and author.chance(20):
        content["max_concurrency"] = author.number(1, 2)
    return closed(author, task, "group", content)


def parallel(author: "Author", here: Here) -> Definition:
    """Draw branches side by side."""
    task, within = opened(author, here)
    places = author.side_by_side(within.but(writable=()), author.number(1, 3))
    branches = {author.name("b"): author.block(place, alone=False) for place in places}
    return closed(author, task, "parallel", {"branches": branches})


def race(author: "Author", here: Here) -> Definition:
    """Draw branches of which one is the first, or all fail with the same error."""
    task, within = opened(author, here, policy=False)
    within, code = within.but(writable=(), timed=True), author.one(here.codes or ("odd",))
    failing = {
        "task": {"type": "work", "input": {"bad": 9, "code": code}, "retry_policy": {"max_retries": 0}}
    }
    branches: Definition = {}
    for _ in range(author.number(1, 2)):
        lost = failing if code != "halt" and author.chance(30) else late(author, within)
        branches[author.name("b")] = lost
    if here.free and code != "halt" and author.chance(20):
        branches = dict.fromkeys(branches, failing)
    else:
        wait = {"type": "wait", "input": {"duration": author.number(1, 4)}}
        branches[author.name("b")] = {"steps": {author.name(): wait, **steps(author, within.safe(), False)}}
    return closed(author, task, "race", {"branches": branches})


def late(author: "Author", here: Here) -> Definition:
    """Draw a branch that takes longer than any other; perhaps it tidies up when it is ended."""
    wait: Definition = {"type": "wait", "input": {"duration": 1000}}
    if author.chance(50):
        wait["finally"] = {"task": {"type": "work", "input": {"why": "${error.code}"}}}
    return {"steps": {author.name(): wait, **steps(author, here.safe(), False)}}


def sequence(author: "Author", here: Here) -> Definition:
    """Draw steps in order, perhaps with jumps."""
    task, within = opened(author, here)
    content: Definition = {"steps": steps(author, within, jumps=author.chance(50))}
    if "max_iterations" not in content and here.free and author.chance(10):
        content["max_iterations"] = 2
    if author.chance(30):
        content["output"] = author.gathered(content["steps"], within)
    return closed(author, task, "sequence", content)


def steps(author: "Author", here: Here, jumps: bool) -> Definition:
    """Draw steps; a step may read those before it."""
    count = max(1, min(author.left, author.number(1, 3)))
    ids = [author.name("s") for _ in range(count)]
    back = jumps and author.chance(60)
    here = here.reading(["index"]) if back else here
    found: Definition = {}
    for number, id in enumerate(ids):
        found[id] = author.task(here)
        here = here.reading(values=results(id))
        if back and number == count - 1:
            found[id]["next"] = [{"to": author.one(ids), "when": f"index < {author.number(0, 2)}"}]
        elif jumps and author.chance(40):
            to = author.one(["end", *ids[number + 1 :]])
            found[id]["next"] = [{"to": to, "when": author.condition(here)}]
    return found


def decision(author: "Author", here: Here) -> Definition:
    """Draw cases."""
    task, within = opened(author, here)
    if author.chance(30):
        places = author.side_by_side(within.but(writable=()), author.number(1, 3))
        cases = [
            {"id": author.name("c"), "when": author.condition(place), **author.block(place, alone=False)}
            for place in places
        ]
        return closed(author, task, "decision", {"mode": "all", "cases": cases})
    cases = [{"when": author.condition(within), **author.block(within)} for _ in range(author.number(1, 2))]
    content: Definition = {"cases": cases}
    if author.chance(50):
        content["default"] = author.block(within)
    return closed(author, task, "decision", content)


def loop(author: "Author", here: Here) -> Definition:
    """Draw a body that is carried out again."""
    task, within = opened(author, here)
    within = within.reading(["index"])
    bound = author.number(0, 3)
    kind = author.one(("times", "while", "until"))
    content: Definition = {"times": bound if author.chance(60) else "input.n"}
    if kind == "while":
        more = author.one(("", " && tasks.body.status != 'skipped'"))
        content = {"while": f"index < {bound}{more}"}
    elif kind == "until":
        more = author.one(("", " || tasks.body.output == null"))
        content = {"until": f"index >= {bound}{more}"}
    if kind != "times" and here.free and author.chance(15):
        content["max_iterations"] = author.number(1, 2)
    content |= author.block(within)
    if author.chance(20):
        content["output"] = {"last": "${tasks.body.output}", "was": "${tasks.body.status}"}
    return closed(author, task, "loop", content)


def attempt(author: "Author", here: Here) -> Definition:
    """Draw a body with handlers."""
    task, within = opened(author, here)
    handlers = author.handlers(within)
    inner = within.unruly() if "catch" in handlers else within
    return closed(author, task, "try", {**author.block(inner), **handlers})


def each(author: "Author", here: Here) -> Definition:
    """Draw a map."""
    task: Definition = {
        "type": "map",
        "input": author.one(
            ({"items": [5, 1]}, {"items": "input.list"}, {"range": {"stop": 3}}, {"items": []})
        ),
    }
    within = here.deeper(writable=()).reading(["index"])
    batch = author.chance(15)
    within = within.reading((), ["item"]) if batch else within.reading(["item"])
    if batch:
        task["batch_size"] = 2
    strict = here.free and author.chance(60)
    task["max_concurrency"] = 1 if strict else author.number(1, 3)
    inner = within.unruly() if strict else within.safe()
    if strict and author.chance(50):
        task["tolerate"] = author.one((1, "50%", 2))
        if author.chance(30):
            task["enough"] = author.number(1, 2)
    elif not strict and author.chance(50):
        task["tolerate"], inner = 9, within.unruly()
    task["task"] = author.task(inner, bare=True)
    if author.chance(30):
        value = author.one(("result + index", "result + (output == null ? 0 : 1)"))
        task["reduce"] = {"initial": author.one((0, f"${{{author.one(here.numbers)}}}")), "value": value}
    return task


def subworkflow(author: "Author", here: Here) -> Definition:
    """Draw an execution of its own."""
    inner = Here(("input.n",), (), (), here.codes, here.free, here.depth + 1, here.timed)
    task: Definition = {
        "type": "subworkflow",
        "input": {"n": f"${{{author.count(here)}}}", "list": [1], "name": "Bo"},
    }
    task["workflow"] = author.workflow(inner, None, timed=False)
    if author.chance(20):
        task["retry_policy"] = author.policy()
    return task


KINDS: dict[str, Callable[["Author", Here], Definition]] = {
    "sequence": sequence, "group": group, "parallel": parallel, "decision": decision, "loop": loop,
    "try": attempt, "map": each, "race": race, "subworkflow": subworkflow,
}  # fmt: skip
