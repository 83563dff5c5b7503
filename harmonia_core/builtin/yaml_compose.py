"""Parse YAML text into nodes, safely for any text: bounded in depth, faults with their place.

PyYAML parses, its C parser if there is one. Types are not guessed here: each node only
notes how it was written, and `yaml_reader` decides what that means.
"""

import re
from functools import cache
from typing import Any

from harmonia_core.builtin.yaml_nodes import MAX_DEPTH
from harmonia_core.errors import Problem

PLAIN, QUOTED, COLLECTION = "plain", "quoted", "collection"
_NOT_YAML = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class TooDeep(Exception):
    """Leave the parser: collections are nested deeper than any definition is."""


@cache
def _loader() -> Any:
    # Imported on first use; the C parser is some ten times quicker than the Python one.
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        depth = 0

        def resolve(self, kind: type, value: str, implicit: Any) -> str:
            """Note how a node without a tag was written, in place of guessing its type."""
            if kind is not yaml.ScalarNode:
                return COLLECTION
            return PLAIN if implicit[0] else QUOTED

        def descend_resolver(self, parent: Any, index: Any) -> None:
            """Stop before the parser's own recursion exhausts the stack of the process."""
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise TooDeep

        def ascend_resolver(self) -> None:
            self.depth -= 1

    return Loader


class YamlFault(Exception):
    """Carry the problem of a text that cannot be parsed at all."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def compose(text: str) -> Any:
    """Return the root node, or None for an empty text; raise YamlFault for text that cannot be parsed."""
    import yaml

    try:
        return _loader()(text).get_single_node()
    except TooDeep:
        message = f"collections are nested more than {MAX_DEPTH} deep"
        raise YamlFault(Problem("too-deep", "", message)) from None
    except yaml.MarkedYAMLError as error:
        raise YamlFault(_syntax_problem(error)) from None
    except yaml.reader.ReaderError:
        # The two parsers count differently (bytes, characters); the text itself knows better.
        found = _NOT_YAML.search(text)
        offset, character = (found.start(), found.group()) if found else (0, "")
        message = f"the character {character!r} is not allowed in YAML"
        raise YamlFault(placed("yaml-syntax", message, text, offset)) from None


def _syntax_problem(error: Any) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = ", ".join(part for part in (error.context, error.problem) if part)
    code = "yaml-syntax"
    if error.problem == "but found another document":
        code, message = "multiple-documents", "one text holds one definition; a second document begins here"
    return Problem(code, "", message, mark.line + 1, mark.column + 1)


def placed(code: str, message: str, text: str, offset: int) -> Problem:
    """Return a problem at an offset of a text."""
    before = text[:offset]
    return Problem(code, "", message, before.count("\n") + 1, offset - before.rfind("\n"))
