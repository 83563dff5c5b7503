"""Turn the messages of the CEL library into words that say what to do. Pure."""

import re

from harmonia_core.errors import ExpressionError

_COMPILE = re.compile(r"ERROR: <input>:-?\d+:-?\d+: (?P<text>[^\n]*)")
_STATUS = re.compile(r"^[A-Z_]+: |(?: ?\[[A-Z_]+\])+$")
_TYPES = (("int64", "int"), ("uint64", "uint"), ("null_type", "null"))
_MIXED = re.compile(r"\((?:int, double|double, int)\)")


def compile_message(text: str) -> str:
    """Return what the compiler found, one sentence each, without its drawing of the place."""
    faults = [match.group("text") for match in _COMPILE.finditer(text)]
    lines = dict.fromkeys(map(plain, faults or [text.splitlines()[0]]))
    return "; ".join(list(lines)[:3])


def brief(source: str) -> str:
    """Return a source as messages name it: its first 80 characters."""
    return source if len(source) <= 80 else f"{source[:77]}..."


def failure(source: str, text: str) -> ExpressionError:
    """Return the typed error for what a CEL evaluation reports."""
    source = brief(source)
    if "budget exceeded" in text:
        message = f"{source}: more than 10,000 steps in its loops; use a task for work of this size"
        return ExpressionError("too-large", message)
    if "bad_alloc" in text:
        return ExpressionError("too-large", f"{source}: needs more memory than there is")
    absent = "Key not found" in text or "No value with name" in text or "Index error" in text
    return ExpressionError("path-missing" if absent else "not-evaluable", f"{source}: {plain(text)}")


def plain(text: str) -> str:
    """Return one message without status codes and internal names, with a hint where one is known."""
    text = _STATUS.sub("", _STATUS.sub("", text))
    for ours, theirs in _TYPES:
        text = text.replace(ours, theirs)
    text = re.sub(r"'?_([^\w\s]+)_'?", r"`\1`", text).replace(" (in container '')", "")
    if _MIXED.search(text):
        text += "; whole numbers and decimals do not mix: write double(...) or int(...) around one"
    elif "max recursion depth" in text:
        text = "the expression is nested more than 32 levels deep"
    return text
