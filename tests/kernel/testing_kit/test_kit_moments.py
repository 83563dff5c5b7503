"""What happens from outside, and when: messages, decisions, pause, resume, cancel; and the time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harmonia_core.testing import MomentRefused, Rehearsal, TargetInvalid, TooLong, fails, never

REVIEW = {
    "name": "review",
    "tasks": {
        "paid": {"type": "event", "input": {"name": "paid", "correlation": "${input.number}"}},
        "agree": {
            "type": "approval",
            "depends_on": "paid",
            "input": {"title": "Go?", "assignees": ["ann"], "deadline": "P10D", "on_deadline": "reject"},
        },
    },
    "output": "${tasks.agree.output.decision}",
}
NUMBER = {"number": 17}


def review(**options: Any) -> Rehearsal:
    return Rehearsal(REVIEW, start="2026-03-02T08:00:00Z", **options)


def test_messages_and_decisions_at_times() -> None:
    with review() as rehearsal:
        rehearsal.at("PT2H").signal("paid", {"amount": 5}, correlation=17)
        rehearsal.at(day=3, time="09:00").approve("agree", by="ann", comment="fine")
        run = rehearsal.run(NUMBER)
    assert run.output == "approved"
    assert [(m.name, m.data, m.task) for m in run.messages] == [("paid", {"amount": 5}, "paid")]
    assert run["agree"].decided_by == "ann"
    assert run["agree"].began == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert run.ended == datetime(2026, 3, 4, 9, tzinfo=UTC)


def test_moments_of_tasks_that_begin_to_wait() -> None:
    with review() as rehearsal:
        rehearsal.on("paid", after="P1D").publish("paid", correlation=17)
        rehearsal.on("agree", after=timedelta(hours=1)).reject(by="ann")
        run = rehearsal.run(NUMBER)
    assert run.output == "rejected" and run.took == timedelta(days=1, hours=1)


def test_of_moments_of_a_task_the_most_exact_count_and_all_of_them() -> None:
    rounds = {
        "name": "rounds",
        "tasks": {
            "ask": {
                "type": "map",
                "input": {"items": [1, 2]},
                "task": REVIEW["tasks"]["agree"] | {"depends_on": []},
            }
        },
    }
    rounds["tasks"]["ask"]["task"].pop("depends_on")
    with Rehearsal(rounds) as rehearsal:
        rehearsal.on("ask[*]").approve(by="ann")
        rehearsal.on("ask[1]", after=5).reject(by="ann")
        rehearsal.on("ask[1]", after=1).signal("beside")
        run = rehearsal.run()
    assert [task.decision for task in run.every("ask[*]")] == ["approved", "rejected"]


def test_an_execution_that_waits_for_what_nobody_sends_comes_back_as_it_stands() -> None:
    run = review().run(NUMBER)
    assert (run.status, run.rest, run.waiting, run["paid"].waits_for) == (
        "running", "standstill", ["paid"], "paid",
    )  # fmt: skip
    assert repr(run) == "<Execution review: running after 0 s, waiting: paid>"


def test_an_execution_is_left_when_its_time_is_over() -> None:
    rehearsal = review()
    rehearsal.at("PT2H").signal("paid", correlation=17)
    run = rehearsal.run(NUMBER, until="P3D")
    assert (run.status, run.rest, run.waiting) == ("running", "until", ["agree"])
    assert run.took == timedelta(days=3)
    assert rehearsal.now == datetime(2026, 3, 5, 8, tzinfo=UTC)
    assert rehearsal.run(NUMBER).output == "rejected"  # another run begins anew


def test_what_the_engine_refuses_fails_the_test() -> None:
    rehearsal = review()
    rehearsal.on("paid").signal("paid", correlation=17)
    rehearsal.at("P1D").approve("agree", by="eve")
    refused = r"at\('P1D'\)\.approve\('agree'\) was refused on 2026-03-03 08:00:00 of workflow time: .*eve"
    with pytest.raises(MomentRefused, match=refused):
        rehearsal.run(NUMBER)
    rehearsal = review()
    rehearsal.at("P1D").approve("agree", by="ann")
    with pytest.raises(MomentRefused, match="No approval 'agree' is open at that time; open: none"):
        rehearsal.run(NUMBER)


def test_moments_that_cannot_be_are_refused_where_they_are_written() -> None:
    rehearsal = review()
    for write, says in [
        (lambda: rehearsal.at(), "one of the two"),
        (lambda: rehearsal.at("P1D", day=2), "one of the two"),
        (lambda: rehearsal.at("soon"), "no time span"),
        (lambda: rehearsal.at("2026-03-01T00:00:00Z"), "before the start"),
        (lambda: rehearsal.at("2026-03-01"), "no moment"),
        (lambda: rehearsal.at(datetime(2026, 4, 1)), "no time zone"),
        (lambda: rehearsal.at(day=1, time="07:00"), "which is at 08:00 on day 1"),
        (lambda: rehearsal.at(day=1, time="nine"), "HH:MM"),
        (lambda: rehearsal.at("P1D").approve(), r"approve\('review'\)"),
        (lambda: rehearsal.on("agree", after="later"), "no time span"),
    ]:
        with pytest.raises(TargetInvalid, match=says):
            write()


WORK = {
    "name": "work",
    "on_failure": "compensate",
    "tasks": {
        "book": {
            "type": "http",
            "input": {"url": "https://x.example"},
            "compensate": {"type": "http", "input": {"url": "https://y.example"}},
        },
        "rest": {"type": "wait", "depends_on": "book", "input": {"duration": "P7D"}},
        "last": {"type": "http", "depends_on": "rest", "input": {"url": "https://z.example"}},
    },
}


def work() -> Rehearsal:
    rehearsal = Rehearsal(WORK)
    rehearsal.mock_type("http", None, unused_ok=True)
    return rehearsal


def test_pause_and_resume() -> None:
    with work() as rehearsal:
        rehearsal.at("P1D").pause("holiday", timers="hold")
        rehearsal.at("P3D").resume()
        assert rehearsal.run().took == timedelta(days=9)
    with work() as rehearsal:
        rehearsal.at("P1D").pause()
        run = rehearsal.run()
    assert (run.status, run.rest) == ("paused", "standstill")


def test_cancel_undo_and_terminate() -> None:
    for deed, status, undone in [
        ("cancel", "cancelled", []),
        ("undo", "compensated", ["book"]),
        ("terminate", "terminated", []),
    ]:
        with work() as rehearsal:
            getattr(rehearsal.at("P2D"), deed)("enough")
            run = rehearsal.run()
        assert (run.status, run.undone, run.took.days) == (status, undone, 2), deed


def test_what_runs_is_cancelled_when_it_begins() -> None:
    with work() as rehearsal:
        rehearsal.mock("book", never())
        rehearsal.on("book", after=5).cancel()
        run = rehearsal.run()
    assert (run.status, run["book"].status, run.took.total_seconds()) == ("cancelled", "cancelled", 5)


def test_undos_run_in_the_reverse_order_and_are_tried_again() -> None:
    trip = {
        "name": "trip",
        "on_failure": "compensate",
        "tasks": {
            name: {
                "type": "http",
                "depends_on": before,
                "input": {"url": f"https://{name}.example"},
                "compensate": {"type": "http", "input": {"url": "https://undo.example"}, "retry_policy": {}},
            }
            for name, before in [("hotel", []), ("flight", ["hotel"]), ("car", ["flight"])]
        },
    }
    with Rehearsal(trip) as rehearsal:
        rehearsal.mock_type("http", None)
        rehearsal.mock("car", fails("none-left"))
        rehearsal.mock("hotel~undo", fails("busy"), None)
        run = rehearsal.run()
    assert run.undone == ["flight", "hotel"]
    assert run["hotel~undo"].attempts == 2 and run.status == "compensated"


def test_a_time_limit_of_a_task_ends_what_never_ends_inside_it() -> None:
    limits = {
        "name": "limits",
        "timeout": "P2D",
        "tasks": {
            "child": {
                "type": "subworkflow",
                "total_timeout": "P1D",
                "workflow": {"tasks": {"hang": {"type": "http", "input": {"url": "https://x.example"}}}},
                "catch": [
                    {"errors": "total-timeout", "task": {"type": "wait", "input": {"duration": "P9D"}}}
                ],
            }
        },
    }
    with Rehearsal(limits) as rehearsal:
        rehearsal.mock("child/body/hang", never())
        run = rehearsal.run()
    assert run.error.code == "execution-timeout" and run.took.days == 2
    assert run["hang"].status == "cancelled"


def test_what_goes_on_for_ever_is_ended_with_what_to_do() -> None:
    endless = {
        "name": "endless",
        "tasks": {
            "on": {
                "type": "loop",
                "while": "true",
                "max_iterations": 1_000_000,
                "task": {"type": "wait", "input": {"duration": "PT1H"}},
            }
        },
    }
    with pytest.raises(TooLong, match=r"within 0.2 s of real time; .* run\(until=...\)"):
        Rehearsal(endless).run(limit=0.2)
    assert Rehearsal(endless).run(until="P1D").rest == "until"


def test_the_time_is_readable_by_what_mocks_call() -> None:
    seen = []
    with work() as rehearsal:
        rehearsal.mock("last", lambda input: seen.append(rehearsal.now))
        run = rehearsal.run()
    assert seen == [run.started + timedelta(days=7)]


async def test_it_works_where_an_event_loop_runs() -> None:
    assert work().run().status == "completed"
