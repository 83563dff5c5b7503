"""Servers for the tests: raw bytes over loopback sockets, so that they can be as wrong as servers get."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

Answer = Callable[["Asked"], Awaitable[bytes | None] | bytes | None]


@dataclass
class Asked:
    """One request as it arrived, and the connection that it came by."""

    head: str
    body: bytes
    stream: ByteStream
    connection: int

    @property
    def line(self) -> str:
        return self.head.partition("\r\n")[0]

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


@dataclass
class Server:
    """A running server: where it listens, what it was asked, how many connections it took."""

    port: int
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


def answer(
    body: bytes = b"ok", status: str = "200 OK", headers: Sequence[str] = (), *, length: int | None = None
) -> bytes:
    """Return a complete answer in bytes."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", status, [f"Location: {location}"])


@asynccontextmanager
async def serving(react: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Run a server on loopback that answers each request with what `react` returns; None hangs up."""
    sockets = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server = Server(sockets.extra(SocketAttribute.local_port), "https" if context else "http")

    async def serve(stream: ByteStream) -> None:
        server.connections += 1
        number = server.connections
        with suppress(anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError):
            async with stream:
                while (asked := await read_request(stream, number)) is not None:
                    server.asked.append(asked)
                    said = react(asked)
                    data = said if isinstance(said, bytes) or said is None else await said
                    if data is None:
                        return
                    await stream.send(data)

    listener = TLSListener(sockets, context, standard_compatible=False) if context else sockets
    async with sockets, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        try:
            yield server
        finally:
            tasks.cancel_scope.cancel()


async def read_request(stream: ByteStream, connection: int) -> Asked | None:
    """Read one request, its body by length or by chunks; None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            data += await stream.receive()
        except anyio.EndOfStream:
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    asked = Asked(head.decode("latin-1"), body, stream, connection)
    length = int(asked.header("content-length") or 0)
    chunked = asked.header("transfer-encoding") == "chunked"
    while len(asked.body) < length or (chunked and not asked.body.endswith(b"0\r\n\r\n")):
        asked.body += await stream.receive()
    return asked


@asynccontextmanager
async def tunnelling(
    accepts: Callable[[Asked], bool] = lambda asked: True, context: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Run a proxy that knows CONNECT and absolute URLs, and connects to 127.0.0.1 whatever the name says."""

    async def react(asked: Asked) -> bytes | None:
        if not accepts(asked):
            return answer(b"", "407 Proxy Authentication Required")
        if asked.method != "CONNECT":
            return answer(f"by proxy: {asked.path}".encode())
        port = int(asked.path.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as onward:
            await asked.stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await joined(asked.stream, onward)
        return None

    async with serving(react, context) as server:
        yield server


async def joined(one: ByteStream, other: ByteStream) -> None:
    """Carry bytes both ways until one side ends."""

    async def carry(source: ByteStream, target: ByteStream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            async for data in source:
                await target.send(data)
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(carry, one, other)
        tasks.start_soon(carry, other, one)
