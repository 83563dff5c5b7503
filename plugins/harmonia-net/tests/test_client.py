"""Calls against raw servers: what is sent, what is read, and where it ends."""

from dataclasses import replace

import anyio
import httpcore
import pytest
from net_servers import Asked, answer, serving

from harmonia_net import (
    AddressRefused,
    Client,
    ClientOptions,
    ConnectFailed,
    ConnectionLost,
    Guard,
    ProtocolFailed,
    Request,
    RequestInvalid,
    TimedOut,
    Timeouts,
)
from harmonia_net.encoding import encode
from harmonia_net.faults import translated
from harmonia_net.redirects import Hop

LOCAL = Guard(allow_loopback=True)
OPTIONS = ClientOptions(guard=LOCAL, breaker=None)


async def fetch(url: str, options: ClientOptions = OPTIONS, **arguments):
    async with Client(options) as client:
        return await client.request(Request(url=url, **arguments))


async def test_an_answer_is_read() -> None:
    async with serving(
        lambda asked: answer(b'{"a": 1}', "201 Created", ["Content-Type: Application/JSON"])
    ) as server:
        response = await fetch(server.url("/x?a=1"), params={"b": [2, True, None], "c": "d e"})
    assert (response.status, response.json(), response.media_type) == (201, {"a": 1}, "application/json")
    assert response.url == server.url("/x?a=1&b=2&b=true&c=d+e")
    assert (response.http_version, response.redirects) == ("HTTP/1.1", 0)
    assert response.elapsed > 0
    assert server.asked[0].line == "GET /x?a=1&b=2&b=true&c=d+e HTTP/1.1"
    assert server.asked[0].header("host") == f"127.0.0.1:{server.port}"


async def test_connections_are_kept_and_counted() -> None:
    async with serving(lambda asked: answer()) as server, Client(OPTIONS) as client:
        for _ in range(3):
            await client.request(Request(url=server.url()))
        assert server.connections == 1
        async with client.stream(Request(url=server.url())), client.stream(Request(url=server.url())):
            pass
        assert server.connections == 2
        await client.aclose()
        await client.request(Request(url=server.url()))
        assert server.connections == 3


BODIES = [
    ({"json": {"ü": None}}, "application/json", '{"ü":null}'.encode()),
    ({"json": None}, "application/json", b"null"),
    ({"content": "text"}, None, b"text"),
    ({"content": b"\x00\xff"}, None, b"\x00\xff"),
    ({}, None, b""),
]


@pytest.mark.parametrize(("body", "media_type", "sent"), BODIES)
async def test_bodies(body, media_type: str | None, sent: bytes) -> None:
    async with serving(lambda asked: answer()) as server:
        await fetch(server.url(), method="post", **body)
    asked = server.asked[0]
    assert (asked.method, asked.header("content-type"), asked.body) == ("POST", media_type, sent)


async def stream():
    yield b"one"
    yield b"two"


async def test_a_stream_is_sent_in_chunks_or_with_its_length() -> None:
    async with serving(lambda asked: answer()) as server:
        await fetch(server.url(), method="PUT", content=stream())
        await fetch(server.url(), method="PUT", content=stream(), length=6)
    chunked, measured = server.asked
    assert chunked.body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    assert (measured.body, measured.header("transfer-encoding")) == (b"onetwo", None)


@pytest.mark.parametrize("length", [5, 7])
async def test_a_stream_of_another_length_than_it_says(length: int) -> None:
    async with serving(lambda asked: answer()) as server:
        with pytest.raises(RequestInvalid, match="not as long"):
            await fetch(server.url(), method="PUT", content=stream(), length=length)


async def test_space_around_a_header_is_no_part_of_it() -> None:
    async with serving(lambda asked: answer()) as server:
        await fetch(server.url(), headers={"X": " a b \t", "User-Agent": "mine", "Accept": "text/plain"})
    sent = {name: server.asked[0].header(name) for name in ("x", "user-agent", "accept")}
    assert sent == {"x": "a b", "user-agent": "mine", "accept": "text/plain"}


def test_a_fault_found_while_sending_quotes_nothing() -> None:
    with pytest.raises(RequestInvalid) as caught, translated("a.example", Timeouts()):
        raise httpcore.LocalProtocolError("Illegal header value b's3cret'")
    assert str(caught.value) == "The request to 'a.example' cannot be sent: it is malformed."


