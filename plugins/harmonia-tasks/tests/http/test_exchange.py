"""One request against a service on this machine: what goes out, what comes back, what is refused."""

import time
from typing import Any

import anyio
import pytest

from harmonia_core import TaskError
from harmonia_tasks.http.models import HttpInput
from harmonia_tasks.http.task import http_type
from harmonia_tasks.settings import TasksSettings

pytestmark = pytest.mark.anyio


async def call(http: Any, ctx: Any, url: str, **input: Any) -> Any:
    output = await http(ctx, HttpInput.model_validate({"url": url, **input}))
    return output.model_dump(exclude_none=True)


async def failure(http: Any, ctx: Any, url: str, **input: Any) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await call(http, ctx, url, **input)
    return caught.value


async def test_a_request_goes_out_as_it_is_written(
    ctx: Any, http: Any, service: Any, json_reply: Any
) -> None:
    service.on("/orders", json_reply({"id": 5}, 201, Location="/orders/5"))
    output = await call(
        http,
        ctx,
        f"{service.url}/orders?a=1",
        method="post",
        query={"b": [1, 2], "c": True, "d": None},
        headers={"X-Number": 7},
        auth={"bearer": "abcdef"},
        json={"item": "é"},
        attempt_header="X-Attempt",
    )
    (got,) = service.received
    assert (got.method, got.path, got.json) == ("POST", "/orders", {"item": "é"})
    assert got.query == [("a", "1"), ("b", "1"), ("b", "2"), ("c", "true")]
    expected = {
        "content-type": "application/json",
        "authorization": "Bearer abcdef",
        "idempotency-key": "e1:task",
        "x-attempt": "1",
        "x-number": "7",
        "user-agent": "harmonia",
    }
    assert {name: got.headers.get(name) for name in expected} == expected
    assert output["status"] == 201
    assert output["body"] == {"id": 5}
    assert output["headers"]["location"] == "/orders/5"
    assert output["url"] == f"{service.url}/orders?a=1&b=1&b=2&c=true"
    assert 0 < output["elapsed"] < 10


@pytest.mark.parametrize(
    ("form", "media_type", "body", "value"),
    [
        ("auto", "application/json", b'{"a": 1180591620717411303424}', {"a": 2**70}),
        ("auto", "application/problem+json; charset=utf-8", b"[1]", [1]),
        ("auto", "text/plain; charset=latin-1", "é".encode("latin-1"), "é"),
        ("auto", "application/xml", b"<a/>", "<a/>"),
        ("auto", "image/png", b"\x89P", "iVA="),
        ("auto", "text/plain", b"", None),
        ("json", "text/plain", b"\xef\xbb\xbf1", 1),
        ("text", "application/json", b"{}", "{}"),
        ("bytes", "application/json", b"{}", "e30="),
        ("none", "application/json", b"{}", None),
        ("json", "application/json", b'"' + b"x" * 300_000 + b'"', "x" * 300_000),
    ],
)
async def test_a_body_is_given_as_asked_for(
    ctx: Any, http: Any, service: Any, reply: Any, form: str, media_type: str, body: bytes, value: Any
) -> None:
    service.on("/", reply(200, body, [("Content-Type", media_type)]))
    output = await call(http, ctx, f"{service.url}/", response=form)
    assert output.get("body") == value


@pytest.mark.parametrize("body", [b"<html>", b"NaN", b"", b"[" * 5000])
async def test_what_is_no_json_is_said(ctx: Any, http: Any, service: Any, reply: Any, body: bytes) -> None:
    service.on("/", reply(200, body))
    error = await failure(http, ctx, f"{service.url}/", response="json")
    assert (error.error_code, error.category, error.retryable) == (
        "response-undecodable",
        "validation",
        False,
    )


