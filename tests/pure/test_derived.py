"""What the batches of an execution wrote adds up to what its whole log demands."""

from random import Random
from typing import Any

from building import EXECUTION, Play, each, graph, mapped, task
from hypothesis import given, settings
from hypothesis import strategies as st
from test_laws import FREE, Life

from harmonia_core.contracts.rows import ExecutionRow, TaskRow
from harmonia_core.engine.derived import Derivation
from harmonia_core.engine.projections import task_rows

HEAD = ExecutionRow(
    EXECUTION, "team", "?", "?", "?", "?", "?", 0, 7, "me", 9.0, None, None, "?", "p", "o", "[]", None, None
)


def written(play: Play) -> dict[tuple[str, int], TaskRow]:
    """Return the rows as the batches left them."""
    rows: dict[tuple[str, int], TaskRow] = {}
    for batch in play.batches:
        for row in task_rows(batch.first, batch.state, batch.recorded):
            rows[row.scope, row.position] = row
    return rows


def derived(play: Play) -> tuple[Derivation, dict[tuple[str, int], TaskRow]]:
    derivation = Derivation(play.graph, EXECUTION)
    rows = [row for recorded in play.log if (row := derivation.take(recorded))]
    rows += derivation.tasks()
    found = {(row.scope, row.position): row for row in rows}
    assert len(found) == len(rows), "a row is given once"
    return derivation, found


@settings(max_examples=60, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 40), st.booleans())
def test_every_life_leaves_the_rows_that_its_log_demands(random: Random, steps: int, whole: bool) -> None:
    life = Life(random)
    life.live(steps)
    if whole:
        life.finish()
    derivation, rows = derived(life)
    assert rows == written(life)
    assert {(row.path, row.kind): row for row in derivation.timers()} == life.timers
    assert derivation.state == life.state


def head(play: Play, **stood: Any) -> ExecutionRow:
    return derived(play)[0].head(HEAD._replace(**stood))


def test_a_head_has_what_the_log_says_and_keeps_its_truths() -> None:
    play = Play(graph(task("a")))
    found = head(play)
    assert (found.workflow, found.version, found.definition_hash) == ("w", "1", "sha256:d")
    assert (found.status, found.created_at, found.started_at, found.ended_at) == ("running", 0.0, 0.0, None)
    assert (found.root_id, found.labels, found.reason, found.error) == (EXECUTION, "{}", None, None)
    kept = ("namespace", "seq", "epoch", "owner", "parent_id", "origin")
    assert [getattr(found, name) for name in kept] == [getattr(HEAD, name) for name in kept]
    play.now = 3.0
    play.fail("a")
    failed = head(play)
    assert (failed.status, failed.ended_at) == ("failed", 3.0) and '"code":"boom"' in (failed.error or "")


def test_a_head_without_a_first_event_stays_as_it_stood() -> None:
    assert Derivation(graph(task("a")), EXECUTION).head(HEAD) == HEAD


def test_items_that_have_ended_are_given_as_they_end() -> None:
    play = Play(graph(mapped("m", item=each())), {("m", "input"): {"items": [1, 2]}})
    play.end("m[1]")
    derivation = Derivation(play.graph, EXECUTION)
    given = [row.path for recorded in play.log if (row := derivation.take(recorded))]
    assert given == ["m[1]"]
    assert [(row.path, row.status) for row in derivation.tasks()] == [("m", "running"), ("m[0]", "running")]
