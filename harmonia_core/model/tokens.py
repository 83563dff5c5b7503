"""Tokens of an expression: enough of CEL's lexical grammar to find names and ends. Pure.

Texts, comments and quoted names are told apart here, so that nothing inside a text is
ever taken for a name, and a brace inside a text never ends an expression.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space> \s+ | //[^\n]* )
  | (?P<text> [bB]?[rR](?: \"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\r\n]*" | '[^'\r\n]*' )
            | [bB]?(?: \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
                     | "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*' ) )
  | (?P<number> 0[xX][0-9A-Fa-f]+[uU]? | [0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[uU]? )
  | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<quoted> `[^`\r\n]*` )
  | (?P<mark> \.\? | \[\? | . )
    """,
    re.VERBOSE | re.DOTALL,
)

# Most expressions hold neither braces nor texts, names or comments in which a brace could stand.
_SIMPLE = re.compile(r"[^{}\"'`/]*\}")


class Token(NamedTuple):
    """Hold one token; kind is `text`, `number`, `name`, `quoted`, `mark` or `end`."""

    kind: str
    text: str
    start: int
    end: int


def tokens(source: str, start: int = 0) -> Iterator[Token]:
    """Yield the tokens of `source` from `start`, without spaces and comments; never raises."""
    for match in _TOKEN.finditer(source, start):
        if match.lastgroup != "space":
            yield Token(str(match.lastgroup), match.group(), match.start(), match.end())


def closing_brace(source: str, start: int) -> int | None:
    """Return where the `}` stands that closes a `${` whose content begins at `start`."""
    simple = _SIMPLE.match(source, start)
    if simple is not None:
        return simple.end() - 1
    depth = 0
    for token in tokens(source, start):
        if token.kind == "mark" and token.text == "{":
            depth += 1
        elif token.kind == "mark" and token.text == "}":
            if depth == 0:
                return token.start
            depth -= 1
    return None
