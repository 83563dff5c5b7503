"""Every log that a version has written folds to what it was, and goes on to its recorded end."""

from dataclasses import replace
from pathlib import Path

import pytest
from checks import catalog, check_end, check_fold, check_graph, graph_of
from history import FOLDER, History, from_text, stored, to_text
from playing import states

from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.loading import to_recorded
from harmonia_core.model.codec import EVENT_TYPES, decode, encode
from harmonia_core.model.snapshot import load
from harmonia_core.model.statuses import FINAL_EXECUTION

pytestmark = pytest.mark.anyio
HISTORIES = stored()
OPEN = [history for history in HISTORIES if history.steps]
SNAPSHOTS = [history for history in HISTORIES if history.snapshot]
ENOUGH_KILOBYTES = 400

each = pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.id)


@pytest.fixture(scope="module")
def known() -> Catalog:
    return catalog()


def test_there_are_enough_of_them_and_half_are_unfinished() -> None:
    assert len(HISTORIES) >= 16 and len(OPEN) * 2 >= len(HISTORIES)
    assert all((history.head.status in FINAL_EXECUTION) == (not history.steps) for history in HISTORIES)
    assert sum(path.stat().st_size for path in FOLDER.glob("*/*.jsonl")) < ENOUGH_KILOBYTES * 1024


def test_every_shape_of_every_event_occurs() -> None:
    """An event that is missing needs a scenario; a new `V` needs histories of its own (docs/histories.md)."""
    found = {(row.type, row.v) for history in HISTORIES for row in history.events}
    written = {(name, v) for name, kind in EVENT_TYPES.items() for v in range(1, kind.V + 1)}
    assert written - found == set()


@each
def test_it_is_the_file_that_it_reads_as(history: History) -> None:
    path = FOLDER / history.written_by / f"{history.name}.jsonl"
    assert to_text(history) == path.read_text("utf-8")


@each
def test_its_events_decode_and_can_be_written_again(history: History) -> None:
    for row in history.events:
        event = to_recorded(row).event
        assert decode(row.type, event.V, encode(event)) == event
        assert row.v < event.V or encode(event).decode() == row.data


@each
def test_it_folds_to_the_recorded_state(history: History, known: Catalog) -> None:
    check_graph(history, known)
    check_fold(history, known)


@each
async def test_it_comes_to_its_recorded_end(history: History, known: Catalog) -> None:
    await check_end(history, known, "memory://")


@each
async def test_it_comes_to_its_recorded_end_on_sqlite(
    history: History, known: Catalog, tmp_path: Path
) -> None:
    await check_end(history, known, f"sqlite:///{tmp_path / 'store.db'}?synchronous=normal")


@pytest.mark.parametrize("history", SNAPSHOTS, ids=lambda history: history.id)
def test_a_snapshot_is_the_fold_or_nothing(history: History, known: Catalog) -> None:
    assert history.snapshot is not None
    graph = graph_of(history, known)
    seq, text = history.snapshot
    assert 0 < seq < history.head.seq
    assert load(graph, text) in (None, states(graph, history)[seq])


@pytest.mark.parametrize("text", [b'{"format":1}', b'{"format":999,"tasks":{}}', b"[]", b"\x28\xb5\x2f\xfd"])
async def test_a_snapshot_that_cannot_be_read_is_ignored(text: bytes, known: Catalog) -> None:
    history = next(history for history in SNAPSHOTS)
    assert history.snapshot is not None
    await check_end(replace(history, snapshot=(history.snapshot[0], text)), known, "memory://")


def test_a_file_of_another_format_is_not_read() -> None:
    text = to_text(HISTORIES[0])
    with pytest.raises(AssertionError):
        from_text(text.replace('"format":1', '"format":2', 1))
