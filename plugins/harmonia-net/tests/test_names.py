"""Names: looked up once per connection, every answer judged, and rebinding without effect."""

import socket

import anyio
import pytest
from net_servers import answer, redirect, serving

from harmonia_net import (
    AddressRefused,
    Client,
    ClientOptions,
    ConnectFailed,
    Guard,
    NameNotResolved,
    Request,
    TimedOut,
    Timeouts,
)
from harmonia_net.resolving import system_resolver


class Names:
    """A resolver that gives its answers in turn, the last one for ever, and remembers what it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def options(*trusted: str, ports: frozenset[int] = frozenset({80}), **more) -> ClientOptions:
    return ClientOptions(guard=Guard(trusted, ports=ports), breaker=None, **more)


async def fetch(url: str, names: Names, settings: ClientOptions, **arguments):
    async with Client(settings, resolver=names) as client:
        return await client.request(Request(url=url, **arguments))


@pytest.mark.parametrize(
    ("addresses", "rule"),
    [
        (["127.0.0.1"], "loopback"),
        (["::1"], "loopback"),
        (["10.0.0.1"], "private"),
        (["169.254.169.254"], "metadata"),
        (["::ffff:10.0.0.1"], "mapped"),
        (["fe80::1%eth0"], "host-form"),
        (["8.8.8.8", "127.0.0.1"], "loopback"),
        (["127.0.0.1", "8.8.8.8"], "loopback"),
        (["8.8.8.8", "2606:4700::1", "fd00::1"], "unique-local"),
    ],
)
async def test_one_bad_address_refuses_the_name(addresses: list[str], rule: str) -> None:
    names = Names(addresses)
    with pytest.raises(AddressRefused) as caught:
        await fetch("http://rebind.example/", names, options())
    assert (caught.value.rule, caught.value.host) == (rule, "rebind.example")
    assert names.asked == [("rebind.example", 80)]


async def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    """The name is answered once; whatever it would become at a second question is never asked."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with serving(lambda asked: answer()) as server:
        settings = options("127.0.0.1/32", ports=frozenset({server.port}))
        async with Client(settings, resolver=names) as client:
            url = server.url(host="rebind.example")
            assert (await client.request(Request(url=url))).status == 200
            assert (await client.request(Request(url=url))).status == 200
            await client.aclose()
            with pytest.raises(AddressRefused):
                await client.request(Request(url=url))
    assert len(names.asked) == 2
    assert [asked.header("host") for asked in server.asked] == [f"rebind.example:{server.port}"] * 2
    assert server.connections == 1


async def test_a_redirect_to_a_name_is_resolved_and_judged() -> None:
    names = Names(["127.0.0.1"])
    async with serving(lambda asked: redirect("http://rebind.example/")) as server:
        with pytest.raises(AddressRefused) as caught:
            await fetch(server.url(host="inner"), names, options("inner"))
    assert caught.value.host == "rebind.example"


async def test_connections_of_trusted_origins_serve_no_others() -> None:
    """A request with trust opens a connection; the same URL from data must not find and use it."""
    names = Names(["127.0.0.1"])
    async with serving(lambda asked: answer()) as server:
        settings = options(ports=frozenset({server.port}))
        async with Client(settings, resolver=names) as client:
            url = server.url(host="inner.example")
            assert (await client.request(Request(url=url, trusted=True))).status == 200
            with pytest.raises(AddressRefused):
                await client.request(Request(url=url))
    assert len(server.asked) == 1


async def test_no_address() -> None:
    with pytest.raises(NameNotResolved) as caught:
        await fetch("http://a.example/", Names([]), options())
    assert (caught.value.code, caught.value.retryable) == ("name-not-resolved", True)


async def test_the_next_address_is_tried() -> None:
    async with serving(lambda asked: answer()) as server:
        names = Names(["127.1.2.3", "127.0.0.1"])  # nobody listens on the first
        response = await fetch(server.url(host="inner"), names, options("inner"))
    assert response.status == 200


async def test_no_address_answers() -> None:
    async with serving(lambda asked: answer()) as server:
        pass
    with pytest.raises(ConnectFailed, match="'inner', port") as caught:
        await fetch(server.url(host="inner"), Names(["127.0.0.1", "127.0.0.2"]), options("inner"))
    assert "refused" in str(caught.value)


async def test_a_resolver_that_does_not_answer_ends_by_time() -> None:
    async def silent(host: str, port: int) -> list[str]:
        await anyio.sleep_forever()
        raise AssertionError

    settings = options(timeouts=Timeouts(connect=0.05))
    async with Client(settings, resolver=silent) as client:
        with pytest.raises(TimedOut) as caught:
            await client.request(Request(url="http://a.example/"))
    assert caught.value.phase == "connect"


async def test_the_system_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(await system_resolver("localhost", 80)) <= {"127.0.0.1", "::1"}
    with pytest.raises(NameNotResolved):
        await system_resolver("a" * 70, 80)

    async def unknown(host: str, port: int, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(anyio, "getaddrinfo", unknown)
    with pytest.raises(NameNotResolved, match=r"does-not-exist.*not known"):
        await system_resolver("does-not-exist.invalid", 80)


async def test_ipv6_literals_and_host_headers() -> None:
    async with serving(lambda asked: answer()) as server:
        settings = ClientOptions(guard=Guard(allow_loopback=True))
        response = await fetch(f"http://LOCALHOST.:{server.port}/", Names(["127.0.0.1"]), settings)
    assert response.url == f"http://localhost:{server.port}/"
    assert server.asked[0].header("host") == f"localhost:{server.port}"
