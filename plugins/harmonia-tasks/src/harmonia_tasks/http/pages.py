"""Every page of a task with `paginate`: fetched one after the other, their items joined or written out."""

from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from typing import Any

from anyio import to_thread
from pydantic_core import to_json

from harmonia_core import ArtifactWriter, PermanentError
from harmonia_tasks.http import addresses
from harmonia_tasks.http.exchange import Exchange, too_large
from harmonia_tasks.http.models import HttpInput, HttpOutput, Paginate
from harmonia_tasks.http.paging import Page, Pager, Turn

JSON_LINES = "application/jsonl"

Take = Callable[[list[Any], int], Awaitable[None]]
"""Take the items of a page, and how many bytes the page had."""


async def all_pages(exchange: Exchange, spec: Paginate) -> HttpOutput:
    """Fetch the pages; return their items as one list, or an artifact with one item per line."""
    if exchange.spec.to != "artifact":
        joined = _Joined(exchange.limit)
        output = await _fetch(exchange, spec, joined.take)
        return output.model_copy(update={"body": joined.items})
    with exchange.artifact("items.jsonl", JSON_LINES) as writer:
        output = await _fetch(exchange, spec, partial(_keep, writer))
    return output.model_copy(update={"artifact": writer.reference})


class _Joined:
    def __init__(self, limit: int) -> None:
        self.items: list[Any] = []
        self._limit = self._room = limit

    async def take(self, items: list[Any], size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise too_large(self._limit)
        self.items += items


async def _keep(writer: ArtifactWriter, items: list[Any], size: int) -> None:
    await to_thread.run_sync(_write, writer, items)  # a page may have any number


def _write(writer: ArtifactWriter, items: list[Any]) -> None:
    for item in items:
        writer.write(to_json(item) + b"\n")


async def _fetch(exchange: Exchange, spec: Paginate, take: Take) -> HttpOutput:
    home = place = addresses.resolve(exchange.input.url, exchange.base)
    pager = Pager(spec)
    turn, urls, first = pager.begin(), list[str](), ""
    while True:
        if turn.link is not None:
            place = addresses.follow(turn.link, urls[-1], home, exchange.base)
        key = f":page[{turn.number}]" if urls else ""
        async with exchange.answered(_asked(exchange.input, spec, turn), place, key) as answer:
            response = await exchange.read(answer)
        urls.append(response.url)
        first = first or exchange.output(response).url
        body = await exchange.value(response, "json")
        links = tuple(response.headers.get_all("link"))
        items, next_turn = pager.take(Page(turn, body, links, sha256(response.content).digest()))
        await take(items, len(response.content))
        exchange.ctx.heartbeat({"page": len(urls), "items": pager.collected})
        exchange.ctx.progress(text=f"page {len(urls)}, {pager.collected:,} items")
        if next_turn is None:
            return exchange.output(response, url=first, pages=len(urls), items=pager.collected)
        turn = next_turn


def _asked(input: HttpInput, spec: Paginate, turn: Turn) -> HttpInput:
    """Return the input of one page: the task's own, with the parameters of the turn."""
    if turn.link is not None:  # a link carries its whole query
        return input.model_copy(update={"query": {}})
    if not turn.params:
        return input
    if spec.send == "query":
        return input.model_copy(update={"query": {**input.query, **turn.params}})
    body = {} if input.json_ is None else input.json_
    if not isinstance(body, dict):
        message = f"`send: json` adds keys to a JSON object; the body is of type {type(body).__name__}."
        raise PermanentError(message, "body-invalid", category="validation")
    return input.model_copy(update={"json_": {**body, **turn.params}})
