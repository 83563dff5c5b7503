"""What tasks that hold others do, in the naive reading: graphs, sequences, loops, handlers, maps."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from naive_places import Ended, Error, Failure, Place
from naive_tasks import items_of

if TYPE_CHECKING:
    from naive_reading import Attempt, Reading

INF = float("inf")
Task = Mapping[str, Any]
Verdict = tuple[str, float]


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


def _joined(
    reading: "Reading", task: Task, path: str, place: Place, at: float, until: float
) -> Ended:
    ends = [place.tasks[one] for one in before(task)]
    verdict, when = join(task.get("join", "all"), ends, at)
    if when >= until:
        if all(end.status != "cancelled" for end in ends):
            reading.apart(when, until)
        return Ended("cancelled", INF)  # it never began
    if verdict == "met":
        return reading.begin(task, path, place, when, until)
    return reading.record(path, Ended(verdict, when))


def join(wish: Any, ends: Sequence[Ended], at: float) -> Verdict:
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
    # With a number only successes count, or any end: a skip is no success.
    fine = {"success": ["succeeded"], "end": seen}.get(done, ["succeeded", "skipped"])
    good = [one for one in seen if one in (fine if wanted == "all" else seen if done == "end" else ["succeeded"])]
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


def _inside(attempt: "Attempt", **roots: Any) -> Place:
    place = attempt.place.inside(**roots)
    place.vars = dict(attempt.task.get("vars", {}))
    return place


def _graph(reading: "Reading", attempt: "Attempt", tasks: Sequence[Task]) -> Ended:
    place = _inside(attempt)
    within = reading.round(attempt, False)
    end = graph(reading, tasks, f"{within}/", place, attempt.at, attempt.until)
    outputs = {task["id"]: place.task(task["id"])["output"] for task in tasks}
    return finished(attempt, place, end, outputs)


def group(reading: "Reading", attempt: "Attempt") -> Ended:
    """Carry out a graph."""
    return _graph(reading, attempt, listed(attempt.task["tasks"]))


def parallel(reading: "Reading", attempt: "Attempt") -> Ended:
    """Carry out branches side by side."""
    return _graph(reading, attempt, [held(one, one["id"]) for one in listed(attempt.task["branches"])])


def race(reading: "Reading", attempt: "Attempt") -> Ended:
    """The first branches that succeed cancel what runs in the others; their output is the race's."""
    tasks = [held(one, one["id"]) for one in listed(attempt.task["branches"])]
    within, wanted = reading.round(attempt, False), attempt.task.get("enough", 1)

    def run(reading: "Reading", task: Task, until: float) -> Ended:
        return reading.begin(task, f"{within}/{task['id']}", _inside(attempt), attempt.at, until)

    trial = reading.trial()
    alone = {task["id"]: run(trial, task, attempt.until) for task in tasks}
    won = sorted((end.at, id) for id, end in alone.items() if end.status == "succeeded")
    place, until = _inside(attempt), won[wanted - 1][0] if len(won) >= wanted else attempt.until
    winners = [id for _, id in won[:wanted]] if len(won) >= wanted else []
    place.names = tuple(alone)
    for task in tasks:
        place.tasks[task["id"]] = run(reading, task, attempt.until if task["id"] in winners else until)
    last = max(end.at for end in place.tasks.values())
    if winners:
        outputs = {id: place.task(id)["output"] for id in alone}
        usual = outputs[winners[0]] if wanted == 1 else outputs
        return finished(attempt, place, Ended("succeeded", last), usual)
    failed = [end for end in place.tasks.values() if end.status == "failed"]
    if any(end.status == "cancelled" for end in place.tasks.values()):
        return Ended("cancelled", last)
    error = min(failed, key=lambda end: end.at).error if failed else Error("task", "not-enough")
    return Ended("failed", last, None, error)


