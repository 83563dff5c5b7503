"""Maps in the naive reading."""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from naive_places import Ended, Error, Failure
from naive_tasks import items_of

if TYPE_CHECKING:
    from naive_reading import Attempt, Reading

INF = float("inf")


def each(reading: "Reading", attempt: "Attempt") -> Ended:
    """Items begin in order, so many at once; too many failures, or enough successes, end the map."""
    task = attempt.task
    try:
        items = items_of(attempt.input, task.get("batch_size"))
    except Failure as failure:
        return Ended("failed", attempt.at, None, failure.error)
    share = task.get("tolerate", 0)
    allowed = share if isinstance(share, int) else int(float(share.rstrip("%")) * len(items) / 100)
    enough = task.get("enough", INF)
    ends = _carried_out(reading, attempt, items, allowed, enough)
    last = max((end.at for end in ends), default=attempt.at)
    if any(end.status == "cancelled" for end in ends):
        return Ended("cancelled", last)
    failed = [end.error for end in sorted(ends, key=lambda end: end.at) if end.error]
    if len(failed) > allowed:
        return Ended("failed", last, None, Error(failed[0].category, "item-failed"))
    if _count(ends, "succeeded", INF) < enough < INF:
        return Ended("failed", last, None, Error("task", "not-enough"))
    return _reduced(attempt, items, Ended("succeeded", last, [end.output for end in ends]))


def _carried_out(
    reading: "Reading", attempt: "Attempt", items: Sequence[Any], allowed: int, enough: float
) -> list[Ended]:
    """Return the ends of the items that begin: each when another has made room for it."""
    ends = list[Ended]()
    room = [(attempt.at, False)] * attempt.task.get("max_concurrency", 100)
    for index, item in enumerate(items):
        at, freed = heappop(room)
        over = _count(ends, "failed", at) > allowed or _count(ends, "succeeded", at) >= enough
        if (freed and over) or at >= attempt.until:
            break
        place = attempt.place.inside(item=item, index=index)
        path = f"{attempt.path}[{index}]"
        ends.append(reading.task(attempt.task["task"], path, place, at, attempt.until))
        heappush(room, (ends[-1].at, True))
    return ends


def _count(ends: Sequence[Ended], status: str, by: float) -> int:
    return sum(end.status == status and end.at <= by for end in ends)


def _reduced(attempt: "Attempt", items: Sequence[Any], end: Ended) -> Ended:
    """Fold the outputs into one value, in the order of the items."""
    wish = attempt.task.get("reduce")
    if wish is None:
        return end
    try:
        result = attempt.place.value(wish.get("initial"))
        for index, output in enumerate(end.output):
            place = attempt.place.inside(result=result, output=output, item=items[index], index=index)
            result = place.result(wish["value"])
        return end._replace(output=result)
    except Failure as failure:
        return Ended("failed", end.at, None, failure.error)
