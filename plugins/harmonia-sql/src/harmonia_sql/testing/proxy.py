"""A way to the server that can be cut at chosen moments: before a request, after it, or before its answer."""

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

SIZE = 1 << 16


class Proxy:
    """Pass connections on to a server, byte for byte, until told otherwise.

    cut: called with the bytes of each request; what it returns decides: `pass` goes on, `refuse` ends the
        connection before the server sees the request, `lose` lets the server do it and ends the
        connection instead of answering, `vanish` ends it at once while the server is at work.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.cut: Callable[[bytes], str] = lambda request: "pass"
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._thread = Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Return the URL that leads through here."""
        port = self._listener.getsockname()[1]
        who = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{who}@127.0.0.1:{port}"))

    def once(self, mark: bytes, what: str) -> None:
        """Do `what` to the next request that contains `mark`, and pass everything else on."""

        def cut(request: bytes) -> str:
            if mark not in request:
                return "pass"
            self.cut = lambda later: "pass"
            return what

        self.cut = cut

    def end_all(self) -> None:
        """End every connection there is."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening and end every connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_all()
        self._thread.join()
        for end in self._open:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection((self._target.hostname or "", self._target.port or 5432))
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            pair = _Pair(self, client, server)
            Thread(target=pair.requests, daemon=True).start()
            Thread(target=pair.answers, daemon=True).start()


class _Pair:
    """Hold the two ends of one connection."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._silent = False

    def requests(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(SIZE):
                what = self._proxy.cut(data)
                if what == "refuse":
                    break
                self._silent = what == "lose"
                self._server.sendall(data)
                if what == "vanish":
                    break
        self._end()

    def answers(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(SIZE):
                if self._silent:
                    break
                self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
