"""What `http` decides without a network: statuses, places, links, URLs, headers, bodies."""

from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core import TaskError
from harmonia_tasks.http import addresses, statuses
from harmonia_tasks.http.body_paths import MISSING, find
from harmonia_tasks.http.contents import payload
from harmonia_tasks.http.headers import request_headers, shown
from harmonia_tasks.http.links import next_link
from harmonia_tasks.http.models import HttpInput

BASE = "https://api.example.com/v1/"


@pytest.mark.parametrize(
    ("expected", "yes", "no"),
    [
        ("2xx", [200, 299], [199, 300]),
        (404, [404], [403]),
        ("200-204", [200, 204], [205]),
        (["2XX", 404, "500-501"], [200, 404, 501], [405, 502]),
    ],
)
def test_statuses(expected: Any, yes: list[int], no: list[int]) -> None:
    assert all(statuses.is_expected(one, expected) for one in yes)
    assert not any(statuses.is_expected(one, expected) for one in no)


@pytest.mark.parametrize("expected", ["6xx", 99, "204-200", "ok", [], "", "2xx-3xx", 1000])
def test_what_is_no_status(expected: Any) -> None:
    with pytest.raises(ValueError, match=r"status|range"):
        statuses.ranges(expected)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {"a": {"b": [{"id": 1}, {"id": 2}]}, "@odata.next": "n", "x y": None}),
        ("a.b[0].id", 1),
        ("a.b[-1].id", 2),
        ('["@odata.next"]', "n"),
        ('["x y"]', None),
        ("a.b[2]", MISSING),
        ("a.b[-3]", MISSING),
        ("a[0]", MISSING),
        ("a.b.c", MISSING),
        ("z", MISSING),
    ],
)
def test_places_in_a_body(path: str, value: Any) -> None:
    body = {"a": {"b": [{"id": 1}, {"id": 2}]}, "@odata.next": "n", "x y": None}
    assert find(body, path) == value


@pytest.mark.parametrize("path", [".a", "a b", "a[", "a[x]", "a..b", "[0", "a[0]b"])
def test_what_is_no_place(path: str) -> None:
    with pytest.raises(ValueError, match="is no path into a body"):
        find({}, path)


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        (['<https://a/2>; rel="next"'], "https://a/2"),
        (['<https://a/1>; rel="prev", <https://a/3>; rel="last next"; title="a, <b>; c"'], "https://a/3"),
        (["</x?a=1,2&b=;>; REL=Next"], "/x?a=1,2&b=;"),
        (['</1>; rel="prev"', '</2>;rel=next;type="text/html"'], "/2"),
        (['</1>; title="rel=next"'], None),
        (['</1>; rel=prev; rel="next"'], None),
        (['</1>; rel="next"; anchor="/elsewhere"'], None),
        (['</1>; rel="next"; anchor="#"'], "/1"),
        (["</1>"], None),
        (["nonsense", ""], None),
        ([], None),
    ],
)
def test_link_headers(headers: list[str], target: str | None) -> None:
    assert next_link(headers) == target


@given(st.text(max_size=200))
def test_no_link_header_breaks_the_reader(text: str) -> None:
    next_link([text, '<x>; rel="next"'])


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("orders/5", f"{BASE}orders/5"),
        ("/orders?x=..", f"{BASE}orders?x=.."),
        ("", BASE),
        ("?a=1", f"{BASE}?a=1"),
        ("https://api.example.com/v1/x", "https://api.example.com/v1/x"),
        ("https://API.example.com:443/v1", "https://API.example.com:443/v1"),
        ("a..b/c", f"{BASE}a..b/c"),
    ],
)
def test_urls_below_a_connection(url: str, whole: str) -> None:
    assert addresses.resolve(url, BASE) == whole


