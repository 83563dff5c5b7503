"""Find what a CEL expression reads, without CEL: chains of names outside of texts. Pure.

The answer may be too wide (a dynamic index reads the whole list), never too narrow: what
is not found here is not handed to the evaluation. Variables of macros (`x` in
`list.map(x, x.name)`) are no reads.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from harmonia_core.model.paths import LITERALS, ROOTS, TASK_FIELDS, Path, nearest, normalise, write_steps
from harmonia_core.model.tokens import Token, tokens

MACROS = frozenset(("all", "exists", "exists_one", "existsOne", "map", "filter", "optMap", "optFlatMap"))
KEYWORDS = LITERALS | {"in"}
# Names that CEL itself declares: types, and the name spaces of its extensions.
_TYPES = ("bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint")
DECLARED = frozenset((*_TYPES, "optional", "math", "base64", "google"))
CLOSED = frozenset(("secrets", "params"))
_OPENING, _CLOSING = frozenset(("(", "[", "[?", "{")), frozenset((")", "]", "}"))
_DOTS = frozenset((".", ".?"))
_QUOTES = frozenset(("'", '"', "`"))
_PLAIN_TEXT = re.compile(r"""("[^"\\]*"|'[^'\\]*')""")
_END = Token("end", "", -1, -1)


class Fault(NamedTuple):
    """Say what is wrong with an expression, before it is known where it stands."""

    code: str
    message: str
    suggestion: str | None = None


@dataclass(slots=True)
class Scan:
    """Hold the findings in one CEL source.

    reads: paths in normal form, in order, each once. optional: those of them that may be
        missing (`has(...)`, `.?`). inserts: offsets where the short form lacks `.output`.
    """

    reads: list[Path] = field(default_factory=list)
    optional: list[Path] = field(default_factory=list)
    inserts: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def scan(source: str) -> Scan:
    """Find the reads of a CEL source and what makes it impossible; never raises."""
    found = Scan()
    stream = [*tokens(source), _END, _END, _END]
    found.faults += _lexical_faults(stream)
    hyphened = -1
    for place in _free_names(stream):
        if place > hyphened:
            hyphened = _take_chain(stream, place, found)
    return found


def written_out(source: str, inserts: Sequence[int]) -> str:
    """Return the source with every short form of a task's output written out."""
    for offset in sorted(inserts, reverse=True):
        source = f"{source[:offset]}.output{source[offset:]}"
    return source


def root_fault(root: str) -> Fault:
    """Explain why an expression cannot begin with this name."""
    if root == "params":
        return Fault("expression-invalid", "`params` exists only inside templates")
    if root == "secrets":
        return Fault(
            "secret-not-allowed",
            "a secret stands alone, as the plain path `${secrets.<name>}` in a task's input",
        )
    near = nearest(root, ROOTS)
    known = ", ".join(name for name in ROOTS if name not in CLOSED)
    hint = None if near is None else f"did you mean `{near}`?"
    return Fault("unknown-root", f"`{root}` is unknown; an expression can read {known}", hint)


def _lexical_faults(stream: Sequence[Token]) -> Iterator[Fault]:
    for mark, name in pairwise(stream):
        if mark.kind == "mark" and mark.text in _QUOTES:
            yield Fault("expression-invalid", f"a text or name begins with {mark.text} and does not end")
        if mark.text in _DOTS and name.kind == "name" and name.text in KEYWORDS:
            message = f"`{name.text}` is a reserved word of CEL and cannot follow a dot"
            yield Fault(
                "expression-invalid", message, f'write ["{name.text}"] instead of {mark.text}{name.text}'
            )


def _free_names(stream: Sequence[Token]) -> Iterator[int]:
    """Yield the places of names that stand for a root: no member, call, or macro variable."""
    depth = 0
    variables: list[tuple[int, str]] = []
    for place, token in enumerate(stream):
        if token.kind == "mark" and token.text in _OPENING:
            depth += 1
            variables += [(depth, name) for name in _macro_variable(stream, place)]
        elif token.kind == "mark" and token.text in _CLOSING:
            variables = [known for known in variables if known[0] < depth]
            depth -= 1
        elif _is_free(stream, place) and all(token.text != name for _, name in variables):
            yield place


