"""Definition format `yaml`: YAML 1.2 (core schema) to JSON, with the place of every key and item.

PyYAML parses; what a plain word means is decided here, because PyYAML follows
YAML 1.1, where `on` is true and `012` is ten. Aliases are copied, within a limit.
"""

import math
import re
from typing import Any

from harmonia_core.builtin.text_positions import TextPositions
from harmonia_core.builtin.yaml_compose import COLLECTION, PLAIN, QUOTED, YamlFault, compose, placed
from harmonia_core.builtin.yaml_nodes import MAX_COPIED, MAX_DEPTH, Sizes, is_collection
from harmonia_core.contracts.definition_format import ParsedDocument, Pointer
from harmonia_core.errors import Problem
from harmonia_core.model.pointer import path_text

MAX_TEXT = 8 * 1024 * 1024
MAX_DIGITS = 1000

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_MAYBE_NUMBER = frozenset("-+.0123456789")
_IMPLICIT = frozenset((PLAIN, QUOTED, COLLECTION))


def read_yaml(text: str, source: str) -> ParsedDocument:
    """Read one YAML document; every fault that leaves the rest readable is noted and passed over."""
    if len(text) > MAX_TEXT:
        return _unreadable("text-too-large", f"{source} is longer than {MAX_TEXT} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return _unreadable("text-not-unicode", f"{source} holds half of a surrogate pair", text, error.start)
    try:
        root = compose(text)
    except YamlFault as fault:
        return ParsedDocument(None, problems=(fault.problem,))
    if root is None:
        return _unreadable("document-empty", f"{source} is empty")
    construction = _Construction()
    data = construction.value(root, ())
    return ParsedDocument(data, TextPositions(text), tuple(construction.problems))


def _unreadable(code: str, message: str, text: str = "", offset: int = 0) -> ParsedDocument:
    problem = placed(code, message, text, offset) if text else Problem(code, "", message)
    return ParsedDocument(None, problems=(problem,))


class _Construction:
    """Turn nodes into JSON, noting problems; a node that is met again is an alias and is copied."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._seen: set[int] = set()
        self._open: dict[int, Any] = {}
        self._sizes = Sizes()
        self._copies_left = MAX_COPIED
        self._copying = False
        self._refused = False

    def value(self, node: Any, pointer: Pointer) -> Any:
        """Return the JSON of a node, None in place of what cannot be JSON."""
        if node.tag not in _IMPLICIT:
            self._note("yaml-tag", pointer, node, f"tags such as {node.tag!r} are refused; write plain data")
        if not is_collection(node):
            return self._scalar(node, pointer)
        outermost = not self._copying and id(node) in self._seen
        if not self._allowed(node, pointer, outermost):
            return None
        self._copying = self._copying or outermost
        self._seen.add(id(node))
        self._open[id(node)] = node
        made = self._mapping(node, pointer) if node.id == "mapping" else self._sequence(node, pointer)
        del self._open[id(node)]
        self._copying = self._copying and not outermost
        return made

    def _allowed(self, node: Any, pointer: Pointer, outermost: bool) -> bool:
        """Tell whether a collection may be made here; an alias is weighed before it is expanded."""
        if len(pointer) > MAX_DEPTH:  # the parser has counted what is written, not what aliases make of it
            self._note("too-deep", pointer[:1], node, f"aliases nest collections more than {MAX_DEPTH} deep")
            return False
        if id(node) in self._open:
            self._note("alias-expansion", pointer, self._around(), "this alias contains itself")
            return False
        if not outermost:
            return True
        self._copies_left -= self._sizes.of(node)
        if self._copies_left < 0:
            self._refuse_expansion(pointer)
        return self._copies_left >= 0

    def _around(self) -> Any:
        """Return the collection being made: an alias has no mark of its own, only its anchor's."""
        return next(reversed(self._open.values()))

    def _refuse_expansion(self, pointer: Pointer) -> None:
        if not self._refused:  # one bomb would fill the report with its splinters
            message = f"the aliases of this document stand for more than {MAX_COPIED:,} values"
            self._note("alias-expansion", pointer, self._around(), message)
        self._refused = True

    def _sequence(self, node: Any, pointer: Pointer) -> list[Any]:
        return [self.value(item, (*pointer, position)) for position, item in enumerate(node.value)]

    def _mapping(self, node: Any, pointer: Pointer) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, pointer)
            if key is None:
                continue
            if key in made:
                message = f"the key {key!r} stands twice in the same mapping"
                self._note("duplicate-key", (*pointer, key), key_node, message)
                continue
            made[key] = self.value(value_node, (*pointer, key))
        return made

    def _key(self, node: Any, pointer: Pointer) -> str | None:
        if is_collection(node) or node.tag not in _IMPLICIT:
            self._note("key-not-text", pointer, node, "a key must be plain text")
            return None
        text: str = node.value
        if node.tag != PLAIN:
            return text
        if text == "<<":
            self._note("merge-key", pointer, node, "merge keys ('<<') are not part of YAML 1.2; write it out")
            return None
        if text in _WORDS or (text[0] in _MAYBE_NUMBER and (_INT.fullmatch(text) or _FLOAT.fullmatch(text))):
            message = f"the key {text or 'null'} is no text; write it in quotes"
            self._note("key-not-text", (*pointer, text), node, message)
        return text

    def _scalar(self, node: Any, pointer: Pointer) -> Any:
        text: str = node.value
        if node.tag != PLAIN:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _MAYBE_NUMBER:
            return text
        try:
            return plain_number(text)
        except ValueError as error:
            self._note("number-not-json", pointer, node, str(error))
            return None

    def _note(self, code: str, pointer: Pointer, node: Any, message: str) -> None:
        mark = node.start_mark
        self.problems.append(Problem(code, path_text(pointer), message, mark.line + 1, mark.column + 1))


def plain_number(text: str) -> int | float | str:
    """Return what a plain scalar means in the core schema: a number, or itself.

    Raises ValueError for numbers that JSON does not have, and for absurdly long ones.
    """
    if _INT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"a number of {len(text)} digits is too long; write it in quotes")
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(f"JSON has no number {text}; write it in quotes if text is meant")
    return number
