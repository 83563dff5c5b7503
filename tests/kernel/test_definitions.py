"""Definitions under names, by an engine: publish, resolve, archive, label, drafts, what runs on others."""

from typing import Any

import anyio
import pytest

from harmonia_core.definitions.errors import (
    DraftChanged,
    DraftNotFound,
    VersionExists,
    VersionNotFound,
    WorkflowArchived,
    WorkflowNotFound,
)
from harmonia_core.definitions.records import CONTENTS, VERSIONS
from harmonia_core.definitions.shelf import Shelf
from harmonia_core.errors import DefinitionInvalid, StateCorrupt
from harmonia_core.host import Engine
from harmonia_core.testing.harness import Harness

ADA = {"kind": "person", "id": "ada"}


def flow(*tasks: str, **more: Any) -> dict[str, Any]:
    return {"name": "flow", "tasks": {name: {"type": "noop"} for name in ("a", *tasks)}, **more}


async def publish(engine: Engine, *versions: str) -> None:
    for version in versions:
        await engine.definitions.publish(flow(version=version, description=version))


async def resolved(engine: Engine, reference: str) -> str:
    return (await engine.definitions.resolve(reference)).release.version


async def test_a_version_says_who_made_it_of_what_and_why() -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        first = await definitions.publish(flow(), actor=ADA, labels={"team": "shop"})
        assert (first.existing, first.release.version, first.release.level) == (False, "1.0.0", None)
        second = await definitions.publish(flow("b", description="x"), bump="auto")
        assert second.release.reasons == ("tasks.b is new",)
        shape = first.release.as_json()
        assert (shape["published_by"], shape["labels"]) == (ADA, {"team": "shop"})
        assert shape["published_at"] == "2026-01-01T00:00:00.000000Z"
        assert [str(change) for change in second.changes] == ["description is new", "tasks.b is new"]
        stored = await definitions.versions("flow")
        assert stored == [second.release, first.release]


async def test_the_same_content_again_writes_nothing() -> None:
    async with Harness() as harness:
        engine = harness.engine
        first = await engine.definitions.publish(flow())
        again = await engine.definitions.publish(flow(), actor=ADA)
        assert again.existing and again.release == first.release
        with pytest.raises(VersionExists):
            await engine.definitions.publish(flow("b"))
        document = await engine.documents.get("default", VERSIONS, "flow@1.0.0")
        assert document is not None and document.version == 1


async def test_what_cannot_run_is_not_published() -> None:
    async with Harness() as harness:
        with pytest.raises(DefinitionInvalid) as refused:
            await harness.engine.definitions.publish(flow(tasks={"a": {"type": "nope"}}))
        assert refused.value.problems[0].code == "task-type-unknown"
        assert await harness.engine.definitions.workflows() == ([], None)


async def test_references_are_resolved_to_the_newest_that_they_mean() -> None:
    async with Harness() as harness:
        engine = harness.engine
        await publish(engine, "1.0.0", "1.4.0", "2.0.0-rc.1", "1.10.0", "0.9.0")
        found = [
            await resolved(engine, one) for one in ("flow", "flow@1", "flow@^1.4", "flow@1.4", "flow@0.9")
        ]
        assert found == ["1.10.0", "1.10.0", "1.10.0", "1.4.0", "0.9.0"]
        assert await resolved(engine, "flow@2.0.0-rc.1") == "2.0.0-rc.1"
        with pytest.raises(VersionNotFound, match=r"1\.10\.0"):
            await resolved(engine, "flow@2")
        with pytest.raises(WorkflowNotFound):
            await resolved(engine, "other@1.0.0")
        with pytest.raises(WorkflowNotFound):
            await engine.definitions.resolve("flow", "team")


async def test_what_is_archived_is_found_only_if_it_is_named_whole() -> None:
    async with Harness() as harness:
        engine, definitions = harness.engine, harness.engine.definitions
        await publish(engine, "1.0.0", "1.1.0")
        marked = await definitions.archive("flow@1.1.0")
        assert marked.archived and await resolved(engine, "flow") == "1.0.0"
        assert (await definitions.get("flow")).latest == "1.0.0"
        assert await resolved(engine, "flow@1.1.0") == "1.1.0"
        with pytest.raises(WorkflowArchived):
            await resolved(engine, "flow@1.1")
        await definitions.archive("flow")
        for reference in ("flow", "flow@1"):
            with pytest.raises(WorkflowArchived):
                await resolved(engine, reference)
        assert await resolved(engine, "flow@1.0.0") == "1.0.0"
        await definitions.archive("flow", undo=True)
        await definitions.archive("flow@1.1.0", undo=True)
        await definitions.archive("flow@1.1.0", undo=True)
        assert await resolved(engine, "flow") == "1.1.0"
        for loose in ("flow@1", "flow@latest", "flow@^1.0"):
            with pytest.raises(VersionNotFound, match="whole"):
                await definitions.archive(loose)
        assert not (await definitions.get("flow")).archived


