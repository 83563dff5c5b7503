"""What may be read at a place of a workflow, and what an expression gives there.

Of the engine only the evaluator of expressions is used: which value a name stands for is said here.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harmonia_core.errors import ExpressionError
from harmonia_core.expressions.evaluator import condition, evaluate_expression, fill
from harmonia_core.expressions.paths import resolve
from harmonia_core.model.paths import Path
from harmonia_core.model.values import parse_expression, parse_template


class Error(NamedTuple):
    """Say why a task failed."""

    category: str
    code: str
    retryable: bool = False


class Ended(NamedTuple):
    """Say how and when a task ended. at: seconds since the beginning."""

    status: str
    at: float
    output: Any = None
    error: Error | None = None
    attempts: int = 0


class Failure(Exception):
    """End a task with an error, because an expression has no value."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.code)
        self.error = error


@dataclass
class Place:
    """Hold what one scope lets its tasks read, and what lies around it.

    tasks: of the scope, as far as they have ended. vars: those it declares. roots: `item`, `index`, `error`,
    `output`, `result`, as far as they mean something here.
    """

    around: "Place | None" = None
    tasks: dict[str, Ended] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)
    roots: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def outwards(self) -> "list[Place]":
        """Return this place and all around it, the nearest first."""
        return [self, *(self.around.outwards() if self.around else ())]

    def inside(self, **roots: Any) -> "Place":
        """Return a place inside this one."""
        return Place(self, roots=roots)

    def write(self, name: str, value: Any) -> None:
        """`set` writes to the nearest declaring scope."""
        next(place for place in self.outwards() if name in place.vars).vars[name] = value

    def read(self, path: Path) -> Any:
        """Return what a path names: the nearest of that name."""
        if path.root == "tasks":
            return resolve(self.task(str(path.steps[0])), path.steps[1:])
        if path.root == "vars":
            every = {key: value for place in reversed(self.outwards()) for key, value in place.vars.items()}
            return resolve(every, path.steps)
        found = next((place.roots[path.root] for place in self.outwards() if path.root in place.roots), None)
        return resolve(found, path.steps)

    def task(self, name: str) -> dict[str, Any]:
        """A task that did not succeed has the output null; its status and error can always be read."""
        place = next(place for place in self.outwards() if name in place.names)
        end = place.tasks.get(name, Ended("waiting", 0.0))
        output = end.output if end.status == "succeeded" else None
        error = end.error._asdict() if end.error and end.status == "failed" else None
        return {"output": output, "status": end.status, "error": error, "attempts": end.attempts}

    def value(self, template: Any) -> Any:
        """Return a template's value here."""
        parsed = parse_template(template, "", secrets_allowed=False, problems=[])
        return self._known(lambda: fill(parsed, self.read).value)

    def holds(self, source: Any) -> bool:
        """A condition never counts as true or false because it could not be evaluated."""
        parsed = parse_expression(source, "", [])
        assert parsed is not None
        return bool(self._known(lambda: condition(parsed, self.read)))

    def result(self, source: str) -> Any:
        """Return what one expression gives."""
        parsed = parse_expression(source, "", [])
        assert parsed is not None
        return self._known(lambda: evaluate_expression(parsed, self.read))

    def _known(self, evaluate: Any) -> Any:
        try:
            return evaluate()
        except ExpressionError as error:
            raise Failure(Error("expression", error.error_code)) from None
