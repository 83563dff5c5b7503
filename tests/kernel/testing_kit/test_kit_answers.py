"""What mocks answer: outputs, functions, errors, delays, one after the other, and for which tasks."""

from typing import Any

import pytest

from harmonia_core import PermanentError, task_type
from harmonia_core.testing import NotMocked, NotUsed, Rehearsal, TargetInvalid, fails, in_turn, never, takes

RETRY = {"max_retries": 2, "initial_delay": 4, "jitter": 0.5}


def one(**task: Any) -> dict[str, Any]:
    return {"name": "one", "tasks": {"work": {"type": "http", "input": {"url": "https://x.example"}, **task}}}


def answered(*answers: Any, **task: Any) -> Any:
    with Rehearsal(one(**task)) as rehearsal:
        rehearsal.mock("work", *answers)
        return rehearsal.run()


def test_an_output_and_none_at_all() -> None:
    assert answered({"body": [1]})["work"].output == {"body": [1]}
    assert answered()["work"].output is None
    assert answered([1, 2])["work"].output == [1, 2]


def test_functions_of_the_input_and_of_its_context() -> None:
    run = answered(lambda input: {"url": input["url"]})
    assert run["work"].output == {"url": "https://x.example"}
    run = answered(lambda input, ctx: {"body": f"{ctx.path} {ctx.attempt}"})
    assert run["work"].output == {"body": "work 1"}


def test_functions_that_are_async() -> None:
    async def answer(input: Any) -> Any:
        return {"status": 200}

    assert answered(answer)["work"].output == {"status": 200}


def test_errors_one_after_the_other_and_the_last_for_all_behind_it() -> None:
    run = answered(fails("busy"), ValueError("odd"), {"status": 1}, retry_policy=RETRY)
    assert run["work"].attempts == 3
    assert [(e.code, e.kind) for e in run["work"].errors] == [
        ("busy", "TaskError"),
        ("unhandled", "ValueError"),
    ]
    assert run["work"].retry_delays == [4, 8]
    run = answered(fails("busy"), retry_policy=RETRY)
    assert run.status == "failed" and run.error.code == "busy" and run["work"].attempts == 3
    assert run.failed == ["work"]


def test_errors_that_are_not_tried_again() -> None:
    assert answered(fails("no", retryable=False), retry_policy=RETRY)["work"].attempts == 1
    assert answered(PermanentError("no"), retry_policy=RETRY)["work"].attempts == 1
    run = answered(KeyError, None, retry_policy={**RETRY, "no_retry_on": ["KeyError"]})
    assert (run.status, run["work"].attempts) == ("failed", 1)


def test_a_retry_after_is_waited_for() -> None:
    run = answered(fails("busy", retry_after=90), None, retry_policy=RETRY)
    assert run["work"].retry_delays == [90]


def test_delays_pass_in_workflow_time_and_timeouts_cut_them() -> None:
    assert answered(takes("P3D", {"status": 5}))["work"].took.days == 3
    assert answered(takes(60, takes(60, None)))["work"].took.total_seconds() == 120
    run = answered(takes("P3D"), timeout="PT1H")
    assert (run.error.category, run.error.code) == ("timeout", "attempt-timeout")
    assert run.took.total_seconds() == 3600
    run = answered(never(), None, timeout="PT1H", heartbeat_timeout="PT1M", retry_policy=RETRY)
    assert [error.code for error in run["work"].errors] == ["heartbeat-timeout"]
    assert run.took.total_seconds() == 64


def test_a_delay_as_long_as_the_timeout_is_too_long() -> None:
    assert answered(takes(60), timeout=60).error.code == "attempt-timeout"
    assert answered(takes(59.9), timeout=60).status == "completed"


def test_a_tiny_timeout_does_not_run_in_real_time() -> None:
    assert answered(lambda input: sum(range(300_000)) and None, timeout=0.0001).status == "completed"


