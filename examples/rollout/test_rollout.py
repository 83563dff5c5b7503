"""Three weeks of a rollout, with daily waits and approvals, in milliseconds."""

from datetime import timedelta

import pytest

from harmonia_core.testing import fails, in_turn, never

MONDAY = {"release": "4.2", "first": "2026-03-02T09:00:00Z"}


@pytest.fixture
def rollout(workflow):
    rollout = workflow("rollout.yaml", start="2026-03-02T08:00:00Z")
    rollout.mock("announce", {"status": 201})
    rollout.mock("thank", {"status": 201}, unused_ok=True)
    rollout.mock("switch", lambda input: {"body": {"batch": f"B{input['json']['day']}"}}, unused_ok=True)
    return rollout


def test_three_weeks_in_which_ann_agrees_every_morning(rollout):
    rollout.on("agree", after="PT30M").approve(by="ann")

    run = rollout.run(MONDAY)

    assert run.status == "completed"
    assert run.output == {"last": "B21"}
    assert run.took == timedelta(days=20, hours=1, minutes=30)
    assert len(run.every("agree")) == 21
    assert run.path[:4] == ["announce", "days[0]/body/morning", "days[0]/body/agree", "days[0]/body/switch"]


def test_a_no_on_the_third_day_takes_it_back_from_all_shops(rollout):
    undo = rollout.mock("switch~undo", {"status": 204})
    rollout.on("agree", after="PT30M").approve(by="ann")
    rollout.on("days[2]/body/agree", after="PT1H").reject(by="ann", comment="Tills are slow.")

    run = rollout.run(MONDAY)

    assert run.status == "compensated"
    assert run.error.code == "approval-rejected"
    assert run.undone == ["days[1]/body/switch", "days[0]/body/switch"]
    assert [one["url"][-2:] for one in undo.inputs] == ["B2", "B1"]
    assert "thank" not in run


def test_bob_may_answer_when_ann_does_not(rollout):
    rollout.on("agree", after="PT30M").approve(by="ann")
    rollout.on("days[4]/body/agree", after="PT5H").approve(by="bob")

    run = rollout.run(MONDAY)

    assert run.status == "completed"
    assert run["days[4]/body/agree"].decided_by == "bob"
    assert run["days[4]/body/agree"].took == timedelta(hours=5)


def test_nobody_answers(rollout):
    run = rollout.run(MONDAY)

    assert run.status == "failed"
    assert run["agree"].reason == "deadline"
    assert run.took == timedelta(hours=1 + 8)


def test_a_service_that_is_slow_and_busy_is_asked_again(rollout):
    rollout.on("agree").approve(by="ann")
    rollout.mock(
        "days[6]/body/switch", fails("http-503", category="server"), never(), {"body": {"batch": "B7"}}
    )

    run = rollout.run(MONDAY)

    switch = run["days[6]/body/switch"]
    assert switch.attempts == 3
    assert [error.code for error in switch.errors] == ["http-503", "attempt-timeout"]
    assert switch.retry_delays == [60, 120]
    assert switch.took == timedelta(minutes=1 + 2 + 2)


def test_a_holiday_is_no_working_day(rollout):
    rollout.on("agree").approve(by="ann")
    rollout.at(day=5, time="12:00").pause("holiday")
    rollout.at(day=8, time="08:00").resume()

    run = rollout.run(MONDAY)

    assert run.status == "completed"
    assert run["days[5]/body/agree"].began.isoformat() == "2026-03-09T08:00:00+00:00"


def test_a_service_that_is_gone_for_good_ends_the_rollout(rollout):
    rollout.on("agree").approve(by="ann")
    rollout.mock("switch", in_turn({"body": {"batch": "B1"}}, fails("http-404", category="client")))
    rollout.mock("switch~undo", {"status": 204})

    run = rollout.run(MONDAY)

    assert run.status == "compensated"
    assert run["days[1]/body/switch"].attempts == 1
