"""Timelines: no two stretches of a task at once, sums that are right, a chain that decided the end."""

from collections import defaultdict
from itertools import pairwise
from random import Random
from typing import Any

from building import ONCE_MORE, Play, graph, mapped, task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json
from test_laws import Life

from harmonia_core.engine.arrivals import Arrival, Due, Fact
from harmonia_core.engine.critical_path import Link, critical_path
from harmonia_core.engine.timeline import BACKOFF, ENDS, QUEUE, RUNNING, Timeline, timeline
from harmonia_core.engine.timeline_views import timeline_view
from harmonia_core.model import events as e
from harmonia_core.model.events import Recorded

FREE = {"deadline": None, "suppress_health_check": list(HealthCheck)}


class SlowLife(Life):
    """A life in which time passes between what happens."""

    def arrive(self, *arrivals: Arrival, only_record: bool = False) -> list[e.Event]:
        self.now += self.random.choice([0.0, 0.0, 0.5, 1.0, 3.0])
        return super().arrive(*arrivals, only_record=only_record)


def naive(log: list[Recorded], until: float) -> dict[str, float]:
    """Return for how long each task ran, by going through the log once for each."""
    found: dict[str, float] = {}
    for path in {getattr(one.event, "path", "") for one in log} - {""}:
        total, since = 0.0, None
        for one in log:
            kind = type(one.event).__name__
            if since is not None and kind.startswith("Execution") and kind in OVER:
                total, since = total + one.at - since, None
            if getattr(one.event, "path", "") != path or kind not in MOVES:
                continue
            if since is not None:
                total, since = total + one.at - since, None
            if kind == "TaskScheduled":
                since = one.at
        found[path] = total + (until - since if since is not None else 0.0)
    return found


OVER = ("ExecutionCompleted", "ExecutionFailed", "ExecutionCancelled", "ExecutionCompensated")
MOVES = ("TaskScheduled", "TaskDeferred", "TimerSet", "MessageAwaited", "ApprovalRequested", "RetryScheduled",
         "AttemptLost", "TaskAttention", "TaskSucceeded", "TaskFailed", "TaskSkipped", "TaskUnreachable",
         "TaskCancelled", "ChildRequested")  # fmt: skip


@settings(max_examples=15, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 30), st.booleans())
def test_stretches_follow_one_another_and_the_path_is_a_chain(random: Random, steps: int, end: bool) -> None:
    life = SlowLife(random)
    life.live(steps)
    if end:
        life.finish()
    now = life.now + 2.0
    line = timeline(life.graph, life.log, now)
    assert line.over is life.final and line.end == (life.log[-1].at if life.final else now)
    ran, ends = naive(life.log, line.end), defaultdict(set)
    for one in life.log:
        if type(one.event).__name__ in ENDS:
            ends[one.event.path].add(one.at)  # type: ignore[attr-defined]
    for track in line.tracks.values():
        for one, other in pairwise(track.spans):
            assert one.end == other.start or (one.end < other.start and one.end in ends[track.path]), track
        assert all(line.start <= span.start < span.end <= line.end for span in track.spans)
        assert abs(track.totals.get(RUNNING, 0.0) - ran[track.path]) < 1e-6, track
    chained(critical_path(line), line.start, line.end)
    assert to_json(timeline_view(line))


def chained(links: tuple[Link, ...], start: float, end: float) -> None:
    assert sum(link.seconds for link in links) <= end - start + 1e-6
    for one, other in pairwise(links):
        assert one.end <= other.start + 1e-9
    for link in links:
        assert start <= link.start <= link.end <= end
        assert sum(link.kinds.values()) <= link.seconds + 1e-6
        chained(link.inside, link.start, link.end)


def told(line: Timeline, path: str) -> list[tuple[str, float, float]]:
    return [(span.kind, span.start, span.end) for span in line.tracks[path].spans]


def test_attempts_waits_and_backoff_of_one_task() -> None:
    play = Play(graph(task("a"), task("b", "a", retry=ONCE_MORE)))
    play.now = 2.0
    play.end("a")
    play.now = 5.0
    play.end("b", "failed")
    play.now = 15.0
    play.arrive(Due("b", "retry", 0.0))
    play.now = 16.0
    play.end("b")
    line = timeline(play.graph, play.log, 99.0)
    assert told(line, "b") == [
        ("dependencies", 0.0, 2.0), (RUNNING, 2.0, 5.0), (BACKOFF, 5.0, 15.0), (RUNNING, 15.0, 16.0),
    ]  # fmt: skip
    assert [span.attempt for span in line.tracks["b"].spans] == [0, 1, 1, 2]
    assert line.tracks["b"].retries == 1 and line.over and line.end == 16.0
    assert [(link.path, link.seconds) for link in critical_path(line)] == [("a", 2.0), ("b", 14.0)]


