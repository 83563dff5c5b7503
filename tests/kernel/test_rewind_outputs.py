"""Outputs of items that were taken over: kept as a blob, and read beside the rows of the items that ran."""

from typing import Any

import pytest
from pydantic_core import from_json, to_json

from harmonia_core import TaskContext, task_type
from harmonia_core.engine.loading import Loader
from harmonia_core.engine.rewind import FromTasks, Origin, Rewound, placed, rewind
from harmonia_core.engine.rolling import restored
from harmonia_core.host import KernelSettings
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.snapshot import dump
from harmonia_core.testing.harness import Harness

pytestmark = pytest.mark.anyio
SIZE = 2_000


@task_type("work")
async def work(ctx: TaskContext, input: dict[str, Any]) -> Any:
    """Return what it is told, large for some."""
    return {"n": input["n"], "text": "x" * (SIZE if input["n"] % 2 else 0)}


DEFINITION = {
    "name": "rows",
    "tasks": {
        "m": {
            "type": "map",
            "input": {"items": [0, 1, 2, 3, 4]},
            "task": {"type": "work", "input": {"n": "${item}"}},
        },
        "after": {"type": "noop", "depends_on": ["m"]},
    },
}


async def origin(run: Harness) -> tuple[Loader, Origin]:
    """Return the past of an execution that has ended."""
    view = await run.run(DEFINITION)
    assert view["status"] == "completed"
    loader = run.engine._loader
    [row] = await run.engine._loader._backend.heads([view["id"]])
    graph = await loader.graph(row, True)
    beginning = await loader.beginning("default", graph, row.execution_id)
    return loader, Origin(graph, beginning, tuple(await loader.events(row.execution_id)))


async def kept(
    run: Harness, loader: Loader, past: Origin, rewound: Rewound
) -> tuple[Rewound, dict[str, bytes]]:
    """Keep what a rewound state needs in blobs of its own, as far as this test has a store."""
    blobs, refs = {}, {}
    for need in rewound.needs:
        text = to_json(await loader.kept(past.beginning, "default", need))
        blobs[address := f"sha256:{need.path}"] = text
        refs[need.path] = BlobRef(address, len(text))
    return placed(rewound, refs), blobs


@pytest.mark.parametrize("paths", [("m[3]",), ("m[1]", "m[2]")])
async def test_outputs_that_were_taken_over_stand_for_missing_rows(
    paths: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Harness(work, settings=KernelSettings(inline_limit=1_000)) as run:
        loader, past = await origin(run)
        whole = await loader.value(past.beginning, "default", ItemsRef("m", 5))
        rewound, blobs = await kept(run, loader, past, rewind(past, FromTasks(paths)))
        [pairs] = [from_json(text) for text in blobs.values()]
        again = [int(path[2]) for path in paths]
        assert pairs == [[index, whole[index]] for index in range(5) if index not in again]
        state = restored(past.graph, "child", from_json(dump(rewound.state)))
        items = state.scope.task(0).items
        assert items is not None
        stored = run.engine._loader._backend.blob

        async def blob(namespace: str, address: str) -> bytes | None:
            return blobs.get(address) or await stored(namespace, address)

        monkeypatch.setattr(run.engine._loader._backend, "blob", blob)
        # No item of the child has run yet: what runs again is null, and everything else is there.
        ref = ItemsRef("m", 5, None, 0, items.prior)
        found = await loader.value(state, "default", ref)
        assert found == [None if index in again else whole[index] for index in range(5)]
        # A page of it, as reducing reads them; and rows of an execution stand before what was taken over.
        assert await loader.value(state, "default", ItemsRef("m", 2, None, 3, items.prior)) == found[3:]
        own = ItemsRef("m", 5, past.log[0].execution_id, 0, items.prior)
        assert await loader.value(state, "default", own) == whole


async def test_a_whole_map_is_kept_as_a_list() -> None:
    async with Harness(work) as run:
        loader, past = await origin(run)
        rewound, blobs = await kept(run, loader, past, rewind(past, FromTasks(("after",))))
        task = rewound.state.scope.task(0)
        assert type(task.output) is BlobRef
        assert [one["n"] for one in from_json(blobs[task.output.address])] == [0, 1, 2, 3, 4]
