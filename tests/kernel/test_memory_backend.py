"""The memory backend: what is its own, beside the conformance suite."""

import anyio
import pytest

from harmonia_core.builtin.memory import MEMORY
from harmonia_core.contracts.rows import EngineRow, RequestRow, StreamAppend, Unit
from harmonia_core.errors import StateUnavailable
from harmonia_core.testing.state_backend_suite import StateBackendSuite


class TestMemory(StateBackendSuite):
    @pytest.fixture
    def create(self, tmp_path):
        return lambda: MEMORY.create(f"memory://{tmp_path}", "auto")


REQUEST = RequestRow("r-1", "e-1", "default", "cancel", "{}", None, 1.0)


async def test_two_backends_of_one_name_share_a_store_and_wake_each_other():
    first, second = MEMORY.create("memory://shared", "auto"), MEMORY.create("memory://shared", "auto")
    await first.open(EngineRow("a", 1, "here", 0.0))
    await second.open(None)
    woken = []
    first.watch(lambda: woken.append("first"))
    await second.add_request(REQUEST)
    assert (woken, await first.requests()) == (["first"], [REQUEST])
    assert await second.alive(["a", "b"]) == {"a"}
    await first.close()
    assert await second.alive(["a"]) == set()
    await second.close()


async def test_a_watcher_on_another_loop_is_woken_on_its_own_thread():
    first = MEMORY.create("memory://threads", "auto")
    await first.open(None)
    woken = anyio.Event()
    first.watch(woken.set)

    async def other():
        second = MEMORY.create("memory://threads", "auto")
        await second.open(None)
        await second.commit(Unit(requests=[REQUEST]))

    await anyio.to_thread.run_sync(anyio.run, other)
    with anyio.fail_after(5):
        await woken.wait()
    await first.close()


async def test_without_a_name_a_store_is_private():
    first, second = MEMORY.create("memory://", "auto"), MEMORY.create("memory://", "auto")
    await first.open(None)
    await second.open(None)
    await first.commit(Unit(appends=[StreamAppend("default", "s", "1")]))
    assert await second.stream("default", "s") == []


async def test_a_closed_store_says_so_instead_of_writing():
    backend = MEMORY.create("memory://", "auto")
    with pytest.raises(StateUnavailable, match="not open"):
        await backend.head("e-1")
    with pytest.raises(StateUnavailable, match="not open"):
        await backend.commit(Unit(requests=[REQUEST]))
    assert (await backend.health())["ok"] is False