def test_a_lost_attempt_and_one_that_still_runs() -> None:
    play = Play(graph(task("a")))
    play.now = 3.0
    play.flying.clear()
    play.arrive(Fact(e.ExecutionAdopted("other", 2)), Fact(e.AttemptLost("a", 1)))
    line = timeline(play.graph, play.log, 10.0)
    assert line.tracks["a"].losses == 1 and not line.over and line.adoptions == [(3.0, "other")]
    assert told(line, "a") == [(RUNNING, 0.0, 3.0), (RUNNING, 3.0, 10.0)]


def test_a_window_is_a_wait_for_its_turn() -> None:
    play = Play(graph(task("a"), task("b"), window=1))
    play.now = 4.0
    play.end("a")
    play.now = 6.0
    play.end("b")
    line = timeline(play.graph, play.log, 6.0)
    assert told(line, "b") == [(QUEUE, 0.0, 4.0), (RUNNING, 4.0, 6.0)]


def test_what_no_version_knows_is_passed_over_and_a_limit_is_named() -> None:
    class SlotsRequested(e.Event):
        path, attempt = "a", 1

    class SlotsGranted(e.Event):
        path, attempt = "a", 1

    class ExecutionPaused(e.Event):
        pass

    class ExecutionResumed(e.Event):
        pass

    class Weather(e.Event):
        path = "a"

    of = graph(task("a"))
    events = [
        SlotsRequested(), Weather(), SlotsGranted(), e.TaskScheduled("a", 1), ExecutionPaused(),
        ExecutionResumed(), e.TaskSucceeded("a", 1, None), e.ExecutionCompleted(None),
    ]  # fmt: skip
    log = [Recorded("x", seq, float(seq), None, None, event) for seq, event in enumerate(events)]
    line = timeline(of, log, 0.0)
    assert told(line, "a") == [("limit", 0.0, 2.0), (QUEUE, 2.0, 3.0), (RUNNING, 3.0, 6.0)]
    assert [(span.kind, span.start, span.end) for span in line.spans] == [("paused", 4.0, 5.0)]


def test_items_that_made_room_for_one_another_decided_the_end_of_a_map() -> None:
    play = Play(graph(mapped("m", window=2)), {("m", "input"): {"items": [0] * 4}})
    for now, index in ((1.0, 1), (4.0, 0), (5.0, 2), (9.0, 3)):
        play.now = now
        play.end(f"m[{index}]")
    line = timeline(play.graph, play.log, 9.0)
    (link,) = critical_path(line)
    # m[3] began when m[0] had ended, at 4.
    assert [(one.path, one.start, one.end) for one in link.inside] == [("m[0]", 0.0, 4.0), ("m[3]", 4.0, 9.0)]
    assert link.path == "m" and link.seconds == 9.0


def test_many_items_are_one_row() -> None:
    play = Play(graph(mapped("m", window=50)), {("m", "input"): {"items": [0] * 300}})
    count = 0
    while play.flying:
        play.now += 1.0
        count += 1
        play.end(next(iter(play.flying)), "failed" if count > 299 else "succeeded")
    view = timeline_view(timeline(play.graph, play.log, play.now))
    rows = {row["path"]: row for row in view["tasks"]}
    assert set(rows) == {"m", "m[*]"}
    assert rows["m[*]"]["count"] == 300 and rows["m[*]"]["statuses"] == {"succeeded": 299, "failed": 1}
    assert rows["m[*]"]["took"] == {"min": 1.0, "median": 50.0, "max": 50.0}
    assert len(view["critical_path"][0]["inside"]) <= 10


def test_an_empty_log_has_an_empty_timeline() -> None:
    line = timeline(graph(task("a")), [], 5.0)
    assert critical_path(line) == () and timeline_view(line)["tasks"] == []


def test_totals_count_what_holds_others_only_once() -> None:
    play = Play(graph(mapped("m")), {("m", "input"): {"items": [0, 0]}})
    play.now = 2.0
    play.end("m[0]")
    play.end("m[1]")
    found: dict[str, Any] = defaultdict(float, timeline_view(timeline(play.graph, play.log, 2.0))["totals"])
    assert found[RUNNING] == 4.0
