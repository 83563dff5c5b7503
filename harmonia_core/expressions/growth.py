"""Bound how large the texts and lists of a CEL evaluation can become. Pure.

CEL bounds steps, not memory: `["ab"].map(a, a + a)` repeated doubles, `replace` can
square. So what a source can make of its data at most is estimated before it runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harmonia_core.errors import ExpressionError
from harmonia_core.expressions import cel_messages
from harmonia_core.model.paths import JSON
from harmonia_core.model.tokens import Token, tokens

MAX_DEPTH = 200
"""Levels of nesting in the data of an evaluation; the CEL library crashes on very deep data."""

MAX_GROWN = 256 * 1024 * 1024
"""Characters that an evaluation may make of its data, by estimate."""

_COPYING = frozenset(("map", "optMap", "optFlatMap"))
_FILLING = {"replace": 1, "join": 0}  # the argument that is repeated
_OPENING, _CLOSING = frozenset(("(", "[", "[?", "{")), frozenset((")", "]", "}"))


@dataclass(frozen=True, slots=True)
class Growth:
    """Say how much larger a result can be than data and source together.

    factor: known from the source alone. squarings: repetitions whose length comes from data.
    """

    factor: int
    squarings: int

    def check(self, source: str, weight: int) -> None:
        """Raise ExpressionError `too-large` if data of this weight can grow past the limit."""
        size = max(weight + len(source), 1)
        if self.factor * size ** (1 + self.squarings) > MAX_GROWN:
            message = (
                f"{cel_messages.brief(source)}: could grow to more than {MAX_GROWN:,} characters on this data"
            )
            raise ExpressionError("too-large", message)


def growth(source: str) -> Growth:
    """Estimate a source: variables used more than once in a `map`, `replace` and `join`."""
    stream = list(tokens(source))
    factor, squarings = 1, 0
    for place, token in enumerate(stream[:-1]):
        if token.kind != "name" or stream[place + 1].text != "(" or stream[place - 1].text != ".":
            continue
        arguments = list(_arguments(stream, place + 1))
        if token.text in _COPYING and len(arguments) > 1:
            factor *= max(1, _uses(arguments[0][-1].text, arguments[1:]))
        elif token.text in _FILLING and len(arguments) > _FILLING[token.text]:
            filling = arguments[_FILLING[token.text]]
            literal = len(filling) == 1 and filling[0].kind == "text"
            factor *= len(filling[0].text) if literal else 1
            squarings += not literal
    return Growth(factor, squarings)


def weigh(bindings: Mapping[str, JSON]) -> int:
    """Return the characters in the data; raises ExpressionError `too-large` for endless depth."""
    weight, level = 0, list(bindings.values())
    for _ in range(MAX_DEPTH):
        below: list[JSON] = []
        for value in level:
            if isinstance(value, str):
                weight += len(value)
            elif isinstance(value, dict):
                weight += 8 + sum(map(len, value))
                below += value.values()
            elif isinstance(value, list):
                weight += 8
                below += value
            else:
                weight += 8
        if not below:
            return weight
        level = below
    raise ExpressionError("too-large", f"the data is nested more than {MAX_DEPTH} levels deep")


def _arguments(stream: Sequence[Token], place: int) -> Iterator[list[Token]]:
    """Yield the tokens of each argument of the call whose bracket opens at `place`."""
    depth, argument = 0, list[Token]()
    for token in stream[place:]:
        bracket = token.text if token.kind == "mark" else ""
        depth += (bracket in _OPENING) - (bracket in _CLOSING)
        if depth > 1 or (depth == 1 and token is not stream[place] and bracket != ","):
            argument.append(token)
        elif argument:
            yield argument
            argument = []
        if depth == 0:
            return


def _uses(variable: str, bodies: Sequence[Sequence[Token]]) -> int:
    return sum(token.kind == "name" and token.text == variable for body in bodies for token in body)
