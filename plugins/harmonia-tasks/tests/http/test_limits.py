"""What limits a request: its time, its size, and the event loop, which waits for no file."""

import threading
from typing import Any

import pytest

from harmonia_core import TaskError
from harmonia_tasks.http import exchange
from harmonia_tasks.http.models import HttpInput
from harmonia_tasks.http.task import http_type
from harmonia_tasks.settings import TasksSettings

pytestmark = pytest.mark.anyio


async def call(http: Any, ctx: Any, url: str, **input: Any) -> Any:
    output = await http(ctx, HttpInput.model_validate({"url": url, **input}))
    return output.model_dump(exclude_none=True)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
async def test_what_has_no_body_may_speak_of_a_large_one(
    ctx: Any, http: Any, service: Any, reply: Any, method: str, status: int
) -> None:
    service.on("/", reply(status, b"", [("Content-Length", "99999999999")]))
    output = await call(http, ctx, f"{service.url}/", method=method, expect=status)
    assert (output["status"], output["headers"]["content-length"]) == (status, "99999999999")
    assert "body" not in output


async def test_an_announced_length_over_the_limit_is_refused_at_once(
    ctx: Any, http: Any, service: Any, reply: Any
) -> None:
    service.on("/", reply(200, b"", [("Content-Length", "99999999999")]))
    with pytest.raises(TaskError) as caught:
        await call(http, ctx, f"{service.url}/")
    assert caught.value.error_code == "output-too-large"


def dripping(most: int) -> Any:
    """Give a byte every hundredth of a second: no single silence is long."""
    pause = threading.Event()
    for _ in range(most):
        pause.wait(0.01)
        yield b"x"


async def timed_out(http: Any, ctx: Any, url: str, **input: Any) -> str:
    with pytest.raises(TaskError) as caught:
        await call(http, ctx, url, **input)
    error = caught.value
    assert (error.error_code, error.category, error.retryable) == ("timed-out", "timeout", True)
    return str(error.data["phase"])


async def test_a_server_that_drips_is_ended_by_the_total_time(
    ctx: Any, http: Any, service: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "TOTAL", 0.5)
    service.on("/", lambda request: reply(200, dripping(10_000)))
    paged = {"paginate": {"by": "link"}, "response": "file"}
    for more in ({}, paged, {"method": "POST", "multipart": [{"name": "a", "text": "b"}]}):
        assert await timed_out(http, ctx, f"{service.url}/", timeouts={"read": 0.5}, **more) == "total"


async def test_the_total_time_is_at_least_twice_that_of_a_read(
    ctx: Any, http: Any, service: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "TOTAL", 0.1)
    service.on("/", lambda request: reply(200, dripping(50)))
    output = await call(http, ctx, f"{service.url}/", response="text", timeouts={"read": 10})
    assert output["body"] == "x" * 50


async def test_a_whole_file_takes_its_time_unless_the_task_limits_it(
    ctx: Any, http: Any, service: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "TOTAL", 0.2)
    service.on("/f", lambda request: reply(200, dripping(80)))
    short = {"read": 0.2}
    output = await call(http, ctx, f"{service.url}/f", response="file", timeouts=short)
    assert output["artifact"]["$artifact"]["size"] == 80
    sent = {"method": "PUT", "body": {"artifact": output["artifact"]}, "response": "text"}
    assert (await call(http, ctx, f"{service.url}/f", timeouts=short, **sent))["body"] == "x" * 80
    limited = {"timeouts": {"total": 0.2}, "response": "file"}
    assert await timed_out(http, ctx, f"{service.url}/f", **limited) == "total"


@pytest.fixture
def writers(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Return the threads that write artifacts."""
    kind, found = type(ctx.artifact("any")), set()
    write = kind.write

    def noted(self: Any, data: bytes) -> Any:
        found.add(threading.get_ident())
        return write(self, data)

    monkeypatch.setattr(kind, "write", noted)
    return found


@pytest.mark.parametrize("more", [{}, {"paginate": {"by": "link"}}], ids=["file", "pages"])
async def test_files_are_written_beside_the_loop(
    ctx: Any, http: Any, service: Any, json_reply: Any, writers: set[int], more: Any
) -> None:
    service.on("/items", json_reply([1, 2]))
    await call(http, ctx, f"{service.url}/items", response="file", **more)
    assert writers
    assert threading.get_ident() not in writers


async def test_a_body_that_nobody_wants_does_not_cost_the_connection(
    ctx: Any, http: Any, service: Any, reply: Any
) -> None:
    service.on("/", reply(200, b"x" * 1000))
    for _ in range(3):
        output = await call(http, ctx, f"{service.url}/", response="none")
        assert "body" not in output
    assert len(service.received) == 3
    assert service.connections == 1


async def test_a_long_body_that_nobody_wants_is_not_read(ctx: Any, service: Any, reply: Any) -> None:
    small = http_type(TasksSettings(allow_loopback=True, output_limit=1))
    service.on("/", reply(200, dripping(3), [("Content-Length", "99999999999")]))
    assert (await call(small, ctx, f"{service.url}/", response="none"))["status"] == 200
