"""Idempotency keys of starts, by one engine: what is refused, what is tried again, when a key is free."""

from typing import Any

import anyio
import pytest

from harmonia_core.clock import SystemClock
from harmonia_core.contracts.state_backend import DocumentQuery
from harmonia_core.definitions.errors import KeyReused
from harmonia_core.engine.driver import LOG
from harmonia_core.engine.start_keys import COLLECTION, KEEP, fingerprint
from harmonia_core.engine.starting import Start, Starter, Wanted
from harmonia_core.errors import InputInvalid, StateLocked, StateUnavailable, VersionConflict
from harmonia_core.host import Engine, ExecutionQuery, KernelSettings, create_backend, load_plugins
from harmonia_core.testing.harness import Harness

FLOW: dict[str, Any] = {"name": "flow", "tasks": {"a": {"type": "noop"}}}


async def count(engine: Engine) -> int:
    return len((await engine.find(ExecutionQuery()))[0])


async def keys(engine: Engine) -> list[str]:
    page, _ = await engine.documents.find(DocumentQuery("default", COLLECTION, limit=1000))
    return [one.key for one in page]


def test_a_fingerprint_is_of_what_is_asked_and_not_of_its_spelling() -> None:
    one = fingerprint("sha256:a", {"x": 1, "y": [1.5]}, {"a": "b", "c": "d"})
    assert one == fingerprint("sha256:a", {"y": [1.5], "x": 1}, {"c": "d", "a": "b"})
    others = [
        fingerprint("sha256:b", {"x": 1, "y": [1.5]}, {"a": "b", "c": "d"}),
        fingerprint("sha256:a", {"x": 2, "y": [1.5]}, {"a": "b", "c": "d"}),
        fingerprint("sha256:a", {"x": 1, "y": [1.5]}, {"a": "b"}),
    ]
    assert len({one, *others}) == 4


async def test_the_same_request_finds_what_the_first_began() -> None:
    async with Harness() as harness:
        engine = harness.engine
        first = await engine.start_once(FLOW, {"n": 1}, key="k")
        again = await engine.start_once(FLOW, {"n": 1}, key="k")
        assert (first.existing, again) == (False, (first.execution_id, True))
        assert await engine.start(FLOW, {"n": 1}, key="k") == first.execution_id
        assert await engine.start(FLOW, {"n": 1}) != first.execution_id
        assert await count(engine) == 2


async def test_another_request_is_refused_and_names_the_first() -> None:
    async with Harness() as harness:
        begun = await harness.engine.start(FLOW, {"n": 1}, key="k")
        with pytest.raises(KeyReused) as refused:
            await harness.engine.start(FLOW, {"n": 2}, key="k")
        assert refused.value.details() == {"key": "k", "workflow": "flow", "execution_id": begun}
        assert await count(harness.engine) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "a\x00"])
async def test_a_key_that_cannot_be_kept_is_refused(key: str) -> None:
    async with Harness() as harness:
        with pytest.raises(InputInvalid) as refused:
            await harness.engine.start(FLOW, key=key)
        assert [problem.code for problem in refused.value.problems] == ["key-invalid"]
        assert await count(harness.engine) == 0


async def test_a_start_that_is_refused_takes_no_key() -> None:
    strict = {**FLOW, "input_schema": {"type": "object", "required": ["n"]}}
    async with Harness() as harness:
        with pytest.raises(InputInvalid):
            await harness.engine.start(strict, {}, key="k")
        assert await keys(harness.engine) == []
        assert not (await harness.engine.start_once(strict, {"n": 1}, key="k")).existing


async def test_a_key_is_free_again_after_its_time_and_not_before() -> None:
    async with Harness() as harness:
        engine, clock = harness.engine, harness.clock
        first = await engine.start(FLOW, key="k")
        clock.advance(KEEP - 1)
        assert await engine.start(FLOW, key="k") == first
        clock.advance(1)
        second = await engine.start_once(FLOW, {"n": 2}, key="k")
        assert second.execution_id != first and not second.existing
        clock.advance(KEEP - 1)
        assert await engine.start_once(FLOW, {"n": 2}, key="k") == (second.execution_id, True)