def sequence(reading: "Reading", attempt: "Attempt") -> Ended:
    """One step after the other; `next` says where to go on. A jump back begins a round."""
    steps = listed(attempt.task["steps"])
    ids = [step["id"] for step in steps]
    back = any(target in ids[: n + 1] for n, step in enumerate(steps) for target, _ in ways(step))
    place = _inside(attempt, **({"index": 0} if back else {}))
    place.names, within = tuple(ids), reading.round(attempt, back)
    at, here = attempt.at, ids[0]
    while True:
        number = ids.index(here)
        end = place.tasks[here] = reading.begin(
            steps[number], f"{within}/{here}", place, at, attempt.until
        )
        at = end.at
        if end.status in ("failed", "cancelled"):
            return end
        try:
            to = next((to for to, when in ways(steps[number]) if place.holds(when)), None)
        except Failure as failure:
            return Ended("failed", at, None, failure.error)
        to = to or (ids[number + 1] if number + 1 < len(ids) else "end")
        if to == "end":
            return finished(attempt, place, Ended("succeeded", at), end.output)
        if ids.index(to) <= number:
            place.roots["index"] += 1
            if place.roots["index"] >= attempt.task.get("max_iterations", 10_000):
                return Ended("failed", at, None, Error("validation", "iterations-exceeded"))
            within = reading.round(attempt, back)
            for later in ids[ids.index(to) :]:
                place.tasks.pop(later, None)
        here = to


def ways(step: Task) -> list[tuple[str, Any]]:
    """Return where a step says it leads, with the conditions."""
    found = step.get("next", [])
    if isinstance(found, str):
        return [(found, True)]
    return [(way["to"], way.get("when", True)) for way in ([found] if isinstance(found, Mapping) else found)]


def decision(reading: "Reading", attempt: "Attempt") -> Ended:
    """The first case that holds is carried out, else the default, else nothing; or all that hold."""
    cases = [(held(one, one.get("id", f"case_{n}")), one["when"]) for n, one in enumerate(attempt.task["cases"], 1)]
    if attempt.task.get("mode") == "all":
        return _graph(reading, attempt, [{**task, "when": when} for task, when in cases])
    if "default" in attempt.task:
        cases.append((held(attempt.task["default"], "default"), True))
    place, within = _inside(attempt), reading.round(attempt, False)
    place.names = tuple(task["id"] for task, _ in cases)
    try:
        task = next((task for task, when in cases if place.holds(when)), None)
    except Failure as failure:
        return Ended("failed", attempt.at, None, failure.error)
    if task is None:
        return finished(attempt, place, Ended("succeeded", attempt.at), None)
    end = reading.begin(task, f"{within}/{task['id']}", place, attempt.at, attempt.until)
    place.tasks[task["id"]] = end
    return finished(attempt, place, end, end.output)


def loop(reading: "Reading", attempt: "Attempt") -> Ended:
    """A body that is carried out again: so many times, or while or until a condition holds."""
    task, times = attempt.task, attempt.input.get("times")
    place, at, end = _inside(attempt, index=0), attempt.at, Ended("succeeded", attempt.at)
    place.names = ("body",)
    try:
        while _another(task, times, place):
            if times is None and place.roots["index"] >= task.get("max_iterations", 10_000):
                return Ended("failed", at, None, Error("validation", "iterations-exceeded"))
            path = f"{reading.round(attempt, True)}/body"
            end = reading.begin(held(task, "body"), path, place, at, attempt.until)
            place.tasks["body"], at = end, end.at
            if end.status in ("failed", "cancelled"):
                return end
            if "until" in task and place.holds(task["until"]):
                break
            place.roots["index"] += 1
    except Failure as failure:
        return Ended("failed", at, None, failure.error)
    return finished(attempt, place, end, end.output)


def _another(task: Task, times: int | None, place: Place) -> bool:
    if times is not None:
        return bool(place.roots["index"] < times)
    return place.holds(task.get("while", True))


