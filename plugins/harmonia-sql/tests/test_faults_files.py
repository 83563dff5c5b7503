"""The file goes away under a running engine: that is noticed and said, and no new one is made there."""

import shutil

import anyio
import pytest

from harmonia_core import StateUnavailable
from harmonia_core.testing.state_backend_rows import execution_id, start, step
from harmonia_sql.sqlite import whereabouts

both_ways = pytest.mark.parametrize("in_place", ["auto", "never"])


@pytest.fixture(autouse=True)
def no_look_holds(monkeypatch):
    monkeypatch.setattr(whereabouts.Whereabouts.check, "__defaults__", (0.0,))


def delete(path):
    path.unlink()


def replace(path):
    other = path.with_name("other.db")
    other.write_bytes(path.read_bytes())
    other.rename(path)


def delete_log(path):
    path.with_name("harmonia.db-wal").unlink()


def remove_folder(path):
    shutil.rmtree(path.parent)


@both_ways
@pytest.mark.parametrize("harm", [delete, replace, delete_log, remove_folder])
async def test_a_file_that_is_gone_or_another_takes_no_more_commits(path, opened, in_place, harm):
    backend = await opened(in_place=in_place)
    await backend.commit(start(1))
    harm(path)
    with pytest.raises(
        StateUnavailable, match=f"{path} is in use and has been (deleted|replaced).*put the file back"
    ):
        await backend.commit(step(1, 1))
    with pytest.raises(StateUnavailable, match="has been"):
        await backend.upload("u", 0, b"x")
    health = await backend.health()
    assert (health["ok"], health["code"]) == (False, "store-unavailable")


@both_ways
async def test_a_file_that_was_moved_away_and_comes_back_goes_on(path, opened, in_place):
    backend = await opened(in_place=in_place)
    await backend.commit(start(1))
    away = path.rename(path.with_name("away.db"))
    with pytest.raises(StateUnavailable):
        await backend.commit(step(1, 1))
    away.rename(path)
    assert (await backend.health())["ok"] is True
    await backend.commit(step(1, 1))
    assert [row.seq for row in await backend.events(execution_id(1))] == [1, 2]


async def test_nobody_makes_an_empty_database_where_one_was(path, opened):
    backend = await opened()
    await backend.commit(start(1))
    path.unlink()
    with pytest.raises(StateUnavailable, match=f"{path} (is in use and has been deleted|is not there)"):
        await backend.head(execution_id(1))
    await backend.close()
    assert not path.exists()


async def test_an_idle_engine_notices_too_and_says_so_once(path, opened, caplog):
    backend = await opened()
    path.unlink()
    looked = backend._opened.writer._looked
    with anyio.fail_after(10):
        while backend._opened.writer._looked < looked + 0.25:
            await anyio.sleep(0.01)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"{path} is in use and has been deleted" in caplog.text


def test_a_look_is_not_repeated_at_each_commit(path, monkeypatch):
    path.touch()
    place = whereabouts.Whereabouts(path)
    path.unlink()
    place.check(holds=10.0)
    with pytest.raises(StateUnavailable):
        place.check(holds=0.0)
