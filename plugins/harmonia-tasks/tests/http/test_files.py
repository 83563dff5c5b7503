"""Files in both directions: a response that becomes an artifact, artifacts that are sent."""

from typing import Any

import pytest
from _pytest.monkeypatch import MonkeyPatch

from harmonia_core import TaskError
from harmonia_tasks.http import exchange
from harmonia_tasks.http.models import HttpInput

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 1000


async def call(http: Any, ctx: Any, url: str, **input: Any) -> Any:
    output = await http(ctx, HttpInput.model_validate({"url": url, **input}))
    return output.model_dump(exclude_none=True)


@pytest.mark.parametrize(
    ("response", "name", "media_type"),
    [
        ("file", "picture one.png", "image/png"),
        ({"to": "artifact"}, "picture one.png", "image/png"),
        ({"to": "artifact", "name": "p", "media_type": "x/y"}, "p", "x/y"),
    ],
)
async def test_a_response_becomes_an_artifact(
    ctx: Any, http: Any, service: Any, reply: Any, response: Any, name: str, media_type: str
) -> None:
    service.on("/f/picture%20one.png", reply(200, DATA, [("Content-Type", "image/png")]))
    output = await call(http, ctx, f"{service.url}/f/picture%20one.png?x=1", response=response)
    artifact = ctx.artifacts[name]
    assert (bytes(artifact.data), artifact.media_type, artifact.sealed) == (DATA, media_type, True)
    assert output["artifact"] == artifact.reference
    assert "body" not in output


async def test_progress_is_told_while_bytes_arrive(
    ctx: Any, http: Any, service: Any, reply: Any, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "REPORT_EVERY", 0.0)
    service.on("/", reply(200, DATA))
    await call(http, ctx, f"{service.url}/", response="file")
    fractions = [fraction for fraction, _ in ctx.reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert ctx.beats[-1] == {"bytes": len(DATA)}


async def test_without_a_length_there_is_no_fraction(
    ctx: Any, http: Any, service: Any, reply: Any, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "REPORT_EVERY", 0.0)
    service.on("/", reply(200, iter([b"a" * 1000, b"b" * 1000])))
    await call(http, ctx, f"{service.url}/", response="file")
    assert ctx.reports[-1] == (None, "2,000 bytes")


@pytest.mark.parametrize("fault", ["too large", "broken off", "status"])
async def test_what_is_not_whole_is_thrown_away(
    ctx: Any, http: Any, service: Any, reply: Any, fault: str
) -> None:
    answers = {
        "too large": reply(200, DATA),
        "broken off": reply(200, iter([DATA[:5000]]), [("Content-Length", "6000"), ("Connection", "close")]),
        "status": reply(500, DATA),
    }
    service.on("/", answers[fault])
    with pytest.raises(TaskError) as caught:
        await call(http, ctx, f"{service.url}/", response={"to": "artifact", "max_bytes": 100_000})
    codes = {"too large": "response-too-large", "broken off": "connection-lost", "status": "http-status"}
    assert caught.value.error_code == codes[fault]
    assert not any(artifact.sealed for artifact in ctx.artifacts.values())


async def test_an_artifact_is_sent(ctx: Any, http: Any, service: Any, reply: Any) -> None:
    service.on("/", reply(204))
    with ctx.artifact("d.bin", "x/data") as writer:
        writer.write(DATA)
    await call(http, ctx, f"{service.url}/", method="PUT", body={"artifact": writer.reference})
    (got,) = service.received
    assert (got.body, got.headers["content-type"]) == (DATA, "x/data")
    assert got.headers["content-length"] == str(len(DATA))
    assert "transfer-encoding" not in got.headers


async def test_an_artifact_is_part_of_a_form(ctx: Any, http: Any, service: Any, reply: Any) -> None:
    service.on("/", reply(204))
    with ctx.artifact("d.bin", "x/data") as writer:
        writer.write(DATA)
    parts = [{"name": "title", "text": "t"}, {"name": "file", "artifact": writer.reference}]
    await call(http, ctx, f"{service.url}/", method="POST", multipart=parts)
    (got,) = service.received
    boundary = got.headers["content-type"].partition("boundary=")[2].encode()
    assert got.body == (
        b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nt\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="d.bin"\r\n'
        b"Content-Type: x/data\r\n\r\n" + DATA + b"\r\n--B--\r\n"
    ).replace(b"--B", b"--" + boundary)
