"""The semantics, read aloud: a workflow is carried out by recursion, one thing after the other.

No log, no engine, no concurrency and no clock: time is a number that is handed on, and an attempt takes
none. Whatever is ready at the same moment is carried out in an order that the reader picks; where two
orders give different ends, the semantics leave it open.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from naive_graphs import GRAPHS, graph, listed
from naive_maps import each
from naive_places import Ended, Error, Failure, Place
from naive_steps import STEPS
from naive_tasks import SECRET, TASKS

INF = float("inf")
KINDS: Mapping[str, Any] = {**TASKS, **GRAPHS, **STEPS, "map": each}
Pick = Callable[[Sequence[str]], str]


class LeftOpen(Exception):
    """Stop reading: two things happen at the same moment, and which is first is nobody's promise."""


@dataclass
class Attempt:
    """Hold one attempt. input: evaluated once, before the first. until: when all that runs is cut short."""

    task: Mapping[str, Any]
    path: str
    place: Place
    input: Any
    at: float
    until: float
    number: int = 1


@dataclass
class Undo:
    """Hold how a task that has succeeded is undone."""

    path: str
    task: Mapping[str, Any]
    input: Any
    at: float


@dataclass
class Reading:
    """Hold what has been carried out.

    calls: inputs given to tasks, by path and attempt. ends: by path. undone: paths in order.
    undos: of what has succeeded. rounds: that have begun, by path. default: the workflow's retry policy.
    """

    pick: Pick
    calls: dict[tuple[str, int], Any] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    undone: list[str] = field(default_factory=list)
    undos: list[Undo] = field(default_factory=list)
    rounds: dict[str, int] = field(default_factory=dict)
    default: Mapping[str, Any] | None = None

    def execution(
        self, workflow: Mapping[str, Any], input: Any, name: str = "", at: float = 0.0, until: float = INF
    ) -> tuple[Ended, list[str]]:
        """Carry a workflow out; return its end and which of its own tasks failed."""
        with self._of_its_own(workflow):
            place = Place(vars=dict(workflow.get("vars", {})), roots={"input": input})
            place.roots["context"] = {"workflow": {"name": workflow.get("name")}}
            deadline = at + workflow.get("timeout", INF)
            end = graph(self, whole(workflow), name, place, at, min(until, deadline))
            if end.status == "cancelled" and deadline < until:
                end = Ended("failed", end.at, None, Error("timeout", "execution-timeout"))
            failed = [task for task, its in place.tasks.items() if its.status == "failed"]
            if end.status == "succeeded":
                end, failed = output_of(workflow, place, end), []
            undone = self.undos if workflow.get("on_failure") == "compensate" else []
            if end.status == "failed" and undone:
                end = end._replace(status="compensated", at=self.undo(name, end.at))
            status = {"succeeded": "completed"}.get(end.status, end.status)
            return end._replace(status=status), sorted(failed)

    def begin(self, task: Mapping[str, Any], path: str, place: Place, at: float, until: float) -> Ended:
        """`when` is evaluated once: false skips; not boolean or not evaluable fails."""
        self.apart(at, until)
        try:
            if not place.holds(task.get("when", True)):
                return self.record(path, Ended("skipped", at))
        except Failure as failure:
            return self.record(path, Ended("failed", at, None, failure.error))
        return self.task(guarded(task), path, place, at, until)

    def task(self, task: Mapping[str, Any], path: str, place: Place, at: float, until: float) -> Ended:
        """All attempts of a task, within its total time; once it has succeeded, it can be undone."""
        limit = at + task.get("total_timeout", INF)
        self.apart(limit, until)
        end = self._attempts(task, path, place, at, min(until, limit))
        if end.status == "cancelled" and limit < until:
            error = Error("timeout", "total-timeout")
            end = Ended("failed", self._undone_inside(task, path, end.at), None, error, end.attempts)
        if end.status == "succeeded" and "compensate" in task:
            self.undos = [undo for undo in self.undos if not inside(undo.path, path)]
            input = place.inside(output=end.output).value(task["compensate"].get("input", {}))
            self.undos.append(Undo(path, task["compensate"], input, end.at))
        return self.record(path, end)

    def _attempts(
        self, task: Mapping[str, Any], path: str, place: Place, at: float, until: float, input: Any = None
    ) -> Ended:
        """An attempt that failed is tried again if the policy says so."""
        carry_out = KINDS[task["type"]]
        try:
            input = input or place.value(as_input(task))
        except Failure as failure:
            return Ended("failed", at, None, failure.error)
        for number in count(1):
            end = carry_out(self, Attempt(task, path, place, input, at, until, number))
            end = end._replace(attempts=number)
            if end.at > until:
                return end._replace(status="cancelled")
            if end.status != "failed":
                return end
            end = end._replace(at=self._undone_inside(task, path, end.at))
            wait = delay(self._policy(task), number, end.error)
            if wait is None:
                return end
            at = end.at + wait
            self.apart(at, until)
            if at > until:
                return Ended("cancelled", until, attempts=number)
        raise AssertionError

    def _policy(self, task: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The task's own policy, else, if it has attempts, the workflow's."""
        own: Mapping[str, Any] | None = task.get("retry_policy")
        return own if own is not None else self.default if task["type"] == "work" else None

    def _undone_inside(self, task: Mapping[str, Any], path: str, at: float) -> float:
        return self.undo(path, at) if task.get("on_failure") == "compensate" else at

    def undo(self, path: str, at: float) -> float:
        """Undo what was done inside, in reverse order of completion; return when that is done."""
        owed = sorted((undo for undo in self.undos if inside(undo.path, path)), key=lambda undo: undo.at)
        for undo in reversed(owed):
            self.undos.remove(undo)
            task = {"retry_policy": {}, **undo.task}
            self.undone.append(undo.path)
            end = self._attempts(task, f"{undo.path}~undo", Place(), at, INF, undo.input)
            at = self.record(f"{undo.path}~undo", end).at
        return at

    def round(self, attempt: Attempt, repeats: bool) -> str:
        """Return what the paths inside begin with; what may be carried out again counts its rounds."""
        if not repeats and "retry_policy" not in attempt.task:
            return attempt.path
        self.rounds[attempt.path] = self.rounds.get(attempt.path, -1) + 1
        return f"{attempt.path}[{self.rounds[attempt.path]}]"

    def record(self, path: str, end: Ended) -> Ended:
        """Remember how a task ended."""
        self.ends[path] = f"failed: {end.error.code}" if end.error else end.status
        return end

    def trial(self) -> "Reading":
        """Return a reading that goes on from here, and of which nothing is remembered."""
        undos = list(self.undos)
        return Reading(self.pick, {}, {}, [], undos, dict(self.rounds), self.default)

    def apart(self, one: float, other: float) -> None:
        """Two things at the same moment: which is first, nobody says."""
        if one == other != INF:
            raise LeftOpen

    @contextmanager
    def _of_its_own(self, workflow: Mapping[str, Any]) -> Iterator[None]:
        """An execution has undos and a retry policy of its own."""
        kept = self.undos, self.default
        self.undos, self.default = [], workflow.get("retry_policy")
        yield
        self.undos, self.default = kept


def whole(workflow: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tasks of a workflow with `catch` or `finally` are the body of a `try` of the id `main`."""
    handling = {key: workflow[key] for key in ("catch", "finally") if key in workflow}
    if not handling:
        return listed(workflow["tasks"])
    body = {"type": "group", "tasks": workflow["tasks"], "output": workflow.get("output")}
    return [{"id": "main", "type": "try", "task": body, **handling}]


def output_of(workflow: Mapping[str, Any], place: Place, end: Ended) -> Ended:
    """Return the end of a workflow whose tasks did well: its output may fail."""
    handled = "catch" in workflow or "finally" in workflow
    template = "${tasks.main.output}" if handled and "output" in workflow else workflow.get("output")
    try:
        return end._replace(output=place.value(template))
    except Failure as failure:
        return Ended("failed", end.at, None, failure.error)


def guarded(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """`catch` and `finally` may stand at any task: it is then the body of a `try` of the same id."""
    if task["type"] == "try" or not {"catch", "finally"} & set(task):
        return task
    outside = ("id", "depends_on", "when", "join", "next", "catch", "finally")
    body = {key: value for key, value in task.items() if key not in outside}
    return {"type": "try", "task": body, **{key: task[key] for key in outside if key in task}}


def as_input(task: Mapping[str, Any]) -> Any:
    """The items of a map and the times of a loop may be bare expressions."""
    if "times" in task:
        return {"times": bare(task["times"])}
    input = task.get("input", {})
    if "secret" in input:  # a hole, which is filled when the task is handed its input
        input = {**input, "secret": SECRET}
    return {**input, "items": bare(input["items"])} if task["type"] == "map" and "items" in input else input


def bare(value: Any) -> Any:
    """Return a text as an expression."""
    return f"${{{value}}}" if isinstance(value, str) and "${" not in value else value


def inside(path: str, outer: str) -> bool:
    """Tell whether a task lies in another; in an execution all do."""
    return not outer or outer.endswith(":") or (path.startswith(outer) and path[len(outer)] in "/[")


def delay(policy: Mapping[str, Any] | None, number: int, error: Error | None) -> float | None:
    """Return the seconds before retry `number`, None if there is none. No jitter is drawn."""
    if policy is None or error is None or number > policy.get("max_retries", 3):
        return None
    names, wanted = {error.category, error.code}, set(policy.get("retry_on", ()))
    if not error.retryable or names & set(policy.get("no_retry_on", ())) or (wanted and not names & wanted):
        return None
    grown = policy.get("initial_delay", 1.0) * policy.get("backoff_multiplier", 2.0) ** (number - 1)
    return float(min(policy.get("max_delay", 60.0), grown))
