"""Proxies: chosen from settings or, if asked for, the environment; the target is still judged here."""

import ssl
from dataclasses import replace

import anyio
import pytest
import trustme
from net_servers import Asked, answer, serving, tunnelling

from harmonia_net import (
    AddressRefused,
    Client,
    ClientOptions,
    Guard,
    NameNotResolved,
    ProxyFailed,
    ProxyOptions,
    Request,
    Timeouts,
    TlsOptions,
)
from harmonia_net.proxies import Proxy, choose_proxy, parse_proxy

GUARD = Guard(("*.corp",), allow_loopback=True)
ENVIRONMENT = {
    "HTTP_PROXY": "http://upper.example:1",
    "http_proxy": "http://lower.example:2",
    "HTTPS_PROXY": "http://u:p%40@secure.example",
    "no_proxy": "left.example, .below.example,10.0.0.0/8,ported.corp:8080,[fd00::1]",
}
CHOICES = [
    # options, URL, host of the proxy
    (ProxyOptions(), "http://a.example/", None),
    (ProxyOptions(from_environment=True), "http://a.example/", "lower.example"),
    (ProxyOptions(from_environment=True), "https://a.example/", "secure.example"),
    (ProxyOptions(from_environment=True), "http://left.example/", None),
    (ProxyOptions(from_environment=True), "http://a.left.example/", None),
    (ProxyOptions(from_environment=True), "http://notleft.example/", "lower.example"),
    (ProxyOptions(from_environment=True), "http://a.below.example/", None),
    (ProxyOptions(from_environment=True), "http://10.1.1.1/", None),
    (ProxyOptions(from_environment=True), "http://ported.corp:8080/", None),
    (ProxyOptions(from_environment=True), "http://ported.corp/", "lower.example"),
    (ProxyOptions(from_environment=True), "http://[fd00::1]/", None),
    (ProxyOptions("http://set.example:3"), "http://a.example/", "set.example"),
    (ProxyOptions("http://set.example:3", from_environment=True), "http://left.example/", "set.example"),
    (ProxyOptions("http://set.example:3", ("*",)), "http://a.example/", None),
    (ProxyOptions("http://set.example:3", ("*.example",)), "http://a.example/", None),
    (ProxyOptions("http://set.example:3", ("8.8.8.8",)), "http://8.8.8.8/", None),
    (ProxyOptions("http://set.example:3", ("nonsense/8",)), "http://8.8.8.8/", "set.example"),
    (ProxyOptions("http://set.example:3"), "http://127.0.0.1.example/", "set.example"),
]


@pytest.mark.parametrize(("options", "url", "host"), CHOICES)
def test_choice(options: ProxyOptions, url: str, host: str | None) -> None:
    target = GUARD.check_url(url, trusted=True)
    proxy = choose_proxy(options, ENVIRONMENT, target)
    assert (proxy.host if proxy else None) == host


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://localhost:1/", "https://a.localhost/", "http://[::1]/"]
)
@pytest.mark.parametrize("trusted", [True, False])
def test_this_machine_is_never_called_through_a_proxy(url: str, trusted: bool) -> None:
    """Neither as loopback nor as an origin that settings trust: the proxy would see what is sent."""
    target = GUARD.check_url(url, trusted=trusted)
    assert choose_proxy(ProxyOptions("http://set.example:3"), {}, target) is None
    named = Guard((url.rstrip("/"),)).check_url(url)
    assert choose_proxy(ProxyOptions("http://set.example:3"), {}, named) is None


def test_the_environment_of_a_cgi_process_is_a_clients_header() -> None:
    target = GUARD.check_url("http://a.example/")
    given = {"HTTP_PROXY": "http://evil.example", "REQUEST_METHOD": "GET"}
    assert choose_proxy(ProxyOptions(from_environment=True), given, target) is None
    assert choose_proxy(ProxyOptions(from_environment=True), {"ALL_PROXY": "p:1"}, target) == Proxy(
        "http", "p", 1
    )


def test_proxies_show_no_credentials() -> None:
    proxy = parse_proxy("https://user:s3cret@p.example")
    assert proxy == Proxy("https", "p.example", 443, ("user", "s3cret"))
    assert "s3cret" not in f"{proxy!r}{proxy.url}{ProxyOptions('http://u:s3cret@p')!r}"


@pytest.mark.parametrize("url", ["socks5://s3cret:1", "http://", "http://s3cret:port", "file:///s3cret"])
def test_what_is_no_proxy(url: str) -> None:
    with pytest.raises(ProxyFailed) as caught:
        parse_proxy(url)
    assert "s3cret" not in str(caught.value)