async def test_cookies_are_shown_only_if_asked_for(ctx: Any, http: Any, service: Any, reply: Any) -> None:
    service.on("/", reply(204, b"", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-A", "1")]))
    assert "set-cookie" not in (await call(http, ctx, f"{service.url}/"))["headers"]
    output = await call(http, ctx, f"{service.url}/", response={"headers": ["Set-Cookie"]})
    assert output["headers"]["set-cookie"] == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (404, [], ("client", False, None)),
        (409, [("Retry-After", "3")], ("client", False, None)),
        (408, [], ("client", True, None)),
        (425, [], ("client", True, None)),
        (429, [("Retry-After", "7")], ("client", True, 7.0)),
        (500, [], ("server", True, None)),
        (503, [("Retry-After", "120")], ("server", True, 120.0)),
        (503, [("Retry-After", "soon")], ("server", True, None)),
        (302, [], ("client", False, None)),
    ],
)
async def test_an_unexpected_status_is_an_error(
    ctx: Any, http: Any, service: Any, reply: Any, status: int, headers: Any, expected: Any
) -> None:
    more = [("X-Request-Id", "r1"), ("Set-Cookie", "s=secret"), ("Content-Type", "text/plain")]
    service.on("/x", reply(status, b"why" * 5000, [*headers, *more]))
    error = await failure(http, ctx, f"{service.url}/x?token=abc")
    assert (error.category, error.retryable, error.retry_after) == expected
    assert (error.error_code, type(error).__name__) == ("http-status", f"Http{status}")
    assert str(error) == f"GET {service.url}/x was answered with status {status}."
    assert error.data["status"] == status
    assert len(error.data["body"]) == 2048
    assert error.data["headers"]["x-request-id"] == "r1"
    assert "set-cookie" not in error.data["headers"]


async def test_a_date_in_retry_after(ctx: Any, http: Any, service: Any, reply: Any) -> None:
    from email.utils import formatdate

    service.on("/", reply(503, b"", [("Retry-After", formatdate(time.time() + 100, usegmt=True))]))
    error = await failure(http, ctx, f"{service.url}/")
    assert error.retry_after is not None
    assert 90 < error.retry_after <= 101


async def test_expected_statuses_are_the_definitions_choice(
    ctx: Any, http: Any, service: Any, reply: Any
) -> None:
    service.on("/", reply(404, "nothing"))
    output = await call(http, ctx, f"{service.url}/", expect=["2xx", 404], response="text")
    assert (output["status"], output["body"]) == (404, "nothing")


async def test_redirects_are_followed_up_to_a_number(ctx: Any, http: Any, service: Any, reply: Any) -> None:
    service.on("/a", reply(302, b"", [("Location", "/b")]))
    service.on("/b", reply(303, b"", [("Location", "/c")]))
    service.on("/c", reply(200, "there"))
    output = await call(http, ctx, f"{service.url}/a", response="text")
    assert (output["body"], output["url"]) == ("there", f"{service.url}/c")
    error = await failure(http, ctx, f"{service.url}/a", redirects=1)
    assert (error.error_code, error.retryable) == ("too-many-redirects", False)
    service.on("/a", reply(302, b"", [("Location", "/c?signature=abc")]))
    output = await call(http, ctx, f"{service.url}/a?x=1")
    assert output["url"] == f"{service.url}/c"
    assert service.received[-1].query == [("signature", "abc")]
    error = await failure(http, ctx, f"{service.url}/a", redirects=0)
    assert error.data["headers"]["location"] == "/c"
    service.on("/a", reply(302, b"", [("Location", "/b")]))
    output = await call(http, ctx, f"{service.url}/a", redirects=0, expect="3xx")
    assert (output["status"], output["headers"]["location"]) == (302, "/b")


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "file:///x",
    ],
)
async def test_a_redirect_leads_nowhere_forbidden(
    ctx: Any, http: Any, service: Any, reply: Any, target: str
) -> None:
    service.on("/", reply(302, b"", [("Location", target)]))
    error = await failure(http, ctx, f"{service.url}/")
    assert (error.error_code, error.retryable) == ("address-refused", False)


