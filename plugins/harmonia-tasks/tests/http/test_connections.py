"""Named connections: where they lead, and what of them is never seen. Checks at compile time."""

from base64 import b64encode
from typing import Any

import pytest
from pydantic import ValidationError

from harmonia_core import TaskError
from harmonia_tasks.http.connections import Connection
from harmonia_tasks.http.models import HttpInput
from harmonia_tasks.http.task import http_type
from harmonia_tasks.settings import TasksSettings

TOKEN = "top-secret-token"


def connected(service: Any, **more: Any) -> Any:
    crm = {"base_url": f"{service.url}/v1", **more}
    return http_type(TasksSettings.model_validate({"connections": {"crm": crm}}))


async def call(http: Any, ctx: Any, url: str, **input: Any) -> Any:
    return await http(ctx, HttpInput.model_validate({"connection": "crm", "url": url, **input}))


@pytest.mark.anyio
async def test_a_connection_is_trusted_and_brings_its_headers(
    ctx: Any, service: Any, json_reply: Any
) -> None:
    http = connected(service, headers={"X-Tenant": "t1"}, bearer=TOKEN)
    service.on("/v1/orders", json_reply([]))
    output = await call(http, ctx, "orders")
    assert output.url == f"{service.url}/v1/orders"
    (got,) = service.received
    assert (got.headers["x-tenant"], got.headers["authorization"]) == ("t1", f"Bearer {TOKEN}")
    assert set(ctx.hidden) == {f"Bearer {TOKEN}", TOKEN}


@pytest.mark.anyio
async def test_secrets_of_a_connection_do_not_follow_a_redirect_elsewhere(
    ctx: Any, service: Any, reply: Any
) -> None:
    other = f"http://localhost:{service.port}/there"
    service.on("/v1/x", reply(307, b"", [("Location", other)]))
    service.on("/there", reply(200))
    crm = {"base_url": f"{service.url}/v1", "headers": {"X-Api-Key": TOKEN}, "bearer": TOKEN}
    settings = {"connections": {"crm": crm}, "allow_loopback": True}
    http = http_type(TasksSettings.model_validate(settings))
    await call(http, ctx, "x", headers={"X-Own": "mine", "Accept": "a/b"})
    first, second = service.received
    sent = {"x-api-key", "authorization", "x-own", "accept"}
    assert sent <= first.headers.keys()
    assert sent & second.headers.keys() == {"accept"}


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["../admin", "http://127.0.0.1:1/v1/x", "https://evil.example/v1"])
async def test_nothing_leaves_the_base_url(ctx: Any, service: Any, url: str) -> None:
    with pytest.raises(TaskError) as caught:
        await call(connected(service), ctx, url)
    assert caught.value.error_code == "url-outside-connection"
    assert service.received == []


@pytest.mark.anyio
async def test_links_stay_below_the_base_url(ctx: Any, service: Any, json_reply: Any) -> None:
    service.on("/v1/a", json_reply([1], Link='</v1/b>; rel="next"'))
    service.on("/v1/b", json_reply([2], Link='</v2/c>; rel="next"'))
    with pytest.raises(TaskError) as caught:
        await call(connected(service), ctx, "a", paginate={"by": "link"})
    assert caught.value.error_code == "url-outside-connection"
    assert [request.path for request in service.received] == ["/v1/a", "/v1/b"]


def test_everything_secret_is_known_and_nothing_of_it_is_shown() -> None:
    made = Connection.model_validate(
        {
            "base_url": "https://crm.example/v1",
            "headers": {"Accept": "text/html", "X-Api-Key": "key-key-key"},
            "secret_headers": {"X-Shape": "round-and-red"},
            "basic": {"username": "u", "password": "pass-word"},
            "proxy": "http://p:proxy%20pass@proxy.example:3128",
        }
    )
    pair = b64encode(b"u:pass-word").decode()
    at_proxy = b64encode(b"p:proxy pass").decode()
    assert set(made.secrets()) == {
        "key-key-key", "round-and-red", "pass-word", pair, f"Basic {pair}", "proxy%20pass", "proxy pass",
        at_proxy,
    }  # fmt: skip
    assert made.secret_names() == {"X-Api-Key", "X-Shape", "Authorization"}
    shown = repr(made) + str(made) + made.model_dump_json()
    assert not [value for value in made.secrets() if value in shown]


