"""What a state backend owes those who decide by documents: names, versions and keys, under races."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from harmonia_core.contracts.rows import Unit
from harmonia_core.contracts.state_backend import ExecutionQuery, StateBackend
from harmonia_core.definitions.errors import KeyReused, VersionExists
from harmonia_core.engine.runner import Engine
from harmonia_core.engine.start_keys import COLLECTION
from harmonia_core.errors import VersionConflict
from harmonia_core.model.statuses import FINAL_EXECUTION
from harmonia_core.plugins.load import load_plugins
from harmonia_core.settings import KernelSettings
from harmonia_core.testing.state_backend_rows import execution_id, put, start

SETTINGS = KernelSettings()
ROUNDS = 5
FLOW: dict[str, Any] = {"name": "flow", "tasks": {"a": {"type": "noop"}}}


def flow(*more: str) -> dict[str, Any]:
    """Return the definition with tasks more."""
    return {**FLOW, "tasks": {**FLOW["tasks"], **{name: {"type": "noop"} for name in more}}}


@asynccontextmanager
async def engines(create: Callable[[], StateBackend]) -> AsyncIterator[tuple[Engine, Engine]]:
    """Open two engines on one store."""
    plugins = load_plugins(SETTINGS)
    async with Engine(create(), plugins, SETTINGS) as one, Engine(create(), plugins, SETTINGS) as other:
        yield one, other


class NamedTests:
    """Judge a store by what is decided with its documents."""

    async def test_a_unit_refused_for_a_document_begins_no_execution(self, backend: StateBackend) -> None:
        await backend.commit(Unit(documents=[put("taken", "1", if_version=0)]))
        unit = start(1)
        unit.documents = [put("other", "1", if_version=0), put("taken", "2", if_version=0)]
        with pytest.raises(VersionConflict):
            await backend.commit(unit)
        assert await backend.head(execution_id(1)) is None
        assert await backend.events(execution_id(1)) == [] and await backend.unfinished() == []
        unit.documents = [put("taken", "2", if_version=1)]
        await backend.commit(unit)
        assert await backend.head(execution_id(1)) is not None

    async def test_of_many_who_publish_at_once_none_is_lost(self, create: Callable[[], StateBackend]) -> None:
        async with engines(create) as both:
            await both[0].definitions.publish(FLOW)

            async def publish(number: int) -> None:
                await both[number % 2].definitions.publish(flow(f"t{number}"), bump="auto")

            async with anyio.create_task_group() as group:
                for number in range(4):
                    group.start_soon(publish, number)
            versions = await both[0].definitions.versions("flow")
            # Each saw what stood before it: all but the first take a task away that was there.
            assert sorted(one.version for one in versions) == ["1.0.0", "1.1.0", "2.0.0", "3.0.0", "4.0.0"]
            about = await both[1].definitions.get("flow")
            assert (about.latest, about.versions) == ("4.0.0", 5)
            with pytest.raises(VersionExists):
                await both[1].definitions.publish(flow("x"))

    async def test_contents_outlive_their_executions(self, create: Callable[[], StateBackend]) -> None:
        async with engines(create) as (engine, other):
            release = (await engine.definitions.publish(FLOW)).release
            begun = await engine.start("flow")
            assert await engine.wait(begun) == "completed"
            assert (await engine.backend.prune([begun])).executions == 1
            assert await engine.backend.blob("default", release.hash) is None
            found = await other.definitions.resolve("flow@^1")
            assert (found.release.hash, found.definition) == (release.hash, {**FLOW, "tasks": [
                {"id": "a", "type": "noop"}
            ]})  # fmt: skip
            assert await other.wait(await other.start("flow@1.0.0")) == "completed"

    async def test_of_many_starts_with_one_key_one_begins(self, create: Callable[[], StateBackend]) -> None:
        async with engines(create) as both:
            for round in range(ROUNDS):
                found: list[tuple[str, bool]] = []

                async def begin(engine: Engine, key: str, found: list[Any] = found) -> None:
                    found.append(await engine.start_once(FLOW, {"n": 1}, key=key))

                async with anyio.create_task_group() as group:
                    for number in range(8):
                        group.start_soon(begin, both[number % 2], f"key {round}")
                assert len({one for one, _ in found}) == 1
                assert sorted(existing for _, existing in found) == [False] + [True] * 7
            rows, _ = await both[0].find(ExecutionQuery())
            assert len(rows) == ROUNDS
            for engine in both:
                for row in rows:
                    assert await engine.wait(row["id"]) in FINAL_EXECUTION
                assert engine._driver.lives == {} and engine._driver.troubles == {}

    async def test_a_key_outlives_its_execution(self, create: Callable[[], StateBackend]) -> None:
        async with engines(create) as (engine, other):
            begun = await engine.start(FLOW, {"n": 1}, key="k", labels={"a": "b"})
            await engine.wait(begun)
            await engine.backend.prune([begun])
            assert await engine.backend.head(begun) is None
            again = await other.start_once(FLOW, {"n": 1}, key="k", labels={"a": "b"})
            assert again == (begun, True)
            asked: dict[str, Any] = {"definition": FLOW, "input": {"n": 1}, "labels": {"a": "b"}}
            others: list[dict[str, Any]] = [{"input": {"n": 2}}, {"labels": {}}, {"definition": flow("more")}]
            for changed in others:
                with pytest.raises(KeyReused, match=begun):
                    await other.start(**{**asked, **changed}, key="k")
            # A key belongs to a name in a namespace.
            elsewhere = await other.start_once({**FLOW, "name": "other"}, {"n": 2}, key="k")
            apart = await other.start_once(FLOW, {"n": 2}, key="k", namespace="team")
            assert [elsewhere.existing, apart.existing] == [False, False]
            assert await other.documents.get("default", COLLECTION, "flow k") is not None
