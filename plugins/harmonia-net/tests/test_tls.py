"""TLS: verified by name although the connection goes to an address; trust decides what may be lifted."""

import ssl
from pathlib import Path

import anyio
import pytest
import trustme
from anyio.abc import ByteStream, SocketAttribute
from net_servers import answer, redirect, serving

from harmonia_net import (
    Client,
    ClientOptions,
    ConnectionLost,
    Guard,
    RedirectRefused,
    Request,
    TimedOut,
    Timeouts,
    TlsFailed,
    TlsOptions,
)
from harmonia_net.targets import Reach
from harmonia_net.tls import tls_context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def serving_as(
    authority: trustme.CA, *names: str, client_authority: trustme.CA | None = None
) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    if client_authority is not None:
        client_authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def local(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def options(tls: TlsOptions, *trusted: str) -> ClientOptions:
    return ClientOptions(guard=Guard(trusted, allow_loopback=True), tls=tls, timeouts=Timeouts(total=10))


async def fetch(url: str, tls: TlsOptions, *trusted: str):
    async with Client(options(tls, *trusted), resolver=local) as client:
        return await client.request(Request(url=url))


async def test_the_name_is_verified_and_sent(authority: trustme.CA, ca_file: Path) -> None:
    asked_for: list[str | None] = []
    context = serving_as(authority, "inner.example")
    context.sni_callback = lambda sock, name, context: asked_for.append(name)
    async with serving(lambda asked: answer(), context) as server:
        response = await fetch(server.url(host="inner.example"), TlsOptions(ca_file=ca_file), "inner.example")
    assert (response.status, asked_for) == (200, ["inner.example"])
    assert server.asked[0].header("host") == f"inner.example:{server.port}"


@pytest.mark.parametrize(
    ("names", "with_authority", "word"),
    [
        (["other.example"], True, "[Hh]ostname mismatch"),
        (["inner.example"], False, "unable to get local issuer"),
    ],
)
async def test_bad_certificates(
    authority: trustme.CA, ca_file: Path, names: list[str], with_authority: bool, word: str
) -> None:
    tls = TlsOptions(ca_file=ca_file if with_authority else None)
    async with serving(lambda asked: answer(), serving_as(authority, *names)) as server:
        with pytest.raises(TlsFailed, match=word) as caught:
            await fetch(server.url(host="inner.example"), tls, "inner.example")
    assert not caught.value.retryable
    assert server.asked == []


async def test_verification_is_lifted_for_trusted_origins_only(authority: trustme.CA) -> None:
    tls = TlsOptions(verify=False)
    async with serving(lambda asked: answer(), serving_as(authority, "localhost")) as server:
        assert (await fetch(server.url(host="inner"), tls, "inner")).status == 200
        with pytest.raises(TlsFailed):
            await fetch(server.url(host="localhost"), tls)


async def test_our_certificate_is_shown_to_trusted_origins_only(
    authority: trustme.CA, ca_file: Path, tmp_path
) -> None:
    mine, path = authority.issue_cert("me@example"), tmp_path / "mine.pem"
    mine.private_key_and_cert_chain_pem.write_to_path(str(path))
    tls = TlsOptions(ca_file=ca_file, client_cert=path)
    context = serving_as(authority, "inner", "localhost", client_authority=authority)
    async with serving(lambda asked: answer(), context) as server:
        assert (await fetch(server.url(host="inner"), tls, "inner")).status == 200
        with pytest.raises((ConnectionLost, TlsFailed), match=r"lost|TLS"):
            await fetch(server.url(host="localhost"), tls)


async def test_https_is_not_left_by_a_redirect(authority: trustme.CA, ca_file: Path) -> None:
    context = serving_as(authority, "localhost")
    async with serving(lambda asked: redirect("http://localhost/"), context) as server:
        with pytest.raises(RedirectRefused):
            await fetch(server.url(host="localhost"), TlsOptions(ca_file=ca_file))


async def test_a_server_without_tls() -> None:
    async with serving(lambda asked: answer()) as server, Client(options(TlsOptions())) as client:
        url = f"https://localhost:{server.port}/"
        with pytest.raises(TimedOut) as caught:  # the server waits for the end of what it takes for a request
            await client.request(Request(url=url, timeouts=Timeouts(connect=0.1)))
        assert caught.value.phase == "connect"
        with pytest.raises(TimedOut) as caught:
            await client.request(Request(url=url, timeouts=Timeouts(total=0.1)))
        assert caught.value.phase == "total"


@pytest.mark.parametrize(
    ("reply", "message", "retryable"),
    [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "The TLS handshake with 'localhost' failed: wrong version number.",
            False,
        ),
        (b"", "'localhost' ended the TLS handshake.", True),
    ],
)
async def test_handshakes_that_fail(reply: bytes, message: str, retryable: bool) -> None:
    async def react(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(reply)

    sockets = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with sockets, anyio.create_task_group() as tasks:
        tasks.start_soon(sockets.serve, react)
        with pytest.raises(TlsFailed) as caught:
            await fetch(f"https://localhost:{sockets.extra(SocketAttribute.local_port)}/", TlsOptions())
        tasks.cancel_scope.cancel()
    assert (str(caught.value), caught.value.retryable) == (message, retryable)


@pytest.mark.parametrize(
    "tls",
    [
        TlsOptions(ca_file=Path("missing.pem")),
        TlsOptions(client_cert=Path("missing.pem")),
        TlsOptions(min_version="1"),
    ],
)
def test_settings_that_cannot_be_used(tls: TlsOptions) -> None:
    with pytest.raises(TlsFailed):
        tls_context(tls, Reach.TRUSTED)


def test_versions() -> None:
    assert tls_context(TlsOptions(), Reach.PUBLIC).minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls_context(TlsOptions(min_version="1.3"), Reach.PUBLIC).minimum_version is ssl.TLSVersion.TLSv1_3
    assert tls_context(TlsOptions(verify=False), Reach.PUBLIC).verify_mode is ssl.CERT_REQUIRED


def test_without_authorities_of_the_system_certifi_stands_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert tls_context(TlsOptions(), Reach.PUBLIC).cert_store_stats()["x509_ca"] > 50
