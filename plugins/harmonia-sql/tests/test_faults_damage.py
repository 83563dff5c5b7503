"""Damage in the middle: what is whole can still be read, what is not is said, and a cut log ends earlier."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from harmonia_core import StateCorrupt
from harmonia_core.testing.state_backend_rows import event_row, execution_id, start, step
from harmonia_sql import SQLITE
from harmonia_sql.sqlite import log_room
from harmonia_sql.sqlite.whereabouts import log_of

MARK = "here-it-is"


def marked(number):
    unit = start(number)
    data = f'"{MARK}-{number:03}{"x" * 2000}"'
    unit.events.append(event_row(number, 2, data=data))
    return unit


def damage_page_of(path, number):
    """Overwrite the page that holds an execution's second event; return what stood there, and where."""
    content = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        [size] = connection.execute("PRAGMA page_size").fetchone()
    place = content.index(f"{MARK}-{number:03}".encode()) // size * size
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xaa" * size)
    return place, content[place : place + size]


async def test_one_damaged_page_costs_what_is_on_it(path, opened):
    backend = await opened()
    for number in range(60):
        await backend.commit(marked(number))
    await backend.close()
    place, good = damage_page_of(path, 30)
    again = await opened("engine-b")
    assert (await again.health())["ok"] is True
    with pytest.raises(StateCorrupt, match=f"{path} is damaged.*Restore it from a backup"):
        await again.events(execution_id(30))
    assert len(await again.events(execution_id(5))) == 2
    await again.commit(step(5, 2, expected_seq=1))
    assert len(await again.unfinished()) == 60
    health = await again.health()
    assert (health["ok"], health["code"]) == (False, "store-corrupt")
    assert str(path) in health["error"]
    assert "store-damaged" in {problem.code for problem in await again.verify()}
    await again.close()
    with path.open("r+b") as file:
        file.seek(place)
        file.write(good)
    mended = await opened("engine-c")
    assert len(await mended.events(execution_id(30))) == 2
    assert (await mended.health())["ok"] is True


@pytest.fixture
async def crashed(path, opened, tmp_path, monkeypatch):
    """Return a folder with the files as a killed process leaves them: 40 steps, all in the log."""
    monkeypatch.setattr(log_room, "ROOM", 0)
    backend = await opened()
    # An open reader's transaction keeps the log from being brought into the file.
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM execution").fetchone()
        await backend.commit(start(1))
        for seq in range(1, 40):
            await backend.commit(step(1, seq))
        left = tmp_path / "left"
        left.mkdir()
        for file in (path, log_of(path)):
            shutil.copy(file, left / file.name)
    return left


async def whole_at(path):
    """Open a database; return how many events the execution has, after comparing them with the head."""
    backend = SQLITE.create(f"sqlite:///{path}", "auto")
    await backend.open(None)
    try:
        head = await backend.head(execution_id(1))
        events = [row.seq for row in await backend.events(execution_id(1))]
        assert events == list(range(1, (head.seq if head else 0) + 1))
        assert await backend.verify() == []
        assert (await backend.health())["ok"] is True
        return len(events)
    finally:
        await backend.close()


def harmed(crashed, folder, harm):
    """Copy what was left, harm the log, and return the database's path."""
    folder.mkdir()
    for file in crashed.iterdir():
        shutil.copy(file, folder / file.name)
    harm(log_of(folder / "harmonia.db"))
    return folder / "harmonia.db"


async def test_a_log_that_was_cut_ends_at_a_commit(crashed, tmp_path):
    size = log_of(crashed / "harmonia.db").stat().st_size
    found = []
    for part in range(13):
        length = size * part // 12

        def cut(log, length=length):
            with log.open("r+b") as file:
                file.truncate(length)

        found.append(await whole_at(harmed(crashed, tmp_path / f"cut{part}", cut)))
    assert found == sorted(found) and found[0] == 0 and found[-1] == 40
    assert len(set(found)) > 6


async def test_a_log_with_a_wrong_byte_ends_before_it(crashed, tmp_path):
    def flip(log):
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 0x40
        log.write_bytes(content)

    assert 0 < await whole_at(harmed(crashed, tmp_path / "flipped", flip)) < 40


async def test_a_log_of_nothing_but_rubbish_is_no_log(crashed, tmp_path):
    database = harmed(crashed, tmp_path / "rubbish", lambda log: log.write_bytes(b"\xaa" * 50_000))
    assert await whole_at(database) == 0