@pytest.mark.parametrize(
    "url",
    [
        "../admin",
        "orders/../../admin",
        "orders/%2e%2e/x",
        "orders/%252e%252e/x",
        "orders/..;a=b/x",
        "orders/..%2fx",
        "orders/%5c..%5cx",
        "https://api.example.com/v10/x",
        "https://api.example.com/other",
        "https://api.example.com.evil.org/v1/x",
        "https://api.example.com:8443/v1/x",
        "http://api.example.com/v1/x",
        "//evil.org/v1/",
        "https://user@api.example.com/v1/x",
        "https://api.example.com\\@evil.org/v1/",
        "ftp://api.example.com/v1/",
        "javascript:alert(1)",
        "https:///v1/x",
        "orders /5",
        "orders\n/5",
        "https://api.example.com:99999/v1/",
    ],
)
def test_nothing_leaves_a_connection(url: str) -> None:
    with pytest.raises(TaskError) as caught:
        addresses.resolve(url, BASE)
    assert caught.value.error_code in {"url-outside-connection", "url-invalid"}
    assert not caught.value.retryable
    assert "user" not in str(caught.value)


PARTS = [
    "..",
    ".",
    "/",
    "//",
    "%2e",
    "%2F",
    "%25",
    "%5c",
    "\\",
    ";",
    "?",
    "#",
    "@",
    ":",
    "a",
    "v1",
    "[",
    "\t",
]
WHOLE = ["https://api.example.com", "https://api.example.com/v1", "https://evil.example", "http:", "\u2024"]


@given(st.lists(st.sampled_from(PARTS + WHOLE), max_size=8).map("".join))
def test_whatever_is_resolved_lies_below_the_connection(url: str) -> None:
    """Judged by other means: decode until nothing changes, then let the dots do their work."""
    for resolve in (lambda: addresses.resolve(url, BASE), lambda: addresses.follow(url, BASE, BASE, BASE)):
        try:
            parts = urlsplit(resolve())
        except TaskError:
            continue
        path = parts.path
        while (decoded := unquote(path)) != path:
            path = decoded
        assert (parts.scheme, parts.netloc) == ("https", "api.example.com")
        assert f"{normpath(path.replace(chr(92), '/'))}/".startswith("/v1/")


def test_the_next_page_stays_at_home() -> None:
    home = "https://a.example/list"
    assert addresses.follow("?page=2", "https://a.example/list?page=1", home, None) == f"{home}?page=2"
    for page in (home, "https://b.example/list"):
        with pytest.raises(TaskError) as caught:
            addresses.follow("https://b.example/list?token=x", page, home, None)
        assert caught.value.error_code == "pagination-left-origin"
        assert "token" not in str(caught.value)
    with pytest.raises(TaskError) as caught:
        addresses.follow("http://[/", home, home, None)
    assert caught.value.error_code == "url-invalid"
    with pytest.raises(TaskError) as caught:
        addresses.follow("/v2/x", f"{BASE}x", f"{BASE}x", BASE)
    assert caught.value.error_code == "url-outside-connection"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.example/f/report%20one.pdf?x=1", "report one.pdf"),
        ("https://a.example/", "response"),
        ("https://a.example/a%00b", "response"),
        (f"https://a.example/{'x' * 300}", "response"),
        ("https://a.example/..%2Fx", "x"),
        ("https://a.example/f/..%5C..%5Cx", "x"),
        ("https://a.example/f/%2E%2E", "response"),
        ("https://a.example/f/.%2F", "response"),
    ],
)
def test_a_file_is_called_like_its_url(url: str, name: str) -> None:
    assert addresses.file_name(url) == name


def made(**input: Any) -> HttpInput:
    return HttpInput.model_validate({"url": "https://a.example/", **input})


def headers_of(connection: dict[str, str] | None = None, media_type: str | None = None, **input: Any) -> Any:
    return request_headers(made(**input), connection or {}, media_type, "r:t", 3)


def test_headers_of_a_request() -> None:
    assert headers_of() == {}
    assert headers_of(method="post") == {"Idempotency-Key": "r:t"}
    assert headers_of(method="DELETE", idempotency_key="X-Key") == {"X-Key": "r:t"}
    assert headers_of(method="PUT", idempotency_key=False) == {}
    assert headers_of(method="POST", headers={"idempotency-key": "own"}) == {"idempotency-key": "own"}
    assert headers_of(attempt_header="X-Attempt") == {"X-Attempt": "3"}
    assert headers_of(auth={"bearer": "abc"}) == {"Authorization": "Bearer abc"}
    assert headers_of(auth={"basic": {"username": "u", "password": "p:q"}}) == {
        "Authorization": "Basic dTpwOnE="
    }
    assert headers_of(headers={"X-N": 1, "X-B": True}) == {"X-N": "1", "X-B": "true"}