async def test_the_next_version_counts_archived_ones() -> None:
    async with Harness() as harness:
        await publish(harness.engine, "1.0.0", "1.1.0")
        await harness.engine.definitions.archive("flow@1.1.0")
        made = await harness.engine.definitions.publish(flow("b"), bump="auto")
        assert (made.release.version, made.release.since) == ("1.2.0", "1.1.0")


async def test_labels_come_and_go() -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        await publish(harness.engine, "1.0.0")
        await definitions.label("flow", {"a": "1", "b": "2"})
        await definitions.label("flow", {"a": None, "c": "3"})
        await definitions.label("flow@1.0.0", {"x": "y"})
        assert (await definitions.get("flow")).labels == {"b": "2", "c": "3"}
        [version] = await definitions.versions("flow")
        assert version.labels == {"x": "y"}
        assert (await definitions.publish(flow("b"), bump="auto")).release.labels == {}
        assert (await definitions.get("flow")).labels == {"b": "2", "c": "3"}


async def test_namespaces_keep_their_names_apart() -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        await definitions.publish(flow())
        await definitions.publish(flow("b"), namespace="team")
        for namespace, tasks in (("default", 1), ("team", 2)):
            found = await definitions.resolve("flow", namespace)
            assert len(found.definition["tasks"]) == tasks
            page, _ = await definitions.workflows(namespace)
            assert [one.versions for one in page] == [1]
        started = await harness.engine.start("flow", namespace="team")
        assert len((await harness.finish(started))["tasks"]) == 2


async def test_names_come_in_pages_and_versions_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harmonia_core.definitions.shelf.PAGE", 2)
    async with Harness() as harness:
        definitions = harness.engine.definitions
        for name in ("c", "a", "b"):
            await definitions.publish({**flow(), "name": name})
        page, cursor = await definitions.workflows(limit=2)
        rest, end = await definitions.workflows(limit=2, cursor=cursor)
        assert ([one.name for one in (*page, *rest)], end) == (["a", "b", "c"], None)
        await publish(harness.engine, *(f"1.{minor}.0" for minor in range(5)))
        assert len(await definitions.versions("flow")) == 5
        for name in ("z", "y", "x"):
            await definitions.drafts.save({"name": name})
        assert [one.name for one in await definitions.drafts.list()] == ["x", "y", "z"]


async def test_an_execution_is_started_by_name_and_pinned() -> None:
    async with Harness() as harness:
        engine = harness.engine
        release = (await engine.definitions.publish(flow(version="1.4.0"))).release
        view = await harness.finish(await engine.start("flow@^1.2"))
        assert view["status"] == "completed"
        assert view["workflow"] == {"name": "flow", "version": "1.4.0", "hash": release.hash}
        with pytest.raises(VersionNotFound):
            await engine.start("flow@2")


async def test_a_draft_is_worked_on_and_published() -> None:
    async with Harness() as harness:
        drafts = harness.engine.definitions.drafts
        draft = await drafts.save({"name": "flow", "tasks": "not yet"}, if_revision=0, actor=ADA)
        assert (draft.revision, draft.by) == (1, ADA)
        with pytest.raises(DraftChanged, match="revision 1"):
            await drafts.save(flow(), if_revision=0)
        with pytest.raises(DefinitionInvalid):
            await harness.engine.definitions.publish_draft("flow")
        assert (await drafts.save(flow("b"), if_revision=1)).revision == 2
        assert [one.data for one in await drafts.list()] == [flow("b")]
        with pytest.raises(DraftChanged):
            await harness.engine.definitions.publish_draft("flow", if_revision=1)
        made = await harness.engine.definitions.publish_draft("flow", if_revision=2, actor=ADA)
        assert (made.release.version, made.release.by) == ("1.0.0", ADA)
        with pytest.raises(DraftNotFound):
            await drafts.get("flow")
        await drafts.save(flow("b"))
        assert (await harness.engine.definitions.publish_draft("flow")).existing
        with pytest.raises(DraftNotFound):
            await harness.engine.definitions.publish_draft("flow")
        await drafts.save(flow())
        with pytest.raises(DraftChanged):
            await drafts.drop("flow", if_revision=7)
        await drafts.drop("flow", if_revision=1)
        with pytest.raises(DefinitionInvalid):
            await drafts.save({"tasks": {}})


