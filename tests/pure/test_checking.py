"""Rows compared by sums and one by one, heads by meaning, snapshots by what they load to."""

from building import EXECUTION, Play, graph, mapped, task
from test_derived import HEAD

from harmonia_core.contracts.rows import TaskRow, TimerRow
from harmonia_core.engine.checking import (
    AllBlocks,
    Rows,
    blobs_of,
    capped,
    differing,
    head_problems,
    row_problems,
    snapshot_problem,
    span,
    timer_problems,
)
from harmonia_core.errors import Problem
from harmonia_core.model.events import Answered, TaskSucceeded
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.snapshot import dump


def item(position: int, **changes: object) -> TaskRow:
    row = TaskRow("x", "m", position, f"m[{position}]", "work", "running", None, 1, 1.0, None, None, None)
    return row._replace(**changes)  # type: ignore[arg-type]


def gathered(*rows: TaskRow, wanted: object = ()) -> Rows:
    found = Rows(wanted)  # type: ignore[arg-type]
    found.take(rows)
    return found


def test_blocks_differ_where_a_row_differs_is_missing_or_is_too_many() -> None:
    all_rows = [item(n) for n in range(1000)]
    whole = gathered(*all_rows)
    assert differing(whole, gathered(*all_rows[::-1])) == [], "whatever the order"
    assert len(whole.sums) == 4 and not whole.kept
    assert differing(whole, gathered(*all_rows[:300], *all_rows[301:])) == [("m", 1)]
    assert differing(whole, gathered(*all_rows, item(1024))) == [("m", 4)]
    changed = [item(n, attempt=2) if n in (0, 999) else item(n) for n in range(1000)]
    assert differing(whole, gathered(*changed)) == [("m", 0), ("m", 3)]


def test_rows_of_wanted_blocks_are_kept_and_compared_field_by_field() -> None:
    wanted = {("m", 1)}
    stored = gathered(item(1), item(300), item(301, due=2.0), item(302), wanted=wanted)
    derived = gathered(item(1), item(300), item(301, attempt=3), item(303), wanted=wanted)
    assert sorted(stored.kept) == [("m", 300), ("m", 301), ("m", 302)]
    found = [(one.path, one.message) for one in row_problems("x", stored, derived)]
    assert found == [
        ("x/task/m[301]/attempt", "it says 1, the log 3"),
        ("x/task/m[301]/due", "it says 2.0, the log None"),
        ("x/task/m[302]", "it stands there, the log knows nothing of it"),
        ("x/task/m[303]", "it is missing"),
    ]
    assert len(gathered(item(1), item(9999), wanted=AllBlocks()).kept) == 2


def test_a_damaged_position_is_a_block_of_its_own() -> None:
    odd = item(1)._replace(position="odd")  # type: ignore[arg-type]
    assert differing(gathered(odd), gathered(item(1))) == [("m", -1), ("m", 0)]


def test_heads_are_compared_by_what_they_mean() -> None:
    stood = HEAD._replace(labels='{"a": 1, "b": 2}', owner="somebody", epoch=9)
    wanted = HEAD._replace(labels='{"b":2,"a":1}')
    assert list(head_problems(stood, wanted)) == []
    broken = [one.path for one in head_problems(stood._replace(labels="{"), wanted)]
    assert broken == [f"{EXECUTION}/execution/labels"]
    lost = list(head_problems(stood._replace(error="null", reason="x" * 99), wanted))
    assert [one.path.rpartition("/")[2] for one in lost] == ["reason", "error"]
    assert len(lost[0].message) < 100


def test_timers_are_missing_astray_or_moved() -> None:
    stored = [TimerRow("x", "a", "retry", 1.0), TimerRow("x", "b", "wait", 2.0)]
    derived = [TimerRow("x", "a", "retry", 9.0), TimerRow("x", "", "deadline", 3.0)]
    found = [(one.path, one.message) for one in timer_problems("x", stored, derived)]
    assert found == [
        ("x/timer/execution:deadline", "it is missing"),
        ("x/timer/a:retry/due", "it says 1.0, the log 9.0"),
        ("x/timer/b:wait", "it stands there, the log knows nothing of it"),
    ]


def test_a_snapshot_is_the_fold_or_it_is_not() -> None:
    play = Play(graph(task("a"), mapped("m")), {("m", "input"): {"items": [1, 2]}}, input={"t": (1, 2)})
    before = play.state
    assert snapshot_problem(before, dump(before)) is None
    play.end("m[0]")
    found = snapshot_problem(play.state, dump(before))
    assert found is not None and "seq" in found.message and "scope" in found.message
    assert snapshot_problem(before, b'{"format": 0}') is None, "another version's"
    unreadable = snapshot_problem(before, dump(before).replace(b'"tasks"', b'"tusks"'))
    assert unreadable is not None and "cannot be read" in unreadable.message


def test_references_in_an_event_are_those_to_blobs() -> None:
    ref = BlobRef("sha256:a", 3)
    assert list(blobs_of(TaskSucceeded("a", 1, ref))) == [ref]
    assert list(blobs_of(Answered("q", ref))) == [ref]
    assert list(blobs_of(TaskSucceeded("a", 1, ItemsRef("m", 2)))) == []
    assert list(blobs_of(TaskSucceeded("a", 1, {"$blob": "sha256:a", "size": 3}))) == []


def test_many_problems_are_counted() -> None:
    problems = [Problem("c", f"p{n}", "m") for n in range(5)]
    assert capped(iter(problems), 5, "x") == problems
    *first, last = capped(problems, 2, "x")
    assert first == problems[:2] and (last.code, last.path) == ("c", "x") and "3 more" in last.message


def test_spans_are_words() -> None:
    assert (span(3, 3), span(3, 5)) == ("seq 3 is", "seq 3 to 5 are")