@pytest.mark.parametrize(
    ("proxy", "secret"),
    [
        (f"u:{TOKEN}@proxy.example:3128", TOKEN),
        (f"HTTPS://u:{TOKEN}@proxy.example", TOKEN),
        ("http://u:a%3Ab%2Fc@proxy.example", "a:b/c"),
        ("http://u@proxy.example", None),
        ("proxy.example:3128", None),
        ("environment", None),
    ],
)
def test_the_password_of_a_proxy_is_known_however_its_url_is_written(proxy: str, secret: str | None) -> None:
    made = Connection.model_validate({"base_url": "https://crm.example", "proxy": proxy})
    assert (secret in made.secrets()) if secret else made.secrets() == ()


@pytest.mark.parametrize(
    "fault",
    [
        {"base_url": "crm.example"},
        {"base_url": "https://u:p@crm.example"},
        {"base_url": "https://crm.example?x=1"},
        {"bearer": "abc"},
        {"headers": {"Host": "x"}},
        {"headers": {"X-Key": f"{TOKEN}\n"}},
        {"secret_headers": {"X": "abc"}},
        {"proxy": f"socks5://u:{TOKEN}@proxy.example"},
        {"proxy": f"http://u:{TOKEN}@proxy.example:port"},
        {"proxy": "http://"},
        {"proxy": "http://u:a:b/c@proxy.example"},
        {"proxy": "http://u:abc@proxy.example"},
        {"unknown": 1},
    ],
)
def test_a_faulty_connection_is_refused_without_its_values(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Connection.model_validate({"base_url": "https://crm.example", **fault})
    sections = {"crm": {"base_url": "https://crm.example", "bearer": TOKEN, **fault}}
    with pytest.raises(ValidationError, match="crm") as told:
        TasksSettings.model_validate({"connections": sections})
    messages = [fault["msg"] for fault in told.value.errors(include_input=False, include_context=False)]
    said = f"{caught.value} {messages}"
    assert TOKEN not in said
    assert "u:p" not in said


def problems(constants: dict[str, Any], **settings: Any) -> list[tuple[str, str]]:
    crm = {"base_url": "https://crm.example/v1"}
    made = http_type(TasksSettings.model_validate({"connections": {"crm": crm}, **settings}))
    assert made.check is not None
    return [(found.code, found.path) for found in made.check(constants) if not isinstance(found, str)]


@pytest.mark.parametrize(
    ("constants", "found"),
    [
        ({"url": "https://a.example/", "method": "get"}, []),
        ({"url": "orders"}, []),
        ({"url": "orders", "connection": "crm"}, []),
        ({"url": None, "connection": None}, []),
        ({"method": "BREW"}, [("method-unknown", "method")]),
        ({"url": "x", "connection": "erp"}, [("connection-unknown", "connection")]),
        ({"url": "../x", "connection": "crm"}, [("url-outside-connection", "url")]),
        ({"url": "https://a b.example/"}, [("url-invalid", "url")]),
        ({"url": "https://u:p@a.example/"}, [("url-invalid", "url")]),
        ({"url": "ftp://a.example/"}, [("url-invalid", "url")]),
        ({"url": "http://127.0.0.1/"}, [("address-refused", "url")]),
        ({"url": "http://0x7f.1/"}, [("address-refused", "url")]),
        ({"url": "http://2130706433/"}, [("address-refused", "url")]),
        ({"url": "http://[::ffff:10.0.0.1]/"}, [("address-refused", "url")]),
        ({"url": "http://169.254.169.254/"}, [("address-refused", "url")]),
        ({"url": "https://a.example:22/"}, [("address-refused", "url")]),
        ({"url": "https://crm.example:22/v1"}, [("address-refused", "url")]),
        ({"json": None, "body": "x"}, [("body-contradictory", "body")]),
        ({"json": {}, "form": None}, []),
        ({"auth": {}}, [("auth-contradictory", "auth")]),
        ({"headers": {"Host": "x", "A": 1}}, [("header-not-allowed", "headers['Host']")]),
        ({"idempotency_key": "a b", "attempt_header": "TE"}, [("header-invalid", "idempotency_key"),
                                                              ("header-not-allowed", "attempt_header")]),
        ({"response": {"to": "artifact", "as": "json"}}, [("response-contradictory", "response")]),
        ({"response": {"name": "x"}}, [("response-contradictory", "response.name")]),
        ({"response": "text", "paginate": {"by": "link"}}, [("response-contradictory", "response")]),
        ({"response": "file", "paginate": {"by": "link"}}, []),
        ({"method": "HEAD", "paginate": {"by": "link"}}, [("response-contradictory", "method")]),
        ({"paginate": {"by": "cursor"}}, [("pagination-contradictory", "paginate")]),
        ({"paginate": {"by": "page", "send": "json"}, "form": {}}, [("pagination-contradictory",
                                                                     "paginate.send")]),
        ({"paginate": {"by": "page", "send": "json"}, "form": None, "multipart": None, "body": None}, []),
        ({"paginate": {"by": "nonsense"}}, []),
    ],
)  # fmt: skip
def test_what_is_written_out_is_checked_at_compile_time(
    constants: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems(constants) == found


def test_the_settings_decide_at_compile_time() -> None:
    assert problems({"url": "http://127.0.0.1:9/"}, allow_loopback=True) == []
    assert problems({"url": "http://10.1.2.3/"}, http_trusted="10.0.0.0/8") == []
    assert problems({"url": "https://a.example:22/"}, http_ports="22, 443") == []
    with pytest.raises(ValidationError, match="Not a trusted address"):
        TasksSettings.model_validate({"http_trusted": "non sense"})


@pytest.mark.parametrize(
    ("input", "fault"),
    [({"url": "orders"}, "is not a whole URL"), ({"url": "/x", "expect": "6xx"}, "is no status")],
)
def test_a_url_without_a_home(input: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        HttpInput.model_validate(input)
    HttpInput.model_validate({"url": "orders", "connection": None})


@pytest.mark.anyio
async def test_a_proxy_of_the_settings_is_used(ctx: Any, service: Any, reply: Any) -> None:
    """The service stands in for a proxy: what it is asked for is a whole URL."""
    settings = {"http_proxy": f"http://u:{TOKEN}@127.0.0.1:{service.port}", "http_trusted": "crm.example"}
    made = TasksSettings.model_validate(settings)
    service.on("/", reply(200, "by proxy"))
    output = await http_type(made)(ctx, HttpInput.model_validate({"url": "http://crm.example/"}))
    assert output.body is not None
    (got,) = service.received
    assert got.headers["host"] == "crm.example"
    assert got.headers["proxy-authorization"].startswith("Basic ")
    assert TOKEN not in repr(made)
    assert TOKEN in ctx.hidden


@pytest.mark.parametrize("proxy", [f"socks5://u:{TOKEN}@p.example", f"http://u:{TOKEN}@p.example:port"])
def test_a_faulty_proxy_of_the_settings_is_found_when_they_are_read(proxy: str) -> None:
    with pytest.raises(ValidationError, match=r"[Pp]roxy|proxies") as caught:
        TasksSettings.model_validate({"http_proxy": proxy})
    assert TOKEN not in str(caught.value)
    assert TasksSettings.model_validate({"http_proxy": "environment"}).http_proxy is not None
