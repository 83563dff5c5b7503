"""Bodies of answers: within the limit as sent and as decoded, out of their coding, piece by piece."""

import gzip
import zlib

import pytest
from net_servers import Asked, answer, serving

from harmonia_net import (
    Client,
    ClientOptions,
    Guard,
    Headers,
    Request,
    ResponseTooLarge,
    ResponseUndecodable,
    Timeouts,
)
from harmonia_net.decoding import decoder

OPTIONS = ClientOptions(guard=Guard(allow_loopback=True), breaker=None)


async def fetch(url: str, **arguments):
    async with Client(OPTIONS) as client:
        return await client.request(Request(url=url, **arguments))


async def test_head_has_no_body_and_keeps_the_connection() -> None:
    huge = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 99999999999\r\n\r\n"
    async with serving(lambda asked: huge) as server, Client(OPTIONS) as client:
        for _ in range(2):
            response = await client.request(Request(method="HEAD", url=server.url()))
        assert (response.content, response.headers["content-length"]) == (b"", "99999999999")
        assert server.connections == 1


@pytest.mark.parametrize(
    ("method", "head", "length"),
    [
        ("GET", "200 OK\r\nContent-Length: 2", 2),
        ("HEAD", "200 OK\r\nContent-Length: 2", 0),
        ("GET", "304 Not Modified\r\nContent-Length: 2", 0),
        ("GET", "200 OK\r\nConnection: close", None),
    ],
)
async def test_the_length_that_a_body_will_have(method: str, head: str, length: int | None) -> None:
    reply = f"HTTP/1.1 {head}\r\n\r\n".encode()
    async with (
        serving(lambda asked: reply + b"ok") as server,
        Client(OPTIONS) as client,
        client.stream(Request(method=method, url=server.url())) as answered,
    ):
        assert answered.length == length


async def test_an_announced_length_over_the_limit_is_refused_at_once() -> None:
    async with serving(lambda asked: answer(b"x", length=101)) as server:
        with pytest.raises(ResponseTooLarge) as caught:
            await fetch(server.url(), max_bytes=100)
    assert caught.value.details() == {"host": "127.0.0.1", "limit": 100}


async def test_a_body_without_length_is_cut_at_the_limit() -> None:
    async def pour(asked: Asked) -> None:
        await asked.stream.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            await asked.stream.send(b"x" * 65536)

    async with serving(pour) as server:
        with pytest.raises(ResponseTooLarge):
            await fetch(server.url(), max_bytes=1_000_000)


@pytest.mark.parametrize("size", [0, 1, 99, 100])
async def test_a_body_at_the_limit_passes(size: int) -> None:
    async with serving(lambda asked: answer(b"x" * size)) as server:
        assert len((await fetch(server.url(), max_bytes=100)).content) == size


def deflated(data: bytes, bits: int = zlib.MAX_WBITS) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return packer.compress(data) + packer.flush()


TEXT = b"".join(f"{n} ".encode() for n in range(100_000))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("GZIP", gzip.compress(TEXT[:70_000], mtime=0) + gzip.compress(TEXT[70_000:], mtime=0)),
        ("deflate", deflated(TEXT)),
        ("deflate", deflated(TEXT, -zlib.MAX_WBITS)),
        ("identity", TEXT),
    ],
)
async def test_codings_are_undone(coding: str, body: bytes) -> None:
    async with serving(lambda asked: answer(body, headers=[f"Content-Encoding: {coding}"])) as server:
        assert (await fetch(server.url())).content == TEXT
    assert server.asked[0].header("accept-encoding") == "gzip, deflate"


async def test_what_is_sent_counts_even_if_it_unfolds_to_nothing() -> None:
    async def pour(asked: Asked) -> None:
        await asked.stream.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
        while True:
            await asked.stream.send(gzip.compress(b"") * 1000)

    async with serving(pour) as server:
        with pytest.raises(ResponseTooLarge):
            await fetch(server.url(), max_bytes=100_000, timeouts=Timeouts(total=20))


def test_bodies_unfold_piece_by_piece() -> None:
    coding = decoder(Headers([("content-encoding", "gzip")]))
    pieces = coding.feed(gzip.compress(bytes(10_000_000)))
    assert {len(next(pieces)) for _ in range(100)} == {65536}


async def test_a_bomb_unfolds_no_further_than_the_limit() -> None:
    bomb = gzip.compress(bytes(20 * 1024 * 1024), 9)
    pieces = 0
    async with (
        serving(lambda asked: answer(bomb, headers=["Content-Encoding: gzip"])) as server,
        Client(OPTIONS) as client,
        client.stream(Request(url=server.url(), max_bytes=1_000_000)) as answered,
    ):
        with pytest.raises(ResponseTooLarge):
            async for piece in answered.aiter_bytes():
                pieces += len(piece)
                assert len(piece) <= 65536
    assert pieces <= 1_000_000


@pytest.mark.parametrize(
    ("coding", "body", "word"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), "gzip, gzip"),
        ("br", b"x", "br"),
        ("gzip", b"no gzip", "not gzip"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-9], "too early"),
        ("deflate", b"\xff\xff\xff", "not deflate"),
    ],
)
async def test_other_codings_are_refused(coding: str, body: bytes, word: str) -> None:
    async with serving(lambda asked: answer(body, headers=[f"Content-Encoding: {coding}"])) as server:
        with pytest.raises(ResponseUndecodable, match=word):
            await fetch(server.url())


async def test_bytes_after_a_deflated_body_are_left_out() -> None:
    body = deflated(TEXT) + b"garbage"
    async with serving(
        lambda asked: answer(body, headers=["Content-Encoding: deflate", "X: \xfc"])
    ) as server:
        response = await fetch(server.url())
    assert response.content == TEXT
    assert response.headers["x"] == "ü"