async def test_keys_whose_time_is_over_are_swept() -> None:
    async with Harness() as harness:
        engine, clock = harness.engine, harness.clock
        for number in range(3):
            await engine.start(FLOW, key=f"old {number}")
        clock.advance(KEEP / 2)
        await engine.start(FLOW, key="young")
        clock.advance(KEEP / 2)
        await engine.start(FLOW, key="new")
        assert await keys(engine) == ["flow new", "flow young"]


async def test_of_two_that_race_the_loser_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The loser reads before the winner writes, and is refused by the store, not by its own look."""
    async with Harness() as harness:
        engine = harness.engine
        seen: list[Any] = []
        stop = engine.view(lambda recorded: seen.extend(recorded))
        found: list[Any] = []

        async def begin() -> None:
            found.append(await engine.start_once(FLOW, key="k"))

        with caplog.at_level("DEBUG", LOG.name):
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(begin)
        assert sorted(one.existing for one in found) == [False, True, True, True, True]
        stop()
        assert {recorded.execution_id for recorded in seen} == {found[0].execution_id}
        assert engine._driver.troubles == {} and set(engine._driver.lives) <= {found[0].execution_id}
        assert [record for record in caplog.records if record.levelname == "ERROR"] == []
        assert await count(engine) == 1


async def test_of_two_that_want_a_key_whose_time_is_over_one_gets_it() -> None:
    async with Harness() as harness:
        engine = harness.engine
        first = await engine.start(FLOW, key="k")
        harness.clock.advance(KEEP)
        found: list[Any] = []

        async def begin() -> None:
            found.append(await engine.start_once(FLOW, key="k"))

        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(begin)
        assert sorted(one.existing for one in found) == [False, True, True, True]
        assert len({one.execution_id for one in found} | {first}) == 2


async def test_a_sweep_that_fails_is_no_failure_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Harness() as harness:

        async def broken(query: Any) -> Any:
            raise StateUnavailable("gone")

        monkeypatch.setattr(harness.engine.backend, "find_documents", broken)
        assert not (await harness.engine.start_once(FLOW, key="k")).existing


class Hasty(SystemClock):
    """A clock whose sleeps are over at once."""

    async def sleep_until(self, due: float) -> None:
        await anyio.sleep(0)


async def test_a_store_that_is_busy_is_asked_again_with_the_key() -> None:
    settings = KernelSettings()
    plugins = load_plugins(settings)
    async with Engine(create_backend("memory://", plugins, settings), plugins, settings, Hasty()) as engine:
        submit: Any = engine.backend.submit

        def first(units: Any, done: Any) -> None:
            engine.backend.submit = submit  # type: ignore[method-assign]
            done([(unit, StateLocked("the store is busy")) for unit in units])

        document: Any = engine.backend.document

        async def later(*place: str) -> Any:
            engine.backend.document = document  # type: ignore[method-assign]
            raise StateUnavailable("the store is away")

        engine.backend.submit = first  # type: ignore[method-assign]
        engine.backend.document = later  # type: ignore[method-assign]
        begun = await engine.start_once(FLOW, key="k")
        assert not begun.existing and await engine.wait(begun.execution_id) == "completed"
        assert await engine.start_once(FLOW, key="k") == (begun.execution_id, True)


async def test_a_conflict_of_a_document_is_told_to_who_starts_and_to_nobody_else() -> None:
    async with Harness() as harness:
        engine = harness.engine
        submit: Any = engine.backend.submit

        def refuse(units: Any, done: Any) -> None:
            engine.backend.submit = submit  # type: ignore[method-assign]
            done([(unit, VersionConflict("taken")) for unit in units])

        engine.backend.submit = refuse  # type: ignore[method-assign]
        begun = await engine.start_once(FLOW, key="k")
        assert not begun.existing and await count(engine) == 1


async def starts_once(engine: Engine) -> None:
    """Ask twice with one key, and assert that one execution came of it."""
    for _ in range(2):
        await engine.start(FLOW, {"n": 1}, key="k")
    assert await count(engine) == 1


async def test_conductor_1527_a_start_that_ignores_its_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Harness() as harness:
        await starts_once(harness.engine)

    async def ignore(self: Starter, wanted: Wanted, key: str) -> Start:
        return Start(await self._begin(wanted, self._new_id()))

    monkeypatch.setattr(Starter, "_once", ignore)
    async with Harness() as harness:
        with pytest.raises(AssertionError):
            await starts_once(harness.engine)
