"""CEL, the built-in expression language, on Google's implementation (`cel-expr-python`).

Imported on first use; without the distribution paths still work and CEL says what to
install. Bounded: fewer than 10,000 steps over all its loops, 32 levels of nesting, and by
estimate what it can make of its data (`growth`); no I/O, no clock, no environment.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harmonia_core.errors import ExpressionError, Problem
from harmonia_core.expressions import cel_messages
from harmonia_core.expressions.cel_results import to_json
from harmonia_core.expressions.growth import Growth, growth, weigh
from harmonia_core.model.paths import JSON, ROOTS
from harmonia_core.model.reads import CLOSED, scan, written_out
from harmonia_core.model.values import Expression

if TYPE_CHECKING:
    from cel_expr_python import cel

NOT_INSTALLED = (
    "this expression is CEL, and the distribution `cel-expr-python` is not installed; "
    "install it, or write a plain path"
)
PROGRAMS = 2048
"""Compiled programs kept, least recently used first out."""


class CelLanguage:
    """Check and evaluate CEL sources; one instance serves all threads."""

    name = "cel"

    def check(self, source: str) -> list[Problem]:
        """Return what CEL's compiler says about a source, in plain words."""
        try:
            program, grows = _program(source)
            grows.check(source, 0)
        except ExpressionError as error:
            return [Problem("expression-invalid", "", str(error))]
        if program.return_type().name().startswith("optional_type"):
            message = "the expression gives an optional; end it with .orValue(<default>)"
            return [Problem("expression-invalid", "", message)]
        return []

    def gives_boolean(self, source: str) -> bool:
        """Tell whether a checked source can be a condition: boolean, or known only with data."""
        return _program(source)[0].return_type().name() in ("BOOL", "DYN")

    def evaluate(self, source: str, bindings: Mapping[str, Any]) -> JSON:
        """Return the value of a source as JSON; raises ExpressionError."""
        program, grows = _program(source)
        grows.check(source, weigh(bindings))
        try:
            return to_json(source, program.eval(data=bindings))
        except (RuntimeError, MemoryError, TypeError) as error:
            raise cel_messages.failure(source, str(error)) from None


CEL = CelLanguage()


def check(expression: Expression, pointer: str, problems: list[Problem], *, boolean: bool = False) -> None:
    """Add to `problems` what CEL's compiler refuses in an expression; paths always pass.

    boolean: the expression stands where true or false is needed.
    """
    if expression.language != CEL.name:
        return
    found = CEL.check(expression.source)
    if boolean and not found and not CEL.gives_boolean(expression.source):
        found = [Problem("expression-invalid", "", "the condition never gives true or false")]
    problems += [Problem(problem.code, pointer, problem.message) for problem in found]


@lru_cache(maxsize=1)
def _environment() -> "cel.Env":
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_encoders, ext_math, ext_optional, ext_strings
    except ImportError:
        raise ExpressionError("not-evaluable", NOT_INSTALLED) from None
    extensions = (
        ext_optional.ExtOptional(),
        ext_strings.ExtStrings(),
        ext_math.ExtMath(),
        ext_encoders.ExtEncoders(),
    )
    variables = {root: cel.Type.DYN for root in ROOTS if root not in CLOSED}
    return cel.NewEnv(variables=variables, extensions=extensions)


@lru_cache(maxsize=PROGRAMS)
def _program(source: str) -> "tuple[cel.Expression, Growth]":
    environment = _environment()
    try:
        program = environment.compile(written_out(source, scan(source).inserts))
    except RuntimeError as error:
        raise ExpressionError("not-evaluable", cel_messages.compile_message(str(error))) from None
    return program, growth(source)
