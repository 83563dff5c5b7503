"""Header fields: as they were received, several of one name; and which names a request may have. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
FRAMING_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection"}
    | {"te", "trailer", "upgrade", "expect", "proxy-authorization"}
)
"""Names, in lower case, of the headers that the client itself decides on."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def is_header_name(text: str) -> bool:
    """Tell whether a text may name a header (a token, RFC 9110)."""
    return _NAME.fullmatch(text) is not None


class Headers(Mapping[str, str]):
    """Read header fields by name, without case; several of one name are joined by a comma and a space.

    Names are in lower case; the order is that of the wire. Its repr shows names only.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs: tuple[tuple[str, str], ...] = tuple((name.lower(), value) for name, value in pairs)

    def get_all(self, name: str) -> list[str]:
        """Return every value of a name, in order (needed for `Set-Cookie`)."""
        wanted = name.lower()
        return [value for known, value in self.pairs if known == wanted]

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.pairs))

    def __len__(self) -> int:
        return len({name for name, _ in self.pairs})

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"
