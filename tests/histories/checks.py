"""What holds for every history, whoever wrote it: it decodes, folds to what was recorded, and goes on."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from history import History, end_of
from playing import Stage, put, states
from pydantic_core import from_json
from workers import Workers

from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.loading import to_recorded
from harmonia_core.engine.views import execution_view
from harmonia_core.host import KernelSettings, load_plugins
from harmonia_core.model.events import Beginning
from harmonia_core.model.graph import Graph


def catalog() -> Catalog:
    """Return a catalog that knows the task types of the histories."""
    settings = KernelSettings()
    return Catalog(load_plugins(settings, extra=Workers(False, {}).types()), settings)


def graph_of(history: History, known: Catalog) -> Graph:
    """Return the compiled definition of a history."""
    text = history.blobs[history.head.definition_hash]
    assert history.head.definition_hash == f"sha256:{sha256(text).hexdigest()}"
    return known.compile_stored(from_json(text), strict=True)


def lacking(wanted: Any, found: Any, place: str = "") -> list[str]:
    """Return where a shape differs from what was recorded; keys that came later are no difference."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        missing = [f"{place}.{key} is missing" for key in wanted.keys() - found.keys()]
        shared = [key for key in wanted if key in found]
        return missing + [
            fault for key in shared for fault in lacking(wanted[key], found[key], f"{place}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [fault for n, pair in pairs for fault in lacking(*pair, f"{place}[{n}]")]
    return [] if wanted == found else [f"{place} was {wanted!r}, is {found!r}"]


def check_fold(history: History, known: Catalog) -> None:
    """Assert that the log of a history folds to the state that was recorded with it."""
    graph = graph_of(history, known)
    state = states(graph, history)[-1]
    assert state.seq == history.head.seq == len(history.events)
    view = execution_view(history.head, state, None) | {"owner": None}
    assert lacking(history.state, view) == []


def check_graph(history: History, known: Catalog) -> None:
    """Assert that the definition compiles to the graph that the execution began with."""
    started = to_recorded(history.events[0]).event
    assert isinstance(started, Beginning)
    assert started.graph_hash == graph_of(history, known).graph_hash


async def check_end(history: History, known: Catalog, url: str) -> None:
    """Assert that an engine which finds the rows of a history brings it to the recorded end."""
    stage = Stage(url, tokens=dict(history.tokens), now=history.events[-1].at)
    execution_id = history.head.execution_id
    async with stage.engine() as harness:
        await put(harness.engine.backend, history, graph_of(history, known))
        assert lacking(history.state, await harness.engine.get(execution_id) | {"owner": None}) == []
        await stage.take(harness, execution_id, history.steps)
        view = await harness.engine.get(execution_id)
        assert lacking(history.end, end_of(view)) == []
        if not history.steps:
            assert (await harness.engine.recover()).adopted == []
            rows = await harness.engine.backend.events(execution_id)
            assert tuple(rows) == history.events and view["seq"] == history.head.seq