def test_the_task_wins_over_connection_and_defaults() -> None:
    connection = {"Authorization": "Bearer c", "Accept": "text/html", "X-C": "c"}
    found = headers_of(connection, "application/json", auth={"bearer": "t"}, headers={"ACCEPT": "x/y"})
    expected = {"Content-Type": "application/json", "X-C": "c", "Authorization": "Bearer t", "ACCEPT": "x/y"}
    assert found == expected
    assert headers_of(None, "a/b", headers={"content-type": "c/d"}) == {"content-type": "c/d"}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Bad Name": "x"}, "header-invalid"),
        ({"X": "a\r\nY: b"}, "header-invalid"),
        ({"X": "\u20ac"}, "header-invalid"),
        ({"X": " padded"}, "header-invalid"),
        ({"Host": "evil"}, "header-not-allowed"),
        ({"content-length": "1"}, "header-not-allowed"),
        ({"Transfer-Encoding": "chunked"}, "header-not-allowed"),
    ],
)
def test_headers_that_cannot_be_sent(headers: dict[str, str], code: str) -> None:
    with pytest.raises(TaskError) as caught:
        headers_of(headers=headers)
    assert caught.value.error_code == code


def test_headers_of_a_response() -> None:
    given = [("X-A", "1"), ("x-a", "2"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Server", "s")]
    assert shown(given) == {"server": "s", "x-a": "1, 2"}
    assert shown(given, ["Set-Cookie"])["set-cookie"] == ["a=1", "b=2"]


async def sent(ctx: Any, **input: Any) -> tuple[str, bytes]:
    body = payload(ctx, made(method="POST", **input))
    assert body is not None
    data = b"".join([piece async for piece in body])
    assert len(data) == body.length
    return body.media_type, data


@pytest.mark.anyio
async def test_bodies(ctx: Any) -> None:
    assert await sent(ctx, json={"a": [1, None, "é"]}) == (
        "application/json",
        '{"a":[1,null,"é"]}'.encode(),
    )
    assert (await sent(ctx, json=None))[1] == b"null"
    assert await sent(ctx, form={"a": [1, 2], "b": "x y", "c": None, "d": True, "e": 1.5}) == (
        "application/x-www-form-urlencoded",
        b"a=1&a=2&b=x+y&d=true&e=1.5",
    )
    assert await sent(ctx, body="é") == ("text/plain; charset=utf-8", "é".encode())
    assert await sent(ctx, body={"base64": "AAE=", "media_type": "a/b"}) == ("a/b", b"\x00\x01")
    assert payload(ctx, made()) is None


@pytest.mark.anyio
async def test_a_multipart_body(ctx: Any) -> None:
    parts = [
        {"name": 'no"te', "text": "hello"},
        {"name": "file", "base64": "AAE=", "filename": "a\r\nb.bin"},
        {"name": "doc", "text": "<p>", "filename": "p.html", "media_type": "text/html"},
    ]
    media_type, data = await sent(ctx, multipart=parts)
    boundary = media_type.partition("boundary=")[2].encode()
    found = data.replace(boundary, b"B")
    assert found == (
        b'--B\r\nContent-Disposition: form-data; name="no%22te"\r\n\r\nhello\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a%0D%0Ab.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\x00\x01\r\n"
        b'--B\r\nContent-Disposition: form-data; name="doc"; filename="p.html"\r\n'
        b"Content-Type: text/html\r\n\r\n<p>\r\n--B--\r\n"
    )


@pytest.mark.parametrize(
    ("input", "code"),
    [
        ({"body": {"base64": "?"}}, "body-invalid"),
        ({"body": {}}, "body-invalid"),
        ({"body": {"text": "a", "base64": "AA=="}}, "body-invalid"),
        ({"multipart": [{"name": "a", "text": "b", "media_type": "x\r\nY: z"}]}, "body-invalid"),
    ],
)
def test_bodies_that_cannot_be_sent(ctx: Any, input: Any, code: str) -> None:
    with pytest.raises(TaskError) as caught:
        payload(ctx, made(method="POST", **input))
    assert (caught.value.error_code, caught.value.retryable) == (code, False)
