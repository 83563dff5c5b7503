"""What differs between two definitions, and what that means for those who use the workflow. Pure.

The table, in short; docs/workflows.md has it whole. Major: a task is gone or does another kind of
work, an input that was taken is refused, an output that was given is not. Minor: something new, or
something works differently. Patch: words, labels and policies.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harmonia_core.definitions.presenting import PLACES, parts, presented
from harmonia_core.definitions.schema_changes import Effect, schema_changes
from harmonia_core.definitions.versions import LEVELS, Level

Data = Mapping[str, Any]

_POLICIES = frozenset(
    ("description", "metadata", "labels", "retry_policy", "timeout", "total_timeout", "heartbeat_timeout")
) | frozenset(("max_concurrency", "concurrency", "tolerate", "runs_on", "checkpoints"))
_OF_SCHEMA: Mapping[str, Mapping[Effect, Level]] = {
    "input_schema": {"narrower": "major", "unclear": "major", "removed": "major", "neutral": "patch"},
    "output_schema": {"wider": "major", "unclear": "major", "removed": "major", "neutral": "patch"},
}


class Change(NamedTuple):
    """Say what differs at one place of the text.

    subject: `workflow`, `schema`, `task`, `dependency`, `block` (a case, a handler, a branch).
    kind: `added`, `removed`, `changed`. before, after: the values, None where there is none.
    """

    subject: str
    place: str
    kind: str
    level: Level
    message: str
    before: Any = None
    after: Any = None

    def as_json(self) -> dict[str, Any]:
        """Return the change in its public JSON shape."""
        return self._asdict()

    def __str__(self) -> str:
        return f"{self.place} {self.message}"


def definition_changes(old: Data, new: Data) -> list[Change]:
    """Return what differs between two normal forms, in the order of the text; their versions do not count."""
    before, after = presented(old), presented(new)
    found = [*_workflow(before, after), *_tasks(dict(parts(before)), dict(parts(after)))]
    if not found and {**old, "version": ""} != {**new, "version": ""}:
        # The order of tasks, of names in a `required`: the content is another, and means the same.
        found = [Change("workflow", "definition", "changed", "patch", "is written in another order")]
    return found


def weightiest(changes: Sequence[Change]) -> Level | None:
    """Return the level of what matters most, None if nothing differs."""
    return max((change.level for change in changes), key=LEVELS.index, default=None)


def _kind(before: Any, after: Any) -> str:
    return "added" if before is None else "removed" if after is None else "changed"


def _verb(before: Any, after: Any) -> str:
    return {"added": "is new", "removed": "is gone", "changed": "is changed"}[_kind(before, after)]


def _workflow(old: Data, new: Data) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if key in _OF_SCHEMA:
            for found in schema_changes(before, after, key):
                level = _OF_SCHEMA[key].get(found.effect, "minor")
                kind = found.effect if found.effect in ("added", "removed") else "changed"
                yield Change("schema", found.place, kind, level, *found[2:])
        elif key == "output" and before != after:
            yield from _output(before, after)
        elif key not in PLACES and key != "version" and before != after:
            level = "patch" if key in _POLICIES else "minor"
            yield Change("workflow", key, _kind(before, after), level, _verb(before, after), before, after)


def _output(before: Any, after: Any) -> Iterator[Change]:
    """Yield what differs in the output: a field that is gone breaks who reads it."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        level: Level = "minor" if before is None else "major"
        yield Change("workflow", "output", _kind(before, after), level, _verb(before, after), before, after)
        return
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if was != now or (name in before) != (name in after):
            level = "major" if name not in after else "minor"
            kind = "added" if name not in before else "removed" if name not in after else "changed"
            verb = {"added": "is new", "removed": "is gone", "changed": "is computed differently"}[kind]
            yield Change("workflow", f"output.{name}", kind, level, verb, was, now)


def _tasks(old: Mapping[str, Data], new: Mapping[str, Data]) -> Iterator[Change]:
    for place in dict.fromkeys((*old, *new)):
        before, after = old.get(place), new.get(place)
        if before is not None and after is not None:
            yield from _one(place, before, after)
        elif not _within(place, old if after is None else new, new if after is None else old):
            task = "type" in (before or after or {})
            level: Level = "major" if task and after is None else "minor"
            kind, verb = _kind(before, after), _verb(before, after)
            yield Change("task" if task else "block", place, kind, level, verb, before, after)
    yield from _order(old, new)


def _within(place: str, there: Mapping[str, Data], other: Mapping[str, Data]) -> bool:
    """Tell whether something around a place is missing in the other definition as well: it says it all."""
    return any(place.startswith((f"{one}.", f"{one}[")) and one not in other for one in there)


def _one(place: str, old: Data, new: Data) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if key == "depends_on":
            yield from _dependencies(place, before or [], after or [])
        elif key == "type":
            message = f"is of type {after!r}, was {before!r}"
            yield Change("task", f"{place}.type", "changed", "major", message, before, after)
        else:
            level: Level = "patch" if key in _POLICIES else "minor"
            at, verb = f"{place}.{key}", _verb(before, after)
            yield Change("task", at, _kind(before, after), level, verb, before, after)


def _dependencies(place: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        if name not in before:
            yield Change("dependency", place, "added", "minor", f"waits for {name}", None, name)
        elif name not in after:
            yield Change("dependency", place, "removed", "minor", f"waits no more for {name}", name)


def _order(old: Mapping[str, Data], new: Mapping[str, Data]) -> Iterator[Change]:
    """Yield sequences whose steps stand in another order; in a graph the order means nothing."""
    kept = [place for place in old if place in new and ".steps." in place]
    for around in dict.fromkeys(place.rpartition(".")[0] for place in kept):
        before = [place for place in kept if place.rpartition(".")[0] == around]
        after = [place for place in new if place in before]
        if around.endswith("steps") and before != after:
            was, now = ([place.rpartition(".")[2] for place in one] for one in (before, after))
            yield Change("block", around, "changed", "minor", "is in another order", was, now)