def attempt_(reading: "Reading", attempt: "Attempt") -> Ended:
    """A body, the first handler that takes its error, and `finally` whatever happened."""
    task, handlers = attempt.task, attempt.task.get("catch", [])
    place, within = _inside(attempt), reading.round(attempt, False)
    place.vars = {**{one["as"]: None for one in handlers if "as" in one}, **place.vars}
    names = [f"catch_{n}" for n, _ in enumerate(handlers, 1)]
    place.names = ("body", *names, "finally")
    end = reading.begin(held(task, "body"), f"{within}/body", place, attempt.at, attempt.until)
    place.tasks["body"] = end
    if end.status == "failed" and end.error is not None:
        place.roots["error"] = end.error._asdict()
        try:
            fit = (n for n, one in enumerate(handlers) if takes(one, end.error) and place.holds(one.get("when", True)))
            chosen = next(fit, None)
        except Failure as failure:
            chosen, end = None, end._replace(error=failure.error)
        if chosen is not None:
            handler, name = handlers[chosen], names[chosen]
            if "as" in handler:
                place.vars[handler["as"]] = place.roots["error"]
            end = reading.begin(held(handler, name), f"{within}/{name}", place, end.at, attempt.until)
            place.tasks[name] = end
    if "finally" not in task:
        return finished(attempt, place, end, end.output)
    if end.status in ("failed", "cancelled"):
        place.roots["error"] = (end.error or Error("cancelled", "interrupted"))._asdict()
    # What is in `finally` is not interrupted itself.
    last = reading.begin(held(task["finally"], "finally"), f"{within}/finally", place, end.at, INF)
    place.tasks["finally"] = last
    if last.status == "failed" and end.status != "cancelled":
        return last
    return finished(attempt, place, end._replace(at=last.at), end.output)


def takes(handler: Mapping[str, Any], error: Error) -> bool:
    """Without `errors` a handler takes every error; they name categories and codes."""
    names = handler.get("errors", [])
    names = [names] if isinstance(names, str) else names
    return not names or error.category in names or error.code in names


def each(reading: "Reading", attempt: "Attempt") -> Ended:
    """A map: items begin in order, so many at once; too many failures, or enough successes, end it."""
    task, path = attempt.task, attempt.path
    try:
        items = items_of(attempt.input, task.get("batch_size"))
    except Failure as failure:
        return Ended("failed", attempt.at, None, failure.error)
    share = task.get("tolerate", 0)
    allowed = share if isinstance(share, int) else int(float(share.rstrip("%")) * len(items) / 100)
    enough, window = task.get("enough", INF), task.get("max_concurrency", 100)
    slots, ends = [(attempt.at, -1)] * window, list[Ended]()
    heapify(slots)
    for index, item in enumerate(items):
        start, freed = heappop(slots)
        if freed >= 0 and (_count(ends, "failed", start) > allowed or _count(ends, "succeeded", start) >= enough):
            break
        if start > attempt.until:
            break
        place = attempt.place.inside(item=item, index=index)
        ends.append(reading.task(task["task"], f"{path}[{index}]", place, start, attempt.until))
        heappush(slots, (ends[-1].at, index))
    last = max((end.at for end in ends), default=attempt.at)
    if any(end.status == "cancelled" for end in ends):
        return Ended("cancelled", last)
    failed = [end.error for end in sorted(ends, key=lambda end: end.at) if end.error]
    if _count(ends, "succeeded", INF) < enough < INF or len(failed) > allowed:
        few = len(failed) <= allowed or not failed
        error = Error("task", "not-enough") if few else Error(failed[0].category, "item-failed")
        return Ended("failed", last, None, error)
    return _reduced(attempt, items, Ended("succeeded", last, [end.output for end in ends]))


def _count(ends: Sequence[Ended], status: str, by: float) -> int:
    return sum(end.status == status and end.at <= by for end in ends)


def _reduced(attempt: "Attempt", items: Sequence[Any], end: Ended) -> Ended:
    """Fold the outputs into one value, in the order of the items."""
    wish = attempt.task.get("reduce")
    if wish is None:
        return end
    try:
        result = attempt.place.value(wish.get("initial"), bare=False)
        for index, output in enumerate(end.output):
            place = attempt.place.inside(result=result, output=output, item=items[index], index=index)
            result = place.result(wish["value"])
        return end._replace(output=result)
    except Failure as failure:
        return Ended("failed", end.at, None, failure.error)


COMPOSITES = {
    "group": group, "parallel": parallel, "race": race, "sequence": sequence, "decision": decision,
    "loop": loop, "try": attempt_, "map": each,
}  # fmt: skip
