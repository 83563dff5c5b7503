"""Steps in the naive reading: what is carried out one after the other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from naive_graphs import Task, as_graph, finished, held, listed, opened
from naive_places import Ended, Error, Failure, Place

if TYPE_CHECKING:
    from naive_reading import Attempt, Reading

INF = float("inf")


def sequence(reading: "Reading", attempt: "Attempt") -> Ended:
    """One step after the other; `next` says where to go on. A jump back begins a round."""
    steps = listed(attempt.task["steps"])
    ids = [step["id"] for step in steps]
    back = any(target in ids[: n + 1] for n, step in enumerate(steps) for target, _ in ways(step))
    place = opened(attempt, **({"index": 0} if back else {}))
    place.names, within = tuple(ids), reading.round(attempt, back)
    at, here = attempt.at, ids[0]
    while True:
        number = ids.index(here)
        end = place.tasks[here] = reading.begin(steps[number], f"{within}/{here}", place, at, attempt.until)
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
    written = enumerate(attempt.task["cases"], 1)
    cases = [(held(one, one.get("id", f"case_{number}")), one["when"]) for number, one in written]
    if attempt.task.get("mode") == "all":
        return as_graph(reading, attempt, [{**task, "when": when} for task, when in cases])
    if "default" in attempt.task:
        cases.append((held(attempt.task["default"], "default"), True))
    place, within = opened(attempt), reading.round(attempt, False)
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
    place, at, end = opened(attempt, index=0), attempt.at, Ended("succeeded", attempt.at)
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
    place, within = opened(attempt), reading.round(attempt, False)
    place.vars = {**{one["as"]: None for one in handlers if "as" in one}, **place.vars}
    place.names = ("body", *(f"catch_{n}" for n in range(1, len(handlers) + 1)), "finally")
    end = reading.begin(held(task, "body"), f"{within}/body", place, attempt.at, attempt.until)
    place.tasks["body"] = end
    if end.error is not None and end.status == "failed":
        end = _handled(reading, attempt, place, within, end, end.error)
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


def _handled(
    reading: "Reading", attempt: "Attempt", place: Place, within: str, end: Ended, error: Error
) -> Ended:
    """In a handler, and in what follows, `error` is what happened. What nobody takes stays an error."""
    place.roots["error"] = error._asdict()
    try:
        number, handler = next(
            (number, one)
            for number, one in enumerate(attempt.task.get("catch", []), 1)
            if takes(one, error) and place.holds(one.get("when", True))
        )
    except StopIteration:
        return end
    except Failure as failure:
        return end._replace(error=failure.error)
    if "as" in handler:
        place.vars[handler["as"]] = place.roots["error"]
    id = f"catch_{number}"
    place.tasks[id] = reading.begin(held(handler, id), f"{within}/{id}", place, end.at, attempt.until)
    return place.tasks[id]


def takes(handler: Mapping[str, Any], error: Error) -> bool:
    """Without `errors` a handler takes every error; they name categories and codes."""
    names = handler.get("errors", [])
    names = [names] if isinstance(names, str) else names
    return not names or error.category in names or error.code in names


STEPS = {"sequence": sequence, "decision": decision, "loop": loop, "try": attempt_}