def _macro_variable(stream: Sequence[Token], place: int) -> tuple[str, ...]:
    dot, macro, bracket, name, comma = (stream[place + offset] for offset in (-2, -1, 0, 1, 2))
    called = dot.text == "." and macro.text in MACROS and bracket.text == "("
    return (name.text,) if called and name.kind == "name" and comma.text == "," else ()


def _is_free(stream: Sequence[Token], place: int) -> bool:
    token = stream[place]
    if token.kind != "name" or token.text in KEYWORDS or stream[place + 1].text == "(":
        return False
    return stream[place - 1].text not in _DOTS or _leading(stream[place - 2])


def _leading(owner: Token) -> bool:
    """Tell whether a dot after `owner` has nothing that it could select from (`.input`)."""
    return owner.kind == "end" or owner.text == "in" or (owner.kind == "mark" and owner.text not in _CLOSING)


def _take_chain(stream: Sequence[Token], place: int, found: Scan) -> int:
    """Add what is read from the root at `place`; return the last place that needs no more look."""
    root = stream[place].text
    if root not in ROOTS or root in CLOSED:
        found.faults += [] if root in DECLARED else [root_fault(root)]
        return place
    steps, optional, after = _steps(stream, place)
    if root == "tasks" and not steps:
        message = "`tasks` needs the id of a task that is known beforehand"
        found.faults.append(Fault("expression-invalid", message, "tasks.<id>"))
        return place
    if root == "tasks" and (steps[1:2] or ["output"])[0] not in TASK_FIELDS:
        found.inserts.append(_step_end(stream, place + 1))
    if root == "tasks" and len(steps) == 1 and stream[after].text in ("[", "[?"):
        found.inserts.append(stream[after - 1].end)
        steps.append("output")
    guarded = stream[place - 1].text == "(" and stream[place - 2].text == "has"
    _add_read(found, normalise(root, steps), optional or guarded)
    return _take_hyphens(stream, after, write_steps(root, steps), found)


def _add_read(found: Scan, path: Path, optional: bool) -> None:
    if path not in found.reads:
        found.reads.append(path)
    if optional and path not in found.optional:
        found.optional.append(path)


def _steps(stream: Sequence[Token], place: int) -> tuple[list[str], bool, int]:
    """Return the static steps after a root, whether one is optional, and the place after them."""
    steps: list[str] = []
    optional, place = False, place + 1
    while (step := _step(stream, place)) is not None:
        optional = optional or "?" in stream[place].text
        steps.append(step[0])
        place += step[1]
    return steps, optional, place


def _step(stream: Sequence[Token], place: int) -> tuple[str, int] | None:
    """Return the key that is selected at `place` and how many tokens that takes."""
    mark, key, after = stream[place : place + 3]
    if mark.text in _DOTS and key.kind in ("name", "quoted"):
        called = mark.text == "." and after.text == "("
        return None if called else (key.text.strip("`"), 2)
    if mark.text in ("[", "[?") and after.text == "]" and _PLAIN_TEXT.fullmatch(key.text):
        return key.text[1:-1], 3
    return None


def _step_end(stream: Sequence[Token], place: int) -> int:
    """Return the offset at which the step that begins at `place` ends."""
    return stream[place + (1 if stream[place].text in _DOTS else 2)].end


def _take_hyphens(stream: Sequence[Token], after: int, written: str, found: Scan) -> int:
    """Refuse `a-b` after a chain: CEL reads minus, people mean a name; return the place after it."""
    rest = ""
    while _glued(stream, after):
        rest += f"-{stream[after + 1].text}"
        after += 2
    if rest:
        owner, _, last = written.rpartition(".")
        mend = f'{owner}["{last}{rest}"]' if owner else f"{written} - {rest[1:]}"
        message = f"`{written}{rest}`: CEL subtracts here; quote the name, or put spaces around the minus"
        found.faults.append(Fault("expression-invalid", message, mend))
    return after - 1


def _glued(stream: Sequence[Token], place: int) -> bool:
    before, mark, name = stream[place - 1], stream[place], stream[place + 1]
    glued = before.end == mark.start and mark.end == name.start
    return mark.text == "-" and glued and name.kind in ("name", "number")