class Names:
    """A resolver by table; what it does not know has no address."""

    def __init__(self, **known: str) -> None:
        self.known = {name.replace("_", "."): address for name, address in known.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return [self.known[host]] if host in self.known else []


def options(port: int, tls: TlsOptions | None = None, **proxy) -> ClientOptions:
    via = ProxyOptions(f"http://user:word@proxy.corp:{port}", **proxy)
    return ClientOptions(guard=Guard(), proxy=via, tls=tls or TlsOptions())


async def test_plain_calls_name_the_target_to_the_proxy() -> None:
    names = Names(proxy_corp="127.0.0.1", a_example="8.8.8.8")
    async with tunnelling() as proxy, Client(options(proxy.port), resolver=names) as client:
        response = await client.request(Request(url="http://a.example/x", headers={"X": "1"}))
    assert response.text == "by proxy: http://a.example/x"
    assert proxy.asked[0].header("proxy-authorization") == "Basic dXNlcjp3b3Jk"
    assert proxy.asked[0].header("host") == "a.example"


async def test_tls_goes_through_a_tunnel_and_is_verified(tmp_path) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("a.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    names = Names(proxy_corp="127.0.0.1", a_example="8.8.8.8")
    async with tunnelling() as proxy, serving(lambda asked: answer(b"tunnelled"), context) as server:
        settings = options(proxy.port, TlsOptions(ca_file=tmp_path / "ca.pem"))
        async with Client(settings, resolver=names) as client:
            url = f"https://a.example:{server.port}/x"
            trusted = await client.request(Request(url=url, trusted=True))
            again = await client.request(Request(url=url, trusted=True))
    assert (trusted.text, again.text) == ("tunnelled", "tunnelled")
    assert [asked.line for asked in proxy.asked] == [f"CONNECT a.example:{server.port} HTTP/1.1"]
    assert server.asked[0].header("proxy-authorization") is None


async def test_a_proxy_may_be_spoken_to_by_tls(tmp_path) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("proxy.corp", "a.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    names = Names(proxy_corp="127.0.0.1", a_example="8.8.8.8")
    async with tunnelling(context=context) as proxy, serving(lambda asked: answer(), context) as server:
        via = ProxyOptions(f"https://proxy.corp:{proxy.port}")
        settings = ClientOptions(proxy=via, tls=TlsOptions(ca_file=tmp_path / "ca.pem"))
        async with Client(settings, resolver=names) as client:
            assert (await client.request(Request(url="http://a.example/"))).text.startswith("by proxy")
            url = f"https://a.example:{server.port}/"
            assert (await client.request(Request(url=url, trusted=True))).text == "ok"
    assert [asked.method for asked in proxy.asked] == ["GET", "CONNECT"]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://rebind.example/", AddressRefused),
        ("https://rebind.example/", AddressRefused),
        ("http://10.0.0.1/", AddressRefused),
        ("http://unknown.example/", NameNotResolved),
    ],
)
async def test_targets_are_judged_before_the_proxy_is_asked(url: str, fault: type[Exception]) -> None:
    names = Names(proxy_corp="127.0.0.1", rebind_example="10.0.0.1")
    async with tunnelling() as proxy, Client(options(proxy.port), resolver=names) as client:
        with pytest.raises(fault):
            await client.request(Request(url=url))
    assert proxy.asked == []


async def test_where_only_the_proxy_knows_names() -> None:
    names = Names(proxy_corp="127.0.0.1")
    async with (
        tunnelling() as proxy,
        Client(options(proxy.port, check_names=False), resolver=names) as client,
    ):
        assert (await client.request(Request(url="http://unknown.example/"))).status == 200
        with pytest.raises(AddressRefused):
            await client.request(Request(url="http://10.0.0.1/"))
    assert names.asked == ["proxy.corp"]


async def test_a_proxy_that_refuses_or_is_not_there() -> None:
    def refuse(asked: Asked) -> bool:
        return False

    names = Names(proxy_corp="127.0.0.1", a_example="8.8.8.8")
    async with tunnelling(refuse) as proxy, Client(options(proxy.port), resolver=names) as client:
        with pytest.raises(ProxyFailed, match="407"):
            await client.request(Request(url="https://a.example/"))
        assert client.circuits() == {}
    for known in ({"proxy_corp": "127.0.0.1"}, {}):
        gone = Names(a_example="8.8.8.8", **known)
        async with Client(options(proxy.port), resolver=gone) as client:
            with pytest.raises(ProxyFailed, match="cannot be reached") as caught:
                await client.request(Request(url="http://a.example/"))
        assert "word" not in str(caught.value)


async def test_a_proxy_that_does_not_answer_says_nothing_of_the_origin() -> None:
    async def silent(host: str, port: int) -> list[str]:
        if host == "a.example":
            return ["8.8.8.8"]
        await anyio.sleep_forever()
        raise AssertionError

    settings = replace(options(3128), timeouts=Timeouts(connect=0.05))
    async with Client(settings, resolver=silent) as client:
        with pytest.raises(ProxyFailed, match="in time"):
            await client.request(Request(url="http://a.example/"))
        assert client.circuits() == {}
