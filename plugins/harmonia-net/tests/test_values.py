"""The values around a call: Retry-After, headers, responses, faults, and the client of an event loop."""

from email.utils import formatdate

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from net_faults import kinds
from net_servers import answer, serving

from harmonia_net import (
    UNSET,
    CircuitOpen,
    ClientOptions,
    Guard,
    Headers,
    NetError,
    Request,
    Response,
    ResponseUndecodable,
    TimedOut,
    retry_after,
    shared,
)

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("86401", 86400),
        ("9" * 18, 86400),
        ("9" * 40, None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("１２", None),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        (formatdate(NOW + 1e6, usegmt=True), 86400),
        ("Friday, 15-Jan-27 08:01:30 GMT", 90),
        ("Fri Jan 15 08:01:30 2027", 90),
        ("Fri, 99 Jan 2027 08:01:30 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}, NOW) == seconds
    assert retry_after(Headers([("RETRY-AFTER", text)]), NOW) == seconds


@given(st.text())
def test_retry_after_never_fails(text: str) -> None:
    found = retry_after({"retry-after": text}, NOW)
    assert found is None or 0 <= found <= 86400


def test_headers() -> None:
    headers = Headers([("A", "s3cret"), ("b", "2"), ("a", "3")])
    assert (headers["a"], headers.get_all("A"), list(headers), len(headers)) == (
        "s3cret, 3",
        ["s3cret", "3"],
        ["a", "b"],
        2,
    )
    assert headers.get("c") is None
    assert "A" in headers
    assert "s3cret" not in repr(headers)


def response(content: bytes, content_type: str = "") -> Response:
    return Response(
        200, Headers([("Content-Type", content_type)] if content_type else []), "http://a/", content
    )


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("ü".encode(), "", "ü"),
        (b"\xef\xbb\xbfx", "text/plain", "x"),
        (b"\xfc", "text/plain; charset=ISO-8859-1", "ü"),
        (b"\xfc", 'text/plain; charset="latin1"', "ü"),
        (b"\xfc", "text/plain; charset=utf-8", "\ufffd"),
        (b"x", "text/plain; charset=nonsense", "x"),
        (b"x", "text/plain; charset=hex", "x"),
        (b"x", "text/plain; charset=undefined", "x"),
        ("ü".encode("utf-16"), "text/plain; charset=utf-16", "ü"),
    ],
)
def test_text(content: bytes, content_type: str, text: str) -> None:
    assert response(content, content_type).text == text


def test_json() -> None:
    assert response(b"\xef\xbb\xbf" + b'{"n": 1180591620717411303424}').json() == {"n": 2**70}
    assert response('"ü"'.encode("latin-1"), "application/json; charset=latin-1").json() == "ü"
    assert repr(UNSET) == "UNSET"
    for content in (b"", b"{", b"NaN", b"[1] s3cret", b"\xff"):
        with pytest.raises(ResponseUndecodable) as caught:
            response(content, "text/html").json()
        assert "text/html" in str(caught.value)
        assert "s3cret" not in str(caught.value)


def test_codes_are_stable_and_categories_the_kernels() -> None:
    codes = {kind.code: kind.category for kind in kinds()}
    assert codes == {
        "net-error": "connection",
        "address-refused": "validation",
        "request-invalid": "validation",
        "connect-failed": "connection",
        "name-not-resolved": "connection",
        "tls-failed": "connection",
        "connection-lost": "connection",
        "timed-out": "timeout",
        "proxy-failed": "connection",
        "protocol-failed": "server",
        "response-too-large": "validation",
        "response-undecodable": "validation",
        "too-many-redirects": "server",
        "redirect-refused": "validation",
        "circuit-open": "connection",
    }
    assert len(kinds()) == len(codes)
    assert NetError("x").details() == {}
    assert CircuitOpen("http://a:80", 3).details() == {"origin": "http://a:80"}
    assert TimedOut("read", "a", None).details() == {"phase": "read", "host": "a", "seconds": None}


def test_one_client_per_loop_and_settings() -> None:
    """Closed with its loop: what is left open would be a ResourceWarning, which is an error here."""

    async def use() -> object:
        options = ClientOptions(guard=Guard(allow_loopback=True))
        client = await shared(options)
        assert client is await shared(ClientOptions(guard=Guard(allow_loopback=True)))
        assert client is not await shared(ClientOptions())
        async with serving(lambda asked: answer()) as server:
            assert (await client.request(Request(url=server.url()))).status == 200
        return client

    assert anyio.run(use) is not anyio.run(use)
