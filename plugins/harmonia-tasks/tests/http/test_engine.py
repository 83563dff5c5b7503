"""`http` in a real engine: retries that wait as they are told, secrets that stay unseen, a clean end."""

import subprocess
import sys
from typing import Any

import pytest

from harmonia_core.testing.harness import Harness
from harmonia_tasks.http.task import http_type
from harmonia_tasks.settings import TasksSettings

SECRET = "correct-horse"
TOKEN = "battery-staple"


def harness(url: str = "memory://", **settings: Any) -> Harness:
    """Return an engine whose `http` has these settings instead of those of the environment."""
    from harmonia_core.host import KernelSettings

    return Harness(settings=KernelSettings(plugins={"tasks": settings}), url=url)


def flow(**tasks: Any) -> dict[str, Any]:
    return {"name": "flow", "tasks": {name: {"type": "http", **task} for name, task in tasks.items()}}


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "waits"), [(503, 120.0), (429, 120.0), (500, 1.0)])
async def test_a_retry_waits_as_long_as_the_server_says(
    service: Any, json_reply: Any, status: int, waits: float
) -> None:
    def answer(request: Any) -> Any:
        hint = {"Retry-After": "120"} if status != 500 else {}
        return json_reply({}, status, **hint) if len(service.received) < 3 else json_reply({"done": True})

    service.on("/", answer)
    policy = {"max_retries": 3, "jitter": 0, "initial_delay": 1, "backoff_multiplier": 1}
    post = {"input": {"url": f"{service.url}/", "method": "POST"}, "retry_policy": policy}
    async with harness(allow_loopback=True) as h:
        view = await h.run(flow(post=post))
        events = await h.events(view["id"])
    assert view["status"] == "completed", view["error"]
    delays = [event["data"]["delay"] for event in events if event["type"] == "RetryScheduled"]
    assert delays == [waits, waits]
    keys = {request.headers["idempotency-key"] for request in service.received}
    assert keys == {f"{view['id']}:post"}


@pytest.mark.anyio
async def test_a_policy_may_name_the_status(service: Any, reply: Any) -> None:
    service.on("/", reply(502))
    policy = {"max_retries": 2, "initial_delay": 1, "retry_on": ["Http503", "timeout"]}
    get = {"input": {"url": f"{service.url}/"}, "retry_policy": policy}
    async with harness(allow_loopback=True) as h:
        view = await h.run(flow(get=get))
    assert (view["error"]["kind"], len(service.received)) == ("Http502", 1)


@pytest.mark.anyio
@pytest.mark.parametrize("status", [200, 500])
async def test_no_secret_comes_back(
    service: Any, reply: Any, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service tells everything it was sent, in the body and in headers."""

    def echo(request: Any) -> Any:
        said = repr(sorted(request.headers.items())) + repr(request.query)
        return reply(status, said, [("Content-Type", "text/plain"), ("X-Request-Id", said)])

    service.on("/v1/echo", echo)
    monkeypatch.setenv("HARMONIA_SECRET_PASSWORD", SECRET)
    crm = {
        "base_url": f"{service.url}/v1",
        "headers": {"X-Api-Key": TOKEN, "X-Plain": "seen"},
        "bearer": TOKEN,
    }
    basic = {"basic": {"username": "u", "password": "${secrets.PASSWORD}"}}
    get = {"url": "echo", "connection": "crm", "query": {"p": "${secrets.PASSWORD}"}}
    tasks = {
        "plain": {"input": get},
        "own": {"input": {**get, "auth": basic}},
        "file": {"input": {**get, "response": "file"}},
    }
    async with harness(connections={"crm": crm}) as h:
        view = await h.run(flow(**tasks))
        told = repr(view) + repr(await h.events(view["id"])) + repr(h.engine.activity.entries(view["id"]))
        uploads = h.engine.backend._store.blobs  # type: ignore[attr-defined]
        told += repr(uploads)
    assert view["status"] == ("completed" if status == 200 else "failed")
    assert len(service.received) == 3
    sent = {request.headers["authorization"] for request in service.received}
    assert sent == {f"Bearer {TOKEN}", "Basic dTpjb3JyZWN0LWhvcnNl"}
    assert "seen" in told
    assert "***" in told
    hidden = [SECRET, TOKEN, "dTpjb3JyZWN0LWhvcnNl"]
    assert [value for value in hidden if value in told] == []


@pytest.mark.anyio
async def test_two_engines_in_one_loop_keep_their_own_rules(service: Any, reply: Any) -> None:
    service.on("/", reply(200))
    get = {"input": {"url": "${input.url}"}}
    async with harness(allow_loopback=True) as open_one, harness() as strict_one:
        allowed = await open_one.run(flow(get=get), {"url": f"{service.url}/"})
        refused = await strict_one.run(flow(get=get), {"url": f"{service.url}/"})
    assert allowed["status"] == "completed"
    assert (refused["status"], refused["error"]["code"]) == ("failed", "address-refused")


@pytest.mark.anyio
async def test_a_refused_address_is_found_before_anything_runs() -> None:
    from harmonia_core.host import DefinitionInvalid

    async with harness() as h:
        with pytest.raises(DefinitionInvalid) as caught:
            await h.engine.start(flow(get={"input": {"url": "http://192.168.0.1/"}}))
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("address-refused", "tasks.get.input.url")


@pytest.mark.anyio
async def test_an_artifact_goes_from_task_to_task(service: Any, reply: Any) -> None:
    data = bytes(range(256)) * 10_000
    service.on("/in", reply(200, data, [("Content-Type", "x/y")]))
    service.on("/out", reply(204))
    get = {"input": {"url": f"{service.url}/in", "response": "file"}}
    send = {"url": f"{service.url}/out", "method": "PUT", "body": {"artifact": "${tasks.get.artifact}"}}
    async with harness(allow_loopback=True) as h:
        view = await h.run(flow(get=get, put={"input": send, "depends_on": "get"}))
    assert view["status"] == "completed", view["error"]
    assert service.received[1].body == data
    assert service.received[1].headers["content-type"] == "x/y"


PROGRAM = """
import sys
import anyio
from harmonia_core.testing.harness import Harness
from harmonia_core.host import KernelSettings

async def main(url):
    settings = KernelSettings(plugins={"tasks": {"allow_loopback": True}})
    async with Harness(settings=settings) as first, Harness(settings=settings) as second:
        tasks = {"get": {"type": "http", "input": {"url": url}}}
        for h in (first, second):
            print((await h.run({"name": "w", "tasks": tasks}))["status"])

for _ in range(2):
    anyio.run(main, sys.argv[1])
"""


def test_a_loop_that_ends_leaves_no_connection_behind(service: Any, reply: Any) -> None:
    service.on("/", reply(200, "kept alive"))
    command = [sys.executable, "-W", "error", "-c", PROGRAM, f"{service.url}/"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout.split(), ended.stderr, ended.returncode) == (["completed"] * 4, "", 0)


def test_the_type_may_be_repeated_without_asking() -> None:
    assert http_type(TasksSettings()).idempotent
