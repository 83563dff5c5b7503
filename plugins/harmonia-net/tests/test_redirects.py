"""Redirects: what is followed, what is sent again, and what another origin never gets."""

import pytest
from net_servers import Asked, answer, redirect, serving

from harmonia_net import (
    AddressRefused,
    Client,
    ClientOptions,
    Guard,
    RedirectRefused,
    Request,
    TooManyRedirects,
)
from harmonia_net.redirects import Hop, next_hop

GUARD = Guard(allow_loopback=True)
OPTIONS = ClientOptions(guard=GUARD, breaker=None)


async def fetch(url: str, **arguments):
    async with Client(OPTIONS) as client:
        return await client.request(Request(url=url, **arguments))


METHODS = [
    ("301 Moved", "POST", "GET"),
    ("301 Moved", "PUT", "PUT"),
    ("302 Found", "POST", "GET"),
    ("302 Found", "DELETE", "DELETE"),
    ("303 See Other", "PUT", "GET"),
    ("303 See Other", "HEAD", "HEAD"),
    ("307 Temporary", "POST", "POST"),
    ("308 Permanent", "PATCH", "PATCH"),
]


@pytest.mark.parametrize(("status", "method", "then"), METHODS)
async def test_method_and_body_after_a_redirect(status: str, method: str, then: str) -> None:
    def react(asked: Asked) -> bytes:
        return (
            redirect("/end?x=1", status) if asked.path == "/" else answer(b"" if method == "HEAD" else b"end")
        )

    body = {} if method == "HEAD" else {"json": {"a": 1}}
    async with serving(react) as server:
        response = await fetch(server.url(), method=method, headers={"X-Mine": "1"}, **body)
    first, second = server.asked
    assert (second.line, second.header("x-mine")) == (f"{then} /end?x=1 HTTP/1.1", "1")
    assert second.body == (first.body if then == method else b"")
    assert second.header("content-type") == (first.header("content-type") if then == method else None)
    assert (response.redirects, response.url) == (1, server.url("/end?x=1"))
    assert server.connections == 1


async def test_other_origins_get_no_credentials() -> None:
    headers = {"Authorization": "a", "Cookie": "b", "X-Key": "c", "X-Mine": "d", "Idempotency-Key": "e"}
    async with serving(lambda asked: answer()) as other:

        def react(asked: Asked) -> bytes:
            return redirect("/same") if asked.path == "/" else redirect(other.url("/end"))

        async with serving(react) as server:
            await fetch(server.url(), headers=headers, secret_headers=frozenset({"x-key"}))
    kept = {name: server.asked[1].header(name) for name in headers}
    assert kept == headers
    sent = {name: other.asked[0].header(name) for name in headers}
    assert sent == {**dict.fromkeys(headers), "X-Mine": "d", "Idempotency-Key": "e"}


async def test_credentials_do_not_come_back_on_the_way_home() -> None:
    def react(asked: Asked) -> bytes:
        return {"/": redirect(other.url()), "/home": redirect("/end")}.get(asked.path, answer())

    async with serving(react) as server, serving(lambda asked: redirect(server.url("/home"))) as other:
        await fetch(server.url(), headers={"Authorization": "a"})
    assert [asked.path for asked in server.asked] == ["/", "/home", "/end"]
    assert [asked.header("authorization") for asked in server.asked] == ["a", None, None]


async def test_too_many() -> None:
    async with serving(lambda asked: redirect("/again")) as server:
        with pytest.raises(TooManyRedirects) as caught:
            await fetch(server.url(), max_redirects=3)
    assert len(server.asked) == 4
    assert caught.value.details() == {"host": "127.0.0.1", "limit": 3}


async def test_not_followed_if_not_asked_for() -> None:
    async with serving(lambda asked: redirect("/again")) as server:
        response = await fetch(server.url(), follow_redirects=False)
    assert (response.status, response.headers["location"], len(server.asked)) == (302, "/again", 1)


async def test_without_a_location_it_is_an_answer() -> None:
    async with serving(lambda asked: answer(b"x", "302 Found")) as server:
        assert (await fetch(server.url())).status == 302


async def test_a_redirect_whose_body_breaks_is_followed() -> None:
    async def react(asked: Asked) -> bytes | None:
        if asked.path != "/":
            return answer()
        await asked.stream.send(answer(b"x", "302 Found", ["Location: /end"], length=10))
        return None

    async with serving(react) as server:
        assert (await fetch(server.url())).status == 200


async def test_a_long_body_of_a_redirect_is_not_read() -> None:
    def react(asked: Asked) -> bytes:
        big = answer(b"x" * 300_000, "302 Found", ["Location: /end"])
        return big if asked.path == "/" else answer()

    async with serving(react) as server:
        assert (await fetch(server.url())).status == 200
    assert server.connections == 2


REFUSED = [
    ("http://10.0.0.1/", "private"),
    ("http://169.254.169.254/latest/", "metadata"),
    ("//[::ffff:127.0.0.1]/", "mapped"),
    ("http://2130706433/", "host-form"),
    ("http://user:pass@example.com/", "credentials"),
    ("file:///etc/passwd", "scheme"),
    ("//example.com:22/", "port"),
    ("http://127.0.0.1\\@example.com/", "url-form"),
]


@pytest.mark.parametrize(("location", "rule"), REFUSED)
async def test_the_guard_judges_every_hop(location: str, rule: str) -> None:
    async with serving(lambda asked: redirect(location)) as server:
        with pytest.raises(AddressRefused) as caught:
            await fetch(server.url())
    assert caught.value.rule == rule


def test_what_settings_trust_is_not_reached_by_way_of_others() -> None:
    guard = Guard(("inner.corp", "localhost"))
    for start, reached in (("https://a.example/", False), ("https://inner.corp/", True)):
        hop = Hop(guard.check_url(start), "GET")
        if reached:
            assert next_hop(guard, Request(url=start), hop, 302, "https://localhost:99/").target.port == 99
            continue
        for location in ("https://inner.corp:9000/", "https://localhost/"):
            with pytest.raises(AddressRefused):
                next_hop(guard, Request(url=start), hop, 302, location)


def test_https_never_leads_to_http() -> None:
    target = GUARD.check_url("https://a.example/")
    with pytest.raises(RedirectRefused, match="https to http"):
        next_hop(GUARD, Request(url=target.url), Hop(target, "GET"), 302, "http://a.example/")


def unread(parts: list[bytes]):
    async def stream():
        for part in parts:
            yield part

    return stream()


@pytest.mark.parametrize("status", [307, 308, 301])
def test_what_can_be_sent_once_is_not_sent_again(status: int) -> None:
    hop = Hop(GUARD.check_url("https://a.example/"), "PUT")
    request = Request(url=hop.target.url, content=unread([b"x"]))
    with pytest.raises(RedirectRefused, match="only once"):
        next_hop(GUARD, request, hop, status, "/b")
    assert next_hop(GUARD, request, hop, 303, "/b").method == "GET"


@pytest.mark.parametrize("location", ["http://[", "http://[::1"])
def test_a_location_that_is_no_url(location: str) -> None:
    hop = Hop(GUARD.check_url("https://a.example/"), "GET")
    with pytest.raises((RedirectRefused, AddressRefused)):
        next_hop(GUARD, Request(url=hop.target.url), hop, 302, location)