def test_answers_in_turn_are_shared_by_all_who_call() -> None:
    poll = {
        "name": "poll",
        "vars": {"state": ""},
        "tasks": {
            "wait": {
                "type": "loop",
                "until": "vars.state == 'done'",
                "steps": {
                    "pause": {"type": "wait", "input": {"duration": 60}},
                    "ask": {"type": "http", "input": {"url": "https://x.example"}},
                    "note": {"type": "set", "input": {"state": "${tasks.ask.output.body}"}},
                },
            }
        },
    }
    with Rehearsal(poll) as rehearsal:
        rehearsal.mock("ask", in_turn({"body": "queued"}, fails("odd"), {"body": "done"}))
        rehearsal.mock("wait[1]/body/ask", in_turn({"body": "half"}, {"body": "done"}))
        for run in (rehearsal.run(), rehearsal.run()):  # each begins with the first answer
            asked = [(task.status, task.output) for task in run.every("ask")]
            assert asked == [
                ("succeeded", {"body": "queued"}),
                ("succeeded", {"body": "half"}),
                ("failed", None),
            ]
            assert run.vars == {"state": "half"}


FAN = {
    "name": "fan",
    "tasks": {
        "ship": {
            "type": "map",
            "input": {"items": [10, 20, 30]},
            "tolerate": 1,
            "task": {"type": "http", "input": {"url": "https://x.example/${item}"}},
        },
        "pay": {
            "type": "group",
            "depends_on": "ship",
            "tasks": {"ship": {"type": "http", "input": {"url": "https://y.example"}}},
            "compensate": {"type": "http", "input": {"url": "https://z.example"}},
        },
        "later": {"type": "wait", "depends_on": "pay", "input": {"duration": 5}},
        "boom": {
            "type": "http",
            "depends_on": "later",
            "input": {"url": "https://w.example"},
            "catch": [{"errors": "gone", "task": {"type": "noop", "input": {"n": 1}}}],
        },
    },
}


def test_items_ids_paths_and_types() -> None:
    with Rehearsal(FAN) as rehearsal:
        rehearsal.mock_type("http", {"status": 1})
        rehearsal.mock("ship", {"status": 2})
        rehearsal.mock("ship[1]", fails("lost"))
        rehearsal.mock("pay/ship", {"status": 3})
        run = rehearsal.run()
    assert [task.output for task in run.every("ship[*]")] == [{"status": 2}, None, {"status": 2}]
    assert run["ship[1]"].error.code == "lost"
    assert run["pay/ship"].output == {"status": 3}
    assert run["boom"].output == {"status": 1}
    assert run.path == ["ship[0]", "ship[1]", "ship[2]", "pay/ship", "later", "boom"]


def test_what_the_engine_carries_out_is_mocked_as_a_whole() -> None:
    with Rehearsal(FAN) as rehearsal:
        rehearsal.mock("ship[*]", None)
        rehearsal.mock("pay", {"paid": True})
        rehearsal.mock("later", takes("PT1H"))
        rehearsal.mock("boom", fails("gone"))
        run = rehearsal.run()
    assert run["pay"].output == {"paid": True} and "pay/ship" not in run
    assert run.took.total_seconds() == 3600
    assert run["boom"].output == {"n": 1}
    assert [error.code for error in run["boom"].errors] == ["gone"]


def test_a_mock_for_some_items_of_what_the_engine_carries_out_is_refused() -> None:
    waits = {
        "name": "waits",
        "tasks": {
            "all": {
                "type": "map",
                "input": {"items": [1, 2]},
                "task": {"type": "wait", "input": {"duration": 1}},
            }
        },
    }
    rehearsal = Rehearsal(waits)
    rehearsal.mock("all[0]", None)
    with pytest.raises(NotMocked, match="must name all of it, as 'all' does"):
        rehearsal.run()


def test_what_touches_the_world_is_refused_and_says_what_to_write() -> None:
    with pytest.raises(NotMocked) as refused:
        Rehearsal(FAN).run()
    assert "'ship' is of type 'http'" in str(refused.value)
    for line in (".mock('ship', {...})", ".mock_type('http', {...})", ".allow('http')"):
        assert line in str(refused.value)


def test_an_error_of_a_task_cannot_hide_that_it_is_not_mocked() -> None:
    with pytest.raises(NotMocked):
        Rehearsal(one(catch=[{"task": {"type": "noop"}}])).run()