async def test_a_draft_that_moves_while_it_is_published_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        await definitions.drafts.save(flow())
        releases = Shelf.releases

        async def meanwhile(shelf: Shelf, name: str) -> Any:
            monkeypatch.undo()
            await definitions.drafts.save(flow("b"))
            return await releases(shelf, name)

        monkeypatch.setattr(Shelf, "releases", meanwhile)
        with pytest.raises(DraftChanged, match="revision 2"):
            await definitions.publish_draft("flow")
        assert (await definitions.drafts.get("flow")).data == flow("b")
        with pytest.raises(WorkflowNotFound):
            await definitions.get("flow")


async def test_a_publisher_who_saw_too_little_decides_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        await publish(harness.engine, "1.0.0")
        releases = Shelf.releases

        async def then(shelf: Shelf, name: str) -> Any:
            monkeypatch.undo()
            seen = await releases(shelf, name)
            await publish(harness.engine, "1.1.0")
            return seen

        monkeypatch.setattr(Shelf, "releases", then)
        await publish(harness.engine, "1.0.5")
        about = await definitions.get("flow")
        assert (about.latest, about.versions) == ("1.1.0", 3)


async def test_a_version_in_between_is_compared_with_the_one_below_it() -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        await definitions.publish(flow("b", version="1.0.0"))
        await definitions.publish(flow(version="2.0.0"))
        patched = await definitions.publish(flow("b", version="1.0.1", description="x"))
        assert (patched.release.since, patched.release.level) == ("1.0.0", "patch")
        first = await definitions.publish(flow(version="0.9.0"))
        assert (first.release.since, first.release.level, first.changes) == (None, None, ())
        assert await resolved(harness.engine, "flow") == "2.0.0"


async def test_a_diff_of_versions_is_text_changes_and_what_becomes_of_tasks() -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        await definitions.publish(flow("b"))
        await definitions.publish(flow("c"), bump="auto")
        diff = await definitions.diff("flow@1.0.0", "flow")
        assert (diff.old.version, diff.new.version) == ("1.0.0", "2.0.0")
        assert "--- flow@1.0.0\n+++ flow@2.0.0\n" in diff.text and "-  b:\n+  c:" in diff.text
        assert [(one.level, str(one)) for one in diff.changes] == [
            ("major", "tasks.b is gone"), ("minor", "tasks.c is new"),
        ]  # fmt: skip
        assert diff.compatibility.counts == {"same": 1, "missing": 1, "added": 1}
        same = await definitions.diff("flow", "flow")
        assert (same.text, same.changes, same.compatibility.maps) == ("", (), True)


async def test_what_runs_on_other_versions_is_counted_and_judged() -> None:
    waiting = {"type": "wait", "input": {"duration": 60}}
    async with Harness() as harness:
        engine = harness.engine
        await engine.definitions.publish(flow(tasks={"a": waiting}))
        begun = [await engine.start("flow") for _ in range(2)]
        begun.append(await engine.start(flow(tasks={"a": waiting, "b": waiting}, version="0.1.0")))
        made = await engine.definitions.publish(flow(tasks={"a": waiting, "c": waiting}), bump="auto")
        begun.append(await engine.start("flow"))
        running = await engine.definitions.running(made.release.key)
        assert [(one.version, one.executions) for one in running] == [("0.1.0", 1), ("1.0.0", 2)]
        assert [one.match.maps for one in running if one.match] == [False, True]
        for execution_id in begun:
            await harness.finish(execution_id)
        assert await engine.definitions.running("flow") == []


async def test_a_content_that_was_touched_is_refused() -> None:
    async with Harness() as harness:
        engine = harness.engine
        release = (await engine.definitions.publish(flow())).release
        await engine.documents.put("default", CONTENTS, release.hash, flow("b"))
        with pytest.raises(StateCorrupt, match="damaged"):
            await engine.start("flow")
        await engine.documents.delete("default", CONTENTS, release.hash)
        with pytest.raises(StateCorrupt, match="missing"):
            await engine.definitions.resolve("flow@1.0.0")


async def test_marks_made_at_once_are_all_kept() -> None:
    async with Harness() as harness:
        definitions = harness.engine.definitions
        await publish(harness.engine, "1.0.0")
        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(definitions.label, "flow", {f"l{number}": "x"})
        assert len((await definitions.get("flow")).labels) == 6
