"""From page to page, on data alone."""

from collections.abc import Callable
from typing import Any

import pytest

from harmonia_core import TaskError
from harmonia_tasks.http.models import Paginate
from harmonia_tasks.http.paging import Page, Pager, Turn, faults

Server = Callable[[Turn], Any]


def walk(
    spec: dict[str, Any], server: Server, links: Callable[[Turn], tuple[str, ...]] = lambda turn: ()
) -> Any:
    """Return all items and the turns that were taken."""
    pager = Pager(Paginate.model_validate(spec))
    turn, turns, items = pager.begin(), [], []
    while turn is not None:
        turns.append(turn)
        body = server(turn)
        more, following = pager.take(Page(turn, body, links(turn), repr(body).encode()))
        items += more
        turn = following
    assert pager.collected == len(items)
    return items, turns


def numbers(total: int, cap: int = 10) -> Server:
    """Serve 0, 1, 2, … by `page` or `offset`, never more than `cap` at once."""

    def serve(turn: Turn) -> Any:
        size = min(cap, turn.params.get("per_page", turn.params.get("limit", cap)))
        start = turn.params.get("offset", (turn.params.get("page", 1) - 1) * size)
        return {"data": list(range(total))[start : start + size], "total": total}

    return serve


@pytest.mark.parametrize("total", [0, 1, 9, 10, 11, 20, 35])
@pytest.mark.parametrize("size", [None, 3, 10, 50])
@pytest.mark.parametrize("by", ["page", "offset"])
def test_nothing_is_lost_whatever_the_server_gives_at_once(by: str, size: int | None, total: int) -> None:
    items, turns = walk({"by": by, "items": "data", "size": size}, numbers(total))
    assert items == list(range(total))
    assert [turn.number for turn in turns] == list(range(1, len(turns) + 1))
    _, fewest = walk({"by": by, "items": "data", "size": size, "total": "total"}, numbers(total))
    assert len(fewest) == max(1, -(-total // min(size or 10, 10)))


def test_where_pages_begin_and_what_parameters_are_called() -> None:
    _, turns = walk(
        {"by": "page", "items": "data", "start": 0, "page_param": "p", "size_param": "n", "size": 5},
        lambda turn: {"data": [1] * 5 if turn.params["p"] < 2 else [1]} | {"p": turn.params["p"]},
    )
    assert [turn.params for turn in turns] == [{"p": n, "n": 5} for n in range(3)]
    _, turns = walk({"by": "offset", "start": 7, "offset_param": "skip"}, lambda turn: [])
    assert [turn.params for turn in turns] == [{"skip": 7}]


def test_a_cursor_goes_on_until_there_is_none() -> None:
    pages = {None: ([1, 2], "b"), "b": ([], 3), 3: ([4], "")}

    def serve(turn: Turn) -> Any:
        items, following = pages[turn.params.get("after")]
        return {"items": items, "meta": {"next": following}}

    spec = {"by": "cursor", "items": "items", "cursor": "meta.next", "cursor_param": "after", "size": 2}
    items, turns = walk(spec, serve)
    assert items == [1, 2, 4]
    assert [turn.params for turn in turns] == [
        {"limit": 2},
        {"limit": 2, "after": "b"},
        {"limit": 2, "after": 3},
    ]


def test_a_cursor_may_be_the_last_items_id_while_there_is_more() -> None:
    def serve(turn: Turn) -> Any:
        start = turn.params.get("starting_after", 0)
        return {"data": [{"id": start + 1}, {"id": start + 2}], "has_more": start < 4}

    spec = {"by": "cursor", "items": "data", "cursor": "data[-1].id", "cursor_param": "starting_after"}
    items, _ = walk({**spec, "more": "has_more"}, serve)
    assert [item["id"] for item in items] == [1, 2, 3, 4, 5, 6]


def test_links_are_followed_in_header_or_body() -> None:
    header, _ = walk(
        {"by": "link"},
        lambda turn: [turn.number],
        lambda turn: (f'</{turn.number + 1}>; rel="next"',) if turn.number < 3 else (),
    )
    body, turns = walk(
        {"by": "link", "items": "r", "next": "next"},
        lambda turn: {"r": [turn.number], "next": f"/{turn.number + 1}" if turn.number < 3 else None},
    )
    assert header == body == [1, 2, 3]
    assert [turn.link for turn in turns] == [None, "/2", "/3"]


@pytest.mark.parametrize("most", [1, 9, 10, 11, 25])
def test_enough_is_enough(most: int) -> None:
    items, turns = walk({"by": "page", "items": "data", "max_items": most}, numbers(1000))
    assert items == list(range(most))
    assert len(turns) == -(-most // 10)


@pytest.mark.parametrize(
    ("spec", "server", "code"),
    [
        ({"by": "page", "items": "data", "max_pages": 3}, numbers(1000), "pagination-limit"),
        ({"by": "page"}, lambda turn: [1, 2], "pagination-loop"),
        ({"by": "offset"}, lambda turn: [1, 2], "pagination-loop"),
        ({"by": "cursor", "items": "i", "cursor": "c"}, lambda turn: {"i": [], "c": "x"}, "pagination-loop"),
        ({"by": "link", "items": "i", "next": "n"}, lambda turn: {"i": [], "n": "/x"}, "pagination-loop"),
        (
            {"by": "cursor", "items": "i", "cursor": "c"},
            lambda turn: {"i": [], "c": {}},
            "pagination-invalid",
        ),
        ({"by": "page", "items": "data"}, lambda turn: {"other": []}, "pagination-invalid"),
        ({"by": "page"}, lambda turn: {"other": []}, "pagination-invalid"),
    ],
)
def test_what_cannot_go_on(spec: Any, server: Server, code: str) -> None:
    with pytest.raises(TaskError) as caught:
        walk(spec, server)
    assert (caught.value.error_code, caught.value.retryable) == (code, False)


def test_the_last_page_allowed_may_be_the_last_one() -> None:
    items, turns = walk({"by": "page", "items": "data", "max_pages": 3}, numbers(25))
    assert (items, len(turns)) == (list(range(25)), 3)


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ({"by": "cursor"}, 1),
        ({"by": "link", "send": "json"}, 1),
        ({"by": "page", "cursor": "a", "next": "b"}, 2),
        ({"by": "offset"}, 0),
    ],
)
def test_contradictions(spec: Any, count: int) -> None:
    assert len(faults(Paginate.model_validate(spec))) == count