def test_pure_types_and_the_tests_own_do_their_work() -> None:
    @task_type("double")
    def double(ctx: Any, input: Any) -> Any:
        return {"n": input["n"] * 2}

    twice = {
        "name": "twice",
        "tasks": {
            "two": {"type": "double", "input": {"n": 21}},
            "told": {"type": "transform", "depends_on": "two", "input": {"value": "${tasks.two.n}"}},
        },
        "output": "${tasks.told.output}",
    }
    assert Rehearsal(twice, task_types=[double]).run().output == 42


def test_types_that_are_not_installed_can_be_mocked() -> None:
    with Rehearsal(
        {"name": "far", "tasks": {"a": {"type": "hermes.send", "input": {"to": "x"}}}}
    ) as rehearsal:
        sent = rehearsal.mock_type("hermes.send", {"ok": 1})
        assert rehearsal.run()["a"].output == {"ok": 1}
    assert sent.inputs == [{"to": "x"}]


def test_secrets_reach_mocks_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMONIA_SECRET_KEY", "from-the-environment")
    wish = one(input={"url": "https://x.example", "headers": {"a": "Bearer ${secrets.key}"}})
    rehearsal = Rehearsal(wish, secrets={"key": "open-sesame"})
    mock = rehearsal.mock("work", lambda input: {"body": input["headers"]["a"]})
    run = rehearsal.run()
    assert mock.inputs[0]["headers"] == {"a": "Bearer open-sesame"}
    assert run["work"].input["headers"] == {"a": "Bearer ${secrets.key}"}
    assert run["work"].output == {"body": "Bearer ***"}
    without = Rehearsal(wish)
    without.mock("work", None)
    assert without.run().error.code == "secret-missing"


def test_the_environment_is_what_the_test_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "real")
    echo = {"name": "echo", "tasks": {"a": {"type": "noop", "input": {"stage": "${env.STAGE}"}}}}
    assert Rehearsal(echo, env={"STAGE": "test"}).run()["a"].output == {"stage": "test"}


def test_an_input_that_does_not_fit_and_an_output_that_cannot_be() -> None:
    run = answered({}, input={"url": "https://x.example", "method": "${[1]}"})
    assert run["work"].error.code == "input-invalid"
    rehearsal = Rehearsal(one())
    rehearsal.mock("work", {"statuss": 200})
    with pytest.raises(TargetInvalid, match=r"mock\('work'\) gives 'statuss', which the output .* 'http'"):
        rehearsal.run()


def test_what_no_task_is_called_is_refused_at_once() -> None:
    rehearsal = Rehearsal(FAN)
    rehearsal.mock("shipp", None)
    with pytest.raises(TargetInvalid, match=r"mock\('shipp'\) names no task of 'fan'. Did you mean 'ship'"):
        rehearsal.run()
    with pytest.raises(TargetInvalid, match="no work themselves"):
        rehearsal.mock_type("map", None)
    with pytest.raises(TargetInvalid, match=r"allow\('htttp'\)"):
        Rehearsal(one()).allow("htttp").run()


def test_what_is_not_used_is_said() -> None:
    with pytest.raises(NotUsed) as unused, Rehearsal(one(when="input.go")) as rehearsal:
        rehearsal.mock("work", None)
        rehearsal.at("P1D").cancel()
        rehearsal.on("work").signal("x")
        assert rehearsal.run({"go": False}).skipped == {"work": "when"}
    assert ".mock('work')\n    .at('P1D').cancel()\n    .on('work').signal('x')\n" in str(unused.value)
    with Rehearsal(one(when="input.go")) as rehearsal:
        rehearsal.mock("work", None, unused_ok=True)
        rehearsal.run({"go": False})


def test_a_fault_of_the_test_is_not_covered_by_what_was_not_used() -> None:
    with pytest.raises(ZeroDivisionError), Rehearsal(one()) as rehearsal:
        rehearsal.mock("work", None)
        1 / 0  # noqa: B018


def test_prints_of_mocks_are_the_tests_own(capsys: pytest.CaptureFixture[str]) -> None:
    answered(lambda input: print("seen"))
    assert "seen" in capsys.readouterr().out
