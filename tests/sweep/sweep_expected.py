"""Compare an undisturbed run with what was written down by hand, so that a wrong one cannot pass."""

from typing import Any

from sweep_case import Case


def unexpected(case: Case, outcome: dict[str, Any]) -> list[str]:
    """Return what a person expected otherwise, one line each."""
    executions = outcome["executions"]
    if case.expect["status"] == "pruned":
        return _effects(case, outcome) + [f"{label} is still there" for label in executions]
    found = _one("main", case.expect, executions)
    for label, wanted in case.expect.get("others", {}).items():
        found += _one(label, wanted, executions)
    undone = [path for paths in outcome["undone"].values() for path in paths]
    if "undone" in case.expect:
        found += _same("undone", case.expect["undone"], undone)
    if "undone_set" in case.expect:
        found += _same("undone", sorted(case.expect["undone_set"]), sorted(undone))
    return found + _effects(case, outcome) + _left_over(outcome)


def _one(label: str, wanted: dict[str, Any], executions: dict[str, Any]) -> list[str]:
    if label not in executions:
        return [f"there is no {label}"]
    view = executions[label]
    found = _same(f"{label} status", wanted["status"], view["status"])
    if "output" in wanted:
        found += _same(f"{label} output", wanted["output"], view["output"])
    if "error" in wanted:
        found += _same(f"{label} error", wanted["error"], (view["error"] or {}).get("code"))
    if "failed" in wanted:
        found += _same(f"{label} failed", sorted(wanted["failed"]), sorted(view["failed_tasks"]))
    for name, key in (("tasks", "status"), ("attempts", "attempt")):
        for path, value in wanted.get(name, {}).items():
            found += _same(f"{label} {path}", value, view["tasks"][path].get(key))
    return found


def _effects(case: Case, outcome: dict[str, Any]) -> list[str]:
    if "effects" not in case.expect:
        return []
    names = {line.partition(" ")[2] for line in outcome["effects"]}
    return _same("effects", sorted(set(case.expect["effects"])), sorted(names))


def _left_over(outcome: dict[str, Any]) -> list[str]:
    rows = outcome["rows"]
    names = ("requests", "slots", "timers", "outgoing", "subscriptions", "unfinished")
    return [f"{rows[name]} {name} left over" for name in names if rows[name]]


def _same(what: str, wanted: Any, found: Any) -> list[str]:
    return [] if wanted == found else [f"{what}: expected {wanted!r}, found {found!r}"]
