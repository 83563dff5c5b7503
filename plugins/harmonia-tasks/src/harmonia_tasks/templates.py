"""Templates: a Jinja2 sandbox without loaders, checked at compile time and rendered in a child.

The sandbox keeps a template away from the interpreter. It cannot bound time and memory
(`{{ "a" * 2000000000 }}` is legal), so rendering happens only in `harmonia_tasks.render_child`.
"""

import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATE_LIMIT = 1024 * 1024
LOADING = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class TemplateRefused(Exception):
    """Report a template that cannot be rendered, as data.

    code: `template-invalid`, `template-undefined`, `template-failed` or `output-too-large`.
    line: in the template, from 1; None if it has no place.
    """

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        self.code, self.line = code, line
        super().__init__(f"Line {line} of the template: {message}" if line else message)


class Environment(ImmutableSandboxedEnvironment):
    """Read `data.items` as the key `items` if there is one; Jinja2 would take the method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a key before an attribute."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def environment(html: bool) -> Environment:
    """Return a fresh environment. html: escape values; block tags leave no empty lines behind."""
    return Environment(
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def problems(template: str) -> Iterator[tuple[str, int | None]]:
    """Yield (message, line) of what can be known without rendering; evaluates nothing."""
    if len(template) > TEMPLATE_LIMIT:
        yield f"The template is longer than {TEMPLATE_LIMIT} characters.", None
        return
    try:
        tree = environment(html=False).parse(template)
    except TemplateSyntaxError as error:
        yield error.message or "syntax error", error.lineno
        return
    except RecursionError:
        yield "The template is nested too deeply.", None
        return
    for node in tree.find_all(LOADING):
        yield f"{type(node).__name__.lower()} is not available: a template stands alone.", node.lineno


def render(template: str, values: Mapping[str, Any], html: bool, limit: int) -> bytes:
    """Return the text as UTF-8, at most `limit` bytes. Unbounded in time: for a child process only.

    Raises TemplateRefused.
    """
    for message, line in problems(template):
        raise TemplateRefused("template-invalid", message, line)
    try:
        pieces = environment(html).from_string(template).generate(dict(values))
        return _join(pieces, limit)
    except (TemplateRefused, MemoryError):
        raise
    except UndefinedError as error:
        raise TemplateRefused("template-undefined", str(error), _line(error)) from None
    except TemplateSyntaxError as error:
        raise TemplateRefused("template-invalid", str(error.message), error.lineno) from None
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise TemplateRefused("template-failed", message, _line(error)) from None


def _join(pieces: Iterator[str], limit: int) -> bytes:
    text = bytearray()
    for piece in pieces:
        text += piece.encode(errors="replace")
        if len(text) > limit:
            raise TemplateRefused("output-too-large", f"The rendered text is longer than {limit} bytes.")
    return bytes(text)


def _line(error: Exception) -> int | None:
    """Return the line in the template; Jinja2 puts frames of the template into the traceback."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"
    ]
    return lines[-1] if lines else None