INVALID = [
    {"method": "GET /"},
    {"method": "CONNECT"},
    {"method": "TRACE"},
    {"headers": {"Host": "other"}},
    {"headers": {"transfer-encoding": "chunked"}},
    {"headers": {"Content-Length": "0"}},
    {"headers": {"X": "a\r\nY: s3cret"}},
    {"headers": {"X": "s3cret\x00"}},
    {"headers": {"X y": "s3cret"}},
    {"headers": [("", "s3cret")]},
    {"params": {"long": "s3cret" * 20_000}},
    {"json": {"a": float("nan")}},
    {"json": {1, 2}},
    {"json": {}, "content": b""},
    {"json": None, "content": "s3cret"},
]


@pytest.mark.parametrize("arguments", INVALID)
async def test_malformed_requests_are_refused_before_anything_is_sent(arguments) -> None:
    async with serving(lambda asked: answer()) as server:
        with pytest.raises(RequestInvalid) as caught:
            await fetch(server.url(), **arguments)
    assert server.asked == []
    assert "s3cret" not in str(caught.value)


def test_a_request_shows_no_secret() -> None:
    request = Request(url="https://u:s3cret@a.example/x?s3cret", headers={"A": "s3cret"}, json="s3cret")
    assert repr(request) == "Request(GET a.example/x)"


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (None, ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc", ConnectionLost),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", ProtocolFailed),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ProtocolFailed),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, ProtocolFailed),
    ],
)
async def test_servers_that_are_none(reply: bytes | None, fault: type[Exception]) -> None:
    async def react(asked: Asked) -> None:
        if reply is not None:
            await asked.stream.send(reply)

    async with serving(react) as server:
        with pytest.raises(fault) as caught:
            await fetch(server.url("/p?token=s3cret"))
    assert "s3cret" not in str(caught.value)


async def test_nobody_listens() -> None:
    async with serving(lambda asked: answer()) as server:
        pass
    with pytest.raises(ConnectFailed, match="refused") as caught:
        await fetch(server.url())
    assert caught.value.retryable


async def test_silence_and_drops_end_by_time() -> None:
    async def drip(asked: Asked) -> None:
        await asked.stream.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            await asked.stream.send(b"x")
            await anyio.sleep(0.01)

    async def silent(asked: Asked) -> None:
        await anyio.sleep_forever()

    async with serving(drip) as server:
        with pytest.raises(TimedOut) as total:
            await fetch(server.url(), timeouts=Timeouts(total=0.2))
    async with serving(silent) as server:
        with pytest.raises(TimedOut) as read:
            await fetch(server.url(), timeouts=Timeouts(read=0.05))
    assert (total.value.phase, read.value.phase) == ("total", "read")


async def test_a_full_pool_ends_by_time() -> None:
    options = ClientOptions(guard=LOCAL, max_connections=1, timeouts=Timeouts(pool=0.05))
    async with serving(lambda asked: answer()) as server, Client(options) as client:
        async with client.stream(Request(url=server.url())):
            with pytest.raises(TimedOut) as caught:
                await client.request(Request(url=server.url()))
        assert caught.value.phase == "pool"
        assert client.circuits() == {}
        assert (await client.request(Request(url=server.url()))).status == 200


async def test_cancelling_a_call_frees_its_connection() -> None:
    async def silent(asked: Asked) -> bytes:
        if asked.path == "/":
            await anyio.sleep_forever()
        return answer()

    options = ClientOptions(guard=LOCAL, max_connections=1, timeouts=Timeouts(pool=1))
    async with serving(silent) as server, Client(options) as client:
        with anyio.move_on_after(0.05):
            await client.request(Request(url=server.url()))
        assert (await client.request(Request(url=server.url("/next")))).status == 200


def test_what_is_sent_is_what_was_judged() -> None:
    target = replace(LOCAL.check_url("http://a.example/"), url="http://b.example/")
    with pytest.raises(AddressRefused, match="two readings"):
        encode(Request(url="http://a.example/"), Hop(target, "GET"), "agent")


async def test_no_cookie_is_kept() -> None:
    replies = answer(headers=["Set-Cookie: a=1", "Set-Cookie: b=2"])
    async with serving(lambda asked: replies) as server, Client(OPTIONS) as client:
        first = await client.request(Request(url=server.url()))
        await client.request(Request(url=server.url()))
    assert first.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert server.asked[1].header("cookie") is None
