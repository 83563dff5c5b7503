"""All pages of a list: from a service on this machine into one list, or into a file with a line for each."""

import json
from typing import Any

import pytest

from harmonia_core import TaskError
from harmonia_tasks.http.models import HttpInput
from harmonia_tasks.http.task import http_type
from harmonia_tasks.settings import TasksSettings

pytestmark = pytest.mark.anyio

ITEMS = [{"n": number} for number in range(25)]


async def call(http: Any, ctx: Any, url: str, **input: Any) -> Any:
    output = await http(ctx, HttpInput.model_validate({"url": url, **input}))
    return output.model_dump(exclude_none=True)


@pytest.fixture
def linked(service: Any, json_reply: Any) -> Any:
    """Serve ITEMS at /items, ten at once, each page but the last with a link to the next."""

    def serve(request: Any) -> Any:
        start = int(dict(request.query).get("start", "0"))
        more = {"Link": f'</items?start={start + 10}>; rel="next"'} if start + 10 < len(ITEMS) else {}
        return json_reply(ITEMS[start : start + 10], **more)

    service.on("/items", serve)
    return service


async def test_links_lead_through_all_pages(ctx: Any, http: Any, linked: Any) -> None:
    auth = {"auth": {"bearer": "abcdef"}, "query": {"q": "x"}}
    output = await call(http, ctx, f"{linked.url}/items", paginate={"by": "link"}, **auth)
    assert output["body"] == ITEMS
    assert (output["status"], output["pages"], output["items"]) == (200, 3, 25)
    assert output["url"] == f"{linked.url}/items?q=x"
    assert [request.query for request in linked.received] == [
        [("q", "x")],
        [("start", "10")],
        [("start", "20")],
    ]
    assert {request.headers["authorization"] for request in linked.received} == {"Bearer abcdef"}
    assert ctx.beats == [{"page": 1, "items": 10}, {"page": 2, "items": 20}, {"page": 3, "items": 25}]
    assert ctx.reports[-1] == (None, "page 3, 25 items")


async def test_pages_may_become_json_lines(ctx: Any, http: Any, linked: Any) -> None:
    output = await call(http, ctx, f"{linked.url}/items", paginate={"by": "link"}, response="file")
    artifact = ctx.artifacts["items.jsonl"]
    assert [json.loads(line) for line in artifact.data.decode().splitlines()] == ITEMS
    assert (artifact.media_type, output["artifact"]) == ("application/jsonl", artifact.reference)
    assert output["items"] == 25
    assert "body" not in output


async def test_too_many_bytes_point_to_a_file(ctx: Any, linked: Any) -> None:
    small = http_type(TasksSettings(allow_loopback=True, output_limit=200))
    with pytest.raises(TaskError) as caught:
        await call(small, ctx, f"{linked.url}/items", paginate={"by": "link"})
    assert (caught.value.error_code, caught.value.retryable) == ("output-too-large", False)
    assert "JSON Lines" in str(caught.value)
    output = await call(small, ctx, f"{linked.url}/items", paginate={"by": "link"}, response="file")
    assert output["items"] == 25


async def test_a_link_to_another_origin_is_not_followed(
    ctx: Any, http: Any, service: Any, json_reply: Any
) -> None:
    service.on("/", json_reply([1], Link='<https://other.example/x?t=1>; rel="next"'))
    with pytest.raises(TaskError) as caught:
        await call(http, ctx, f"{service.url}/", paginate={"by": "link"})
    assert (caught.value.error_code, caught.value.retryable) == ("pagination-left-origin", False)


async def test_a_cursor_in_the_body_of_a_post_and_a_key_for_each_page(
    ctx: Any, http: Any, service: Any, json_reply: Any
) -> None:
    def search(request: Any) -> Any:
        after = request.json.get("after", 0)
        return json_reply({"hits": [after], "next": after + 1 if after < 2 else None})

    service.on("/search", search)
    output = await call(
        http,
        ctx,
        f"{service.url}/search",
        method="POST",
        json={"q": "x"},
        paginate={"by": "cursor", "items": "hits", "cursor": "next", "cursor_param": "after", "send": "json"},
    )
    assert output["body"] == [0, 1, 2]
    assert [request.json for request in service.received] == [
        {"q": "x"},
        {"q": "x", "after": 1},
        {"q": "x", "after": 2},
    ]
    keys = [request.headers["idempotency-key"] for request in service.received]
    assert keys == ["e1:task", "e1:task:page[2]", "e1:task:page[3]"]


async def test_page_numbers_join_the_query(ctx: Any, http: Any, service: Any, json_reply: Any) -> None:
    def serve(request: Any) -> Any:
        page = int(dict(request.query)["page"])
        return json_reply(ITEMS[(page - 1) * 10 : page * 10])

    service.on("/items", serve)
    spec = {"by": "page", "size": 10, "max_items": 12}
    output = await call(http, ctx, f"{service.url}/items", query={"q": "x"}, paginate=spec)
    assert output["body"] == ITEMS[:12]
    assert service.received[0].query == [("q", "x"), ("per_page", "10"), ("page", "1")]


async def test_a_page_that_fails_fails_the_task(ctx: Any, http: Any, service: Any, json_reply: Any) -> None:
    def serve(request: Any) -> Any:
        return json_reply([1], Link='</?p=2>; rel="next"') if not request.query else json_reply({}, 503)

    service.on("/", serve)
    with pytest.raises(TaskError) as caught:
        await call(http, ctx, f"{service.url}/", paginate={"by": "link"}, response="file")
    assert (caught.value.error_code, caught.value.category) == ("http-status", "server")
    assert not ctx.artifacts["items.jsonl"].sealed


async def test_parameters_cannot_join_a_body_that_is_no_object(
    ctx: Any, http: Any, service: Any, json_reply: Any
) -> None:
    spec = {"by": "page", "send": "json"}
    with pytest.raises(TaskError) as caught:
        await call(http, ctx, f"{service.url}/", method="POST", json=[1], paginate=spec)
    assert caught.value.error_code == "body-invalid"
