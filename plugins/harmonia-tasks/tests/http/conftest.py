"""A service on this machine that answers as a test says, and remembers what it was asked."""

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from harmonia_tasks.http.task import http_type
from harmonia_tasks.settings import TasksSettings


@dataclass(frozen=True)
class Received:
    """One request as it arrived; names of headers in lower case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer; a body in pieces goes out without a length unless a header says one."""

    status: int = 200
    body: bytes | str | Iterable[bytes] = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    pairs = [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Reply(status, json.dumps(value), [("Content-Type", "application/json"), *pairs])


class Service:
    """Answer each path by its own function. received: every request, in order of arrival."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.broken: list[str] = []
        self._routes: dict[str, Callable[[Received], Reply]] = {}
        self._sockets: list[socket.socket] = []
        service = self

        class Handler(_Handler):
            home = service

        class Server(ThreadingHTTPServer):
            daemon_threads = False

            def get_request(self) -> Any:
                accepted, address = super().get_request()
                service._sockets.append(accepted)
                return accepted, address

            def handle_error(self, request: Any, address: Any) -> None: ...

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return len(self._sockets)

    def on(self, path: str, answer: Callable[[Received], Reply] | Reply) -> None:
        self._routes[path] = answer if callable(answer) else lambda request: answer

    def answer(self, request: Received) -> Reply:
        self.received.append(request)
        found = self._routes.get(request.path)
        return found(request) if found else Reply(404, "no such path")

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        for accepted in self._sockets:
            with suppress(OSError):
                accepted.shutdown(socket.SHUT_RDWR)
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    home: ClassVar[Service]
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None: ...

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Received(self.command, parts.path, parse_qsl(parts.query), headers, self._body(headers))
        reply = self.home.answer(request)
        names = {name.lower() for name, _ in reply.headers}
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if "content-length" not in names:
            if isinstance(body, bytes):
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
        self.end_headers()
        try:
            for piece in [body] if isinstance(body, bytes) else body:
                self.wfile.write(piece)
        except OSError:
            self.home.broken.append(request.path)
            self.close_connection = True

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", "0")))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve


class Reader:
    """Read an artifact that was kept, in small chunks."""

    def __init__(self, kept: Any) -> None:
        self.name, self.media_type, self.size = kept.name, kept.media_type, len(kept.data)
        self._data = bytes(kept.data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, self.size, 1000):
            yield self._data[start : start + 1000]


@pytest.fixture
def ctx(ctx: Any) -> Any:
    """Return a context that also reads artifacts and remembers what it was told to hide."""

    class Context(type(ctx)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.hidden: list[str] = []
            self.beats: list[Any] = []
            self.reports: list[tuple[float | None, str | None]] = []

        def open_artifact(self, reference: Any) -> Reader:
            return Reader(self.artifacts[reference["$artifact"]["name"]])

        def mask(self, *values: str) -> None:
            self.hidden += values

        def progress(self, fraction: Any = None, text: Any = None, value: Any = None) -> None:
            self.reports.append((fraction, text))

        def heartbeat(self, details: Any = None) -> None:
            self.beats.append(details)

    return Context()


@pytest.fixture
def service() -> Iterator[Service]:
    """Return a service that ends with the test."""
    made = Service()
    yield made
    made.close()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def json_reply() -> Callable[..., Reply]:
    return as_json


@pytest.fixture
def http() -> Any:
    """Return the task type, allowed to reach this machine."""
    return http_type(TasksSettings(allow_loopback=True))
