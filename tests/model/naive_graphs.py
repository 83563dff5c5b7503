"""Graphs in the naive reading: who begins when, and the tasks that hold a graph."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from naive_places import Ended, Error, Failure, Place

if TYPE_CHECKING:
    from naive_reading import Attempt, Reading

INF = float("inf")
Task = Mapping[str, Any]


def listed(tasks: Any) -> list[Task]:
    """Tasks are a list, or an object of them by id."""
    return [{"id": id, **task} for id, task in tasks.items()] if isinstance(tasks, Mapping) else list(tasks)


def held(block: Mapping[str, Any], id: str) -> Task:
    """A branch, case, body or handler is one task, a graph of `tasks`, or `steps` in order."""
    if "task" in block:
        return {**block["task"], "id": id}
    kind = "group" if "tasks" in block else "sequence"
    return {"id": id, "type": kind, **{key: block[key] for key in ("tasks", "steps") if key in block}}


def graph(
    reading: "Reading", tasks: Sequence[Task], prefix: str, place: Place, at: float, until: float
) -> Ended:
    """Each task begins when its join is met. A failure stops nothing but what depends on it."""
    waiting = {task["id"]: task for task in tasks}
    place.names = tuple(waiting)
    while waiting:
        ready = [id for id, task in waiting.items() if all(one in place.tasks for one in before(task))]
        task = waiting.pop(reading.pick(ready))
        place.tasks[task["id"]] = _joined(reading, task, prefix + task["id"], place, at, until)
    ends = list(place.tasks.values())
    last = max((end.at for end in ends if end.at < INF), default=at)
    if any(end.status == "cancelled" for end in ends):
        return Ended("cancelled", last)
    failed = [end for end in ends if end.status == "failed"]
    error = min(failed, key=lambda end: end.at).error if failed else None
    return Ended("failed" if failed else "succeeded", last, None, error)


def before(task: Task) -> list[str]:
    """Return the dependencies of a task."""
    found = task.get("depends_on", [])
    return [found] if isinstance(found, str) else list(found)


def _joined(reading: "Reading", task: Task, path: str, place: Place, at: float, until: float) -> Ended:
    ends = [place.tasks[one] for one in before(task)]
    verdict, when = join(task.get("join", "all"), ends, at)
    if when >= until:
        if all(end.status != "cancelled" for end in ends):
            reading.apart(when, until)
        return Ended("cancelled", INF)  # it never began
    if verdict == "met":
        return reading.begin(task, path, place, when, until)
    return reading.record(path, Ended(verdict, when))


def join(wish: Any, ends: Sequence[Ended], at: float) -> tuple[str, float]:
    """Say as soon as it is known, one end after the other, whether a join is met."""
    form = wish if isinstance(wish, Mapping) else {"count": wish}
    seen = list[str]()
    verdict = _verdict(form, seen, len(ends))
    for end in sorted(ends, key=lambda end: end.at):
        if verdict is not None:
            break
        at = max(at, end.at)
        seen.append(end.status)
        verdict = _verdict(form, seen, len(ends))
    assert verdict is not None
    return verdict, at


def _verdict(form: Mapping[str, Any], seen: Sequence[str], total: int) -> str | None:
    """Judge a join by the ends that are known; None while it is open."""
    wanted, done = form.get("count", "all"), form.get("done", "skipped")
    fine = ["succeeded", "skipped"] if wanted == "all" else ["succeeded"]  # no skip counts as one of a number
    fine = {"success": ["succeeded"], "end": list(seen)}.get(done, fine)
    good = [one for one in seen if one in fine]
    if wanted == "all" and total and len(seen) == total and set(seen) == {"skipped"}:
        return "skipped"
    need = total if wanted == "all" else 1 if wanted == "any" else wanted
    if len(good) >= need:
        return "met"
    if len(good) + total - len(seen) >= need:
        return None
    return "skipped" if all(one in ("succeeded", "skipped") for one in seen) else "unreachable"


def finished(attempt: "Attempt", place: Place, end: Ended, usual: Any) -> Ended:
    """A composite whose inside did well gives its `output`, or what its kind says."""
    if end.status != "succeeded":
        return end._replace(output=None)
    try:
        wanted = attempt.task.get("output")
        return end._replace(output=usual if wanted is None else place.value(wanted))
    except Failure as failure:
        return Ended("failed", end.at, None, failure.error)


def opened(attempt: "Attempt", **roots: Any) -> Place:
    place = attempt.place.inside(**roots)
    place.vars = dict(attempt.task.get("vars", {}))
    return place


def as_graph(reading: "Reading", attempt: "Attempt", tasks: Sequence[Task]) -> Ended:
    place = opened(attempt)
    within = reading.round(attempt, False)
    end = graph(reading, tasks, f"{within}/", place, attempt.at, attempt.until)
    outputs = {task["id"]: place.task(task["id"])["output"] for task in tasks}
    return finished(attempt, place, end, outputs)


def group(reading: "Reading", attempt: "Attempt") -> Ended:
    """Carry out a graph."""
    return as_graph(reading, attempt, listed(attempt.task["tasks"]))


def parallel(reading: "Reading", attempt: "Attempt") -> Ended:
    """Carry out branches side by side."""
    return as_graph(reading, attempt, [held(one, one["id"]) for one in listed(attempt.task["branches"])])


def race(reading: "Reading", attempt: "Attempt") -> Ended:
    """The first branches that succeed cancel what runs in the others; their output is the race's."""
    tasks = [held(one, one["id"]) for one in listed(attempt.task["branches"])]
    within, wanted = reading.round(attempt, False), attempt.task.get("enough", 1)

    def run(reading: "Reading", task: Task, until: float) -> Ended:
        return reading.begin(task, f"{within}/{task['id']}", opened(attempt), attempt.at, until)

    trial = reading.trial()
    alone = {task["id"]: run(trial, task, attempt.until) for task in tasks}
    won = sorted((end.at, id) for id, end in alone.items() if end.status == "succeeded")[:wanted]
    over, winners = (won[-1][0], [id for _, id in won]) if len(won) == wanted else (attempt.until, [])
    place = opened(attempt)
    place.names = tuple(alone)
    for task in tasks:
        until = attempt.until if task["id"] in winners else over
        place.tasks[task["id"]] = run(reading, task, until)
    if not winners:
        return _lost(list(place.tasks.values()))
    outputs = {id: place.task(id)["output"] for id in alone}
    last = max(end.at for end in place.tasks.values())
    return finished(attempt, place, Ended("succeeded", last), outputs[winners[0]] if wanted == 1 else outputs)


def _lost(ends: Sequence[Ended]) -> Ended:
    """A race that nobody won fails with the first error."""
    last = max(end.at for end in ends)
    failed = [end for end in ends if end.status == "failed"]
    if any(end.status == "cancelled" for end in ends):
        return Ended("cancelled", last)
    error = min(failed, key=lambda end: end.at).error if failed else Error("task", "not-enough")
    return Ended("failed", last, None, error)


GRAPHS = {"group": group, "parallel": parallel, "race": race}
