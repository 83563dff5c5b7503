"""The store's file goes away under a running process: it ends with one clear message and makes no new one."""

import signal

from programs import Place, Program, task, until
from test_bad_store import AT_ONCE, goes_on, refused


def noticed(program: Program) -> None:
    """Wait until the process has said what happened to its store."""
    until(lambda: "has been deleted or moved away" in program.stderr, about="for the loss to be noticed")


def test_a_deleted_store_ends_the_run_and_is_not_made_anew(place: Place) -> None:
    place.environment.update(AT_ONCE)
    program = place.start("run", place.define({"held": task("hold"), "last": task("mark", ["held"])}))
    place.begun("held", program)
    place.database.unlink()
    noticed(program)
    program.send(signal.SIGINT)
    program.ended()
    refused(place, program, "store-unavailable", "has been deleted or moved away")
    assert not place.database.exists() and [mark.path for mark in place.marks()] == ["held"]


def test_a_store_that_was_moved_away_goes_on_from_where_it_is_put_back(place: Place) -> None:
    place.environment.update(AT_ONCE)
    file = place.define(
        {"first": task("mark"), "held": task("hold", ["first"]), "last": task("mark", ["held"])}
    )
    program = place.start("run", file)
    place.begun("held", program)
    execution_id = place.execution()
    away = place.database.rename(place.folder / "away.db")
    noticed(program)
    place.let_through(program)
    program.ended()
    refused(place, program, "store-unavailable", "has been deleted or moved away", "put the file back")
    assert not place.database.exists()
    away.rename(place.database)
    goes_on(place, execution_id)