async def test_loopback_is_refused_unless_allowed(ctx: Any, service: Any) -> None:
    strict = http_type(TasksSettings())
    error = await failure(strict, ctx, f"{service.url}/")
    assert (error.error_code, error.category, error.retryable) == ("address-refused", "validation", False)
    assert "HARMONIA_PLUGINS__TASKS__ALLOW_LOOPBACK" in str(error)
    assert service.received == []
    trusting = http_type(TasksSettings(http_trusted=(f"127.0.0.1:{service.port}",)))
    assert (await failure(trusting, ctx, f"{service.url}/")).error_code == "http-status"


async def test_a_body_that_is_too_large_points_to_an_artifact(ctx: Any, service: Any, reply: Any) -> None:
    small = http_type(TasksSettings(allow_loopback=True, output_limit=1000))
    service.on("/", reply(200, b"x" * 1001))
    error = await failure(small, ctx, f"{service.url}/")
    assert (error.error_code, error.retryable) == ("output-too-large", False)
    assert "to: artifact" in str(error)
    service.on("/", reply(200, b"x" * 1000))
    assert len((await call(small, ctx, f"{service.url}/", response="text"))["body"]) == 1000


async def test_nobody_answers(ctx: Any, http: Any, service: Any) -> None:
    service.close()
    error = await failure(http, ctx, f"{service.url}/")
    assert (error.error_code, error.category, error.retryable) == ("connect-failed", "connection", True)


async def test_a_silent_server_is_a_timeout(ctx: Any, http: Any, service: Any, reply: Any) -> None:
    gate = anyio.Event()

    def wait(request: Any) -> Any:
        anyio.from_thread.run(gate.wait, token=token)
        return reply()

    token = anyio.lowlevel.current_token()
    service.on("/", wait)
    error = await failure(http, ctx, f"{service.url}/", timeouts={"read": 0.1})
    gate.set()
    assert (error.error_code, error.category, error.retryable) == ("timed-out", "timeout", True)
    assert error.data["phase"] == "read"


async def test_a_cancelled_call_closes_its_connection_within_a_second(
    ctx: Any, http: Any, service: Any, reply: Any
) -> None:
    def drip() -> Any:
        while True:
            yield b"x" * 65536

    service.on("/", reply(200, drip()))
    begun = time.monotonic()
    with anyio.move_on_after(0.2) as scope:
        await call(http, ctx, f"{service.url}/", response={"to": "artifact"})
    assert scope.cancelled_caught
    assert time.monotonic() - begun < 5
    with anyio.fail_after(5):
        while not service.broken:
            await anyio.sleep(0.005)
    (artifact,) = ctx.artifacts.values()
    assert not artifact.sealed


async def test_a_circuit_opens_after_failures(ctx: Any, service: Any, reply: Any) -> None:
    service.on("/", reply(500))
    own = http_type(TasksSettings(allow_loopback=True, http_ports=(1, 2)))
    errors = [await failure(own, ctx, f"{service.url}/") for _ in range(6)]
    assert [error.error_code for error in errors] == ["http-status"] * 5 + ["circuit-open"]
    assert errors[-1].retryable
    assert errors[-1].retry_after is not None
    assert len(service.received) == 5


@pytest.mark.parametrize(
    ("input", "code"),
    [
        ({"method": "BREW"}, "method-unknown"),
        ({"auth": {"bearer": "x", "basic": {"username": "u"}}}, "auth-contradictory"),
        ({"json": 1, "form": {}}, "body-contradictory"),
        ({"response": {"to": "artifact", "as": "json"}}, "response-contradictory"),
        ({"connection": "nobody"}, "connection-unknown"),
        ({"paginate": {"by": "cursor"}}, "pagination-contradictory"),
    ],
)
async def test_a_contradiction_is_found_when_values_are_known(
    ctx: Any, http: Any, service: Any, input: Any, code: str
) -> None:
    error = await failure(http, ctx, f"{service.url}/", **input)
    assert (error.error_code, error.category, error.retryable) == (code, "validation", False)
    assert service.received == []
