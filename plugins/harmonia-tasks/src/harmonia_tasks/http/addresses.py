"""URLs of requests: whole ones, and those that must stay below a connection's base URL. Pure.

Whether the network behind an address may be reached is the guard's business, not this module's.
"""

import re
from typing import NoReturn
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from harmonia_core import PermanentError

_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


def resolve(url: str, base: str | None) -> str:
    """Return the whole URL of a request; a relative one is appended to the base URL.

    Raises PermanentError: `url-invalid`, `url-outside-connection`.
    """
    parts = split(url)
    if base is None:
        if not parts.netloc:
            _refuse("url-invalid", f"{url!r} is not a whole URL, and no connection is named.")
        return url
    if parts.netloc:
        whole = url
    elif not url or url[0] in "?#":
        whole = base + url
    else:
        whole = f"{base.rstrip('/')}/{url.lstrip('/')}"
    require_below(whole, base)
    return whole


def follow(link: str, page: str, home: str, base: str | None) -> str:
    """Return the whole URL of the next page; a relative link is read as on the page that gave it.

    home: the task's own URL, for whose origin its credentials are meant.
    Raises PermanentError `pagination-left-origin`, or with a base URL `url-outside-connection`.
    """
    split(link)
    whole = urljoin(page, link)
    if base is not None:
        require_below(whole, base)
    elif origin(whole) != origin(home):
        _refuse(
            "pagination-left-origin",
            f"The next page is at {_shown(whole)}, another origin than {_shown(home)}. What was sent "
            "might not be meant for it: fetch it with a task of its own.",
        )
    return whole


def require_below(url: str, base: str) -> None:
    """Raise PermanentError `url-outside-connection` unless a whole URL lies below the base URL."""
    path, below = split(url).path or "/", (split(base).path or "/").rstrip("/")
    segments = {segment.partition(";")[0] for segment in re.split(r"[/\\]", _decoded(path))}
    inside = path == below or path.startswith(f"{below}/")
    if origin(url) != origin(base) or segments & {".", ".."} or not inside:
        _refuse(
            "url-outside-connection",
            f"{_shown(url)} is not below the connection's base URL {_shown(base)}.",
        )


def split(url: str) -> SplitResult:
    """Return the parts of a URL or of a relative one; raise PermanentError `url-invalid`."""
    if found := _FORBIDDEN.search(url):
        _refuse("url-invalid", f"A URL cannot hold {found[0]!r}; encode it, or use `query`.")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (raises for what is no port)
    except ValueError as error:
        _refuse("url-invalid", f"{_shown(url)} is no URL: {error}.")
    if parts.scheme and parts.scheme.lower() not in _PORTS:
        _refuse("url-invalid", f"A URL begins with https:// or http://, not {parts.scheme!r}.")
    if (parts.scheme or parts.netloc) and not (parts.scheme and parts.hostname):
        _refuse("url-invalid", f"{_shown(url)} is no URL: scheme and host belong together.")
    if "@" in parts.netloc:
        _refuse("url-invalid", "A URL cannot hold credentials: give them as `auth`.")
    return parts


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a whole URL."""
    parts = split(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").rstrip(".").lower(), parts.port or _PORTS.get(scheme, 0)


def file_name(url: str) -> str:
    """Return what a file at a URL is called: the last part of its path, or `response`.

    Encoded slashes, backslashes too, separate parts like others: a name never leads elsewhere.
    """
    name = re.split(r"[/\\]", unquote(split(url).path).rstrip("/\\"))[-1]
    fits = name.isprintable() and 0 < len(name) <= 255 and name not in (".", "..")
    return name if fits else "response"


def _decoded(path: str) -> str:
    for _ in range(3):
        path = unquote(path)
    return path


def _shown(url: str) -> str:
    """Return a URL for a message: without its query and without credentials."""
    return repr(re.sub(r"//[^/]*@", "//…@", url.partition("?")[0])[:500])


def _refuse(code: str, message: str) -> NoReturn:
    raise PermanentError(message, code, category="validation")
