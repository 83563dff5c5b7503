"""Link headers as RFC 8288 writes them. Pure."""

import re
from collections.abc import Iterable

_TARGET = re.compile(r"\s*<([^>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([\w!#$%&\'*+.^`|~-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
_COMMA = re.compile(r"\s*,\s*")


def next_link(headers: Iterable[str]) -> str | None:
    """Return the target of the first link with the relation `next`, as written; None without one."""
    for header in headers:
        for target, relations in _links(header):
            if "next" in relations:
                return target
    return None


def _links(header: str) -> Iterable[tuple[str, list[str]]]:
    place = 0
    while (match := _TARGET.match(header, place)) is not None:
        target, place = match[1], match.end()
        relations: list[str] | None = None
        elsewhere = False
        while (match := _PARAMETER.match(header, place)) is not None:
            name, place = match[1].lower(), match.end()
            value = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3] or ""
            if name == "rel" and relations is None:  # later ones do not count
                relations = value.lower().split()
            elsewhere = elsewhere or (name == "anchor" and value not in ("", "#"))
        if not elsewhere:  # a link of something else says nothing about this page
            yield target, relations or []
        match = _COMMA.match(header, place)
        if match is None:
            return
        place = match.end()
