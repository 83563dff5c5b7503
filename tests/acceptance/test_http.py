"""`http` in real processes: killed in the middle of a request, and with a file larger than its memory."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from programs import Place, until

PIECE = bytes(range(256)) * 256
PIECES = 1600
"""Of 64 KiB: 100 MiB."""
MIB = 1024 * 1024


class Gate(ThreadingHTTPServer):
    """Answer as `answers` says; remember the headers of every request by its path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, Callable[[Any], None]] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that were killed."""

    def keys(self, path: str) -> list[str]:
        return [headers["idempotency-key"] for seen, headers in self.seen if seen == path]


class _Handler(BaseHTTPRequestHandler):
    server: Gate

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.path, headers))
        self.server.answers[self.path](self)

    do_GET = do_POST = _serve

    def done(self, body: bytes = b"{}") -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        thread = Thread(target=gate.serve_forever, args=(0.02,))
        thread.start()
        yield gate
        gate.shutdown()
        thread.join()


def test_a_post_killed_before_its_answer_is_sent_again_with_the_same_key(place: Place, gate: Gate) -> None:
    killed = Event()

    def answer(handler: Any) -> None:
        if len(gate.keys("/charge")) == 1:
            killed.wait(30)  # the first request has no answer: its sender is killed while it waits
        else:
            handler.done()

    gate.answers = {"/charge": answer, "/other": lambda handler: handler.done()}
    post = {"method": "POST", "json": {"amount": 5}, "attempt_header": "X-Attempt"}
    tasks = {
        "other": {"type": "http", "input": {**post, "url": f"{gate.url}/other"}},
        "charge": {"type": "http", "depends_on": "other", "input": {**post, "url": f"{gate.url}/charge"}},
    }
    program = place.start("run", place.define(tasks))
    try:
        until(lambda: gate.keys("/charge"), about=f"for a request: {program.stderr}")
        program.send(signal.SIGKILL)
        assert program.ended() == -signal.SIGKILL
    finally:
        killed.set()
    recovered = place.call("recover")
    assert recovered.process.returncode == 0, recovered.stderr
    execution = place.execution()
    assert gate.keys("/charge") == [f"{execution}:charge"] * 2
    assert gate.keys("/other") == [f"{execution}:other"]
    attempts = [headers["x-attempt"] for path, headers in gate.seen if path == "/charge"]
    assert attempts == ["1", "1"]  # a lost attempt burns no retry
    assert place.show(execution)["status"] == "completed"


def test_a_connection_of_the_environment_is_used_and_its_token_is_nowhere(place: Place, gate: Gate) -> None:
    token = "battery-staple-token"

    def echo(handler: Any) -> None:
        handler.done(json.dumps(dict(handler.headers)).encode())

    gate.answers = {"/v1/me": echo, "/v1/me?file": echo}
    connection = {"base_url": f"{gate.url}/v1", "headers": {"X-Tenant": "north"}, "bearer": token}
    place.environment["HARMONIA_PLUGINS__TASKS__CONNECTIONS"] = json.dumps({"crm": connection})
    place.environment["HARMONIA_PLUGINS__TASKS__ALLOW_LOOPBACK"] = "false"
    call = {"connection": "crm", "url": "me"}
    tasks = {
        "body": {"type": "http", "input": call},
        "file": {"type": "http", "input": {**call, "url": "me?file", "response": "file"}},
        "away": {"type": "http", "depends_on": ["body", "file"], "input": {**call, "url": "${input.url}"}},
    }
    program = place.call("run", place.define(tasks), "--input", "url=../admin")
    assert program.process.returncode == 1
    assert "url-outside-connection" in program.stderr
    assert {headers["authorization"] for _, headers in gate.seen} == {f"Bearer {token}"}
    body = place.show(place.execution())["tasks"][0]["output"]["body"]
    assert (body["Authorization"], body["X-Tenant"]) == ("***", "north")
    written = b"".join(path.read_bytes() for path in place.folder.rglob("*") if path.is_file())
    assert b"X-Tenant" in written
    assert token.encode() not in written


def memory(pid: int, field: str) -> int:
    """Return bytes of a process's memory: `VmRSS` now, `VmHWM` at its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_a_large_file_passes_through_little_memory(place: Place, gate: Gate) -> None:
    measured: dict[str, int] = {}

    def measure(name: str, field: str) -> Callable[[Any], None]:
        def answer(handler: Any) -> None:
            measured[name] = memory(program.process.pid, field)
            handler.done()

        return answer

    def stream(handler: Any) -> None:
        handler.send_response_only(200)
        handler.send_header("Content-Length", str(len(PIECE) * PIECES))
        handler.end_headers()
        for _ in range(PIECES):
            handler.wfile.write(PIECE)

    gate.answers = {
        "/before": measure("before", "VmRSS"),
        "/file": stream,
        "/after": measure("after", "VmHWM"),
    }
    tasks = {
        "before": {"type": "http", "input": {"url": f"{gate.url}/before"}},
        "file": {
            "type": "http",
            "depends_on": "before",
            "input": {"url": f"{gate.url}/file", "response": "file"},
        },
        "after": {"type": "http", "depends_on": "file", "input": {"url": f"{gate.url}/after"}},
    }
    program = place.start("run", place.define(tasks, output="${tasks.file.output.artifact}"))
    assert program.ended(90) == 0, program.stderr
    artifact = json.loads(program.stdout)["$artifact"]
    assert (artifact["name"], artifact["size"]) == ("file", len(PIECE) * PIECES)
    grown = measured["after"] - measured["before"]
    print(f"{measured['before'] / MIB:.0f} MiB before, {grown / MIB:.0f} MiB more at the peak")
    assert grown < 64 * MIB
