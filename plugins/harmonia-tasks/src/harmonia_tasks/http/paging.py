"""How one page leads to the next. Pure: pages come in as data, what to ask for next comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harmonia_core import PermanentError
from harmonia_tasks.http.body_paths import MISSING, find
from harmonia_tasks.http.links import next_link
from harmonia_tasks.http.models import Paginate

SIZE_PARAMS = {"page": "per_page", "offset": "limit", "cursor": "limit", "link": "per_page"}


@dataclass(frozen=True, slots=True)
class Turn:
    """Say how the request of one page differs from the task's own.

    number: of the page, from 1. link: its URL as the page before wrote it. params: to be set.
    """

    number: int
    link: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Hold what came back. links: values of Link headers; digest: of the body's bytes."""

    turn: Turn
    body: Any
    links: tuple[str, ...]
    digest: bytes


def faults(spec: Paginate) -> list[str]:
    """Return what is contradictory in a pagination."""
    found = []
    if spec.by == "cursor" and spec.cursor is None:
        found.append("by: cursor needs `cursor`, the place of the next cursor in a page")
    if spec.by == "link" and spec.send == "json":
        found.append("by: link follows URLs; there is nothing to send as JSON")
    found += [
        f"`{name}` belongs to by: {owner}, not to by: {spec.by}"
        for name, owner in (("cursor", "cursor"), ("next", "link"))
        if getattr(spec, name) is not None and spec.by != owner
    ]
    return found


class Pager:
    """Lead through the pages of one task. collected: items that were handed out so far."""

    def __init__(self, spec: Paginate) -> None:
        self._spec = spec
        self._seen: set[Any] = set()
        self._first_count = self._offset = 0
        self._last_digest = b""
        self.collected = 0

    def begin(self) -> Turn:
        """Return the first turn."""
        return Turn(1, params={**self._size(), **self._position(0, 1, first=True)})

    def take(self, page: Page) -> tuple[list[Any], Turn | None]:
        """Return the items of a page, and the next turn if there is one.

        Raises PermanentError `pagination-invalid`, `pagination-loop`, `pagination-limit`.
        """
        items = self._items(page)
        most = self._spec.max_items
        wanted = items if most is None else items[: most - self.collected]
        self.collected += len(wanted)
        enough = most is not None and self.collected >= most
        turn = None if enough else self._next(page, len(items))
        if turn is not None and page.turn.number >= self._spec.max_pages:
            raise _refused(
                "pagination-limit",
                f"There are more than {self._spec.max_pages} pages. Raise `max_pages`, or set `max_items` "
                "if the first items are enough.",
            )
        return wanted, turn

    def _items(self, page: Page) -> list[Any]:
        items = find(page.body, self._spec.items)
        if not isinstance(items, list):
            what = "nothing" if items is MISSING else type(items).__name__
            where = f"at {self._spec.items!r}" if self._spec.items else "in its place"
            message = f"Page {page.turn.number} has no list of items: there is {what} {where}."
            raise _refused("pagination-invalid", message)
        return items

    def _next(self, page: Page, count: int) -> Turn | None:
        if self._is_last(page, count):
            return None
        number = page.turn.number + 1
        if self._spec.by == "link":
            link = self._link(page)
            return None if link is None else Turn(number, self._fresh(link))
        if self._spec.by == "cursor":
            cursor = find(page.body, self._spec.cursor or "")
            if cursor is MISSING or cursor is None or cursor == "":
                return None
            return Turn(number, params={**self._size(), self._spec.cursor_param: self._fresh(cursor)})
        self._require_progress(page)
        return Turn(number, params={**self._size(), **self._position(count, number)})

    def _is_last(self, page: Page, count: int) -> bool:
        spec = self._spec
        if spec.more is not None and find(page.body, spec.more) in (False, None, MISSING):
            return True
        total = find(page.body, spec.total) if spec.total is not None else MISSING
        if isinstance(total, int) and self.collected >= total:
            return True
        if spec.by in ("link", "cursor"):
            return False
        # A server may give less than was asked for; its own first page says how much it gives.
        self._first_count = self._first_count or count
        return count == 0 or count < self._first_count

    def _link(self, page: Page) -> str | None:
        if self._spec.next is None:
            return next_link(page.links)
        link = find(page.body, self._spec.next)
        return link if isinstance(link, str) and link else None

    def _size(self) -> dict[str, Any]:
        spec = self._spec
        if spec.size is None:
            return {}
        return {spec.size_param or SIZE_PARAMS[spec.by]: spec.size}

    def _position(self, count: int, number: int, first: bool = False) -> dict[str, Any]:
        spec = self._spec
        if spec.by == "page":
            return {spec.page_param: (1 if spec.start is None else spec.start) + number - 1}
        if spec.by == "offset":
            self._offset = (spec.start or 0) if first else self._offset + count
            return {spec.offset_param: self._offset}
        return {}

    def _fresh(self, mark: Any) -> Any:
        """Return a link or a cursor that has not been seen before."""
        if isinstance(mark, dict | list):
            message = f"A cursor is a text or a number, not a {type(mark).__name__}."
            raise _refused("pagination-invalid", message)
        if mark in self._seen:
            raise _refused(
                "pagination-loop", "The pages run in a circle: one that was fetched is next again."
            )
        self._seen.add(mark)
        return mark

    def _require_progress(self, page: Page) -> None:
        if page.digest == self._last_digest:
            name = self._spec.page_param if self._spec.by == "page" else self._spec.offset_param
            message = f"The same page came back twice: does the server know the parameter {name!r}?"
            raise _refused("pagination-loop", message)
        self._last_digest = page.digest


def _refused(code: str, message: str) -> PermanentError:
    return PermanentError(message, code, category="validation")
