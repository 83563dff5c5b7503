"""Composites in a real engine: what runs, what is interrupted, what another engine goes on with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from gate import GATE, SEEN, afresh, hang, until

from harmonia_core import RetryableError, task_type
from harmonia_core.host import Inspector, KernelSettings
from harmonia_core.testing.harness import Harness


@task_type("note")
async def note(ctx: Any, input: Any) -> Any:
    """Note what it was given, and give it back."""
    SEEN.append((ctx.path, input))
    return input


@task_type("odd")
async def odd(ctx: Any, input: Any) -> str:
    """Fail until the key of the side effect has been seen so often."""
    SEEN.append(ctx.idempotency_key.split(":", 1)[1])
    if len(SEEN) < input["until"]:
        raise RetryableError("not yet", "not-yet")
    return "at last"


@asynccontextmanager
async def harness(url: str = "memory://", **settings: Any) -> AsyncIterator[Harness]:
    async with Harness(note, hang, odd, settings=KernelSettings(**settings), url=url) as one:
        yield one
        inspector = Inspector(one.engine.backend, one.engine.plugins, one.engine.settings)
        async for report in inspector.check(deep=True):
            assert not report.problems


@pytest.fixture(autouse=True)
def _fresh() -> None:
    afresh()


async def out_of_patience(h: Harness, task: Any, begun: int) -> dict[str, Any]:
    """Run until so many attempts hang, then let time pass to what is due next; return the execution."""
    execution_id = await h.engine.start(one(task))
    await until(lambda: len(SEEN) == begun)
    assert h.clock.next_due is not None
    h.clock.advance_to(h.clock.next_due)
    return await h.finish(execution_id)


def one(task: Any, **more: Any) -> dict[str, Any]:
    return {"name": "w", "tasks": {"t": task}, "output": "${tasks.t.output}", **more}


SLOW = {"inline_limit": 100, "quick_limit": 50}


@pytest.mark.parametrize("settings", [{}, SLOW], ids=["quick", "slow"])
async def test_conditions_over_small_and_large_values(settings: dict[str, Any]) -> None:
    """Large ones are asked beside the core: `enter`, `then`, `caught` and `output` are questions, too."""
    long = "x" * 500
    task = {
        "type": "sequence",
        "steps": {
            "look": {
                "type": "note",
                "input": {"text": long},
                "next": [{"to": "choose", "when": "size(tasks.look.output.text) > 9"}, {"to": "end"}],
            },
            "never": {"type": "fail", "input": {"error": "never"}},
            "choose": {
                "type": "decision",
                "cases": [
                    {
                        "when": "tasks.look.output.text == 'no'",
                        "task": {"type": "fail", "input": {"error": "no"}},
                    },
                    {
                        "when": "tasks.look.output.text.startsWith('x')",
                        "task": {"type": "note", "input": {"copy": "${tasks.look.output.text}"}},
                    },
                ],
            },
            "careful": {
                "type": "try",
                "task": {"type": "fail", "input": {"error": "e"}},
                "catch": [
                    {
                        "when": "size(tasks.choose.output.copy) == 500",
                        "task": {"type": "note", "input": {"code": "${error.code}"}},
                    }
                ],
                "output": {
                    "was": "${tasks.catch_1.output.code}",
                    "size": "${size(tasks.choose.output.copy)}",
                },
            },
        },
    }
    async with harness(**settings) as h:
        view = await h.run(one(task))
    assert (view["status"], view["output"]) == ("completed", {"was": "e", "size": 500})


async def test_handlers_read_the_scope_of_their_try_whatever_its_body_holds() -> None:
    """The body's own `x` is not the one that the handler's condition means."""
    body = {"x": {"type": "note", "input": {"v": 1}}, "bad": {"type": "fail", "input": {"error": "e"}}}
    task = {
        "type": "try",
        "depends_on": "x",
        "steps": body,
        "catch": [
            {"when": "tasks.x.output.v == 1", "task": {"type": "noop", "input": {"took": "the body's"}}},
            {"when": "error.code == 'e'", "task": {"type": "noop", "input": {"took": "${error.code}"}}},
        ],
    }
    definition = {"name": "w", "tasks": {"x": {"type": "note", "input": {"v": 7}}, "t": task}}
    async with harness() as h:
        view = await h.run({**definition, "output": "${tasks.t.output.took}"})
    assert view["output"] == "e"


@pytest.mark.parametrize("place", ["enter", "then", "caught", "output"])
async def test_another_engine_asks_again_what_is_open(place: str, monkeypatch: Any) -> None:
    big = "size(input.text) > 9"
    steps = {"a": {"type": "note"}, "b": {"type": "note"}}
    tasks: dict[str, Any] = {
        "enter": {"type": "loop", "while": f"{big} && index < 2", "task": {"type": "note"}},
        "then": {
            "type": "sequence",
            "steps": {**steps, "a": {"type": "note", "next": [{"to": "end", "when": big}]}},
        },
        "caught": {
            "type": "try",
            "steps": {"a": {"type": "fail", "input": {"error": "e"}}},
            "catch": [{"when": big, "steps": steps}],
        },
        "output": {"type": "sequence", "steps": steps, "output": {"copy": "${input.text}"}},
    }
    definition = {"name": "w", "tasks": {"t": tasks[place]}}
    url, text = f"memory://{place}", {"text": "x" * 500}
    async with Harness(note, hang, odd, settings=KernelSettings(**SLOW), url=url) as first:

        async def never(*arguments: Any) -> None:
            await anyio.sleep_forever()

        monkeypatch.setattr(first.engine._driver._effects, "_answer", never)
        execution_id = await first.engine.start(definition, text)
        asked = await first.seen(execution_id, "Asked")
        assert asked["data"]["place"] == place
    async with harness(url, **SLOW) as second:
        await second.engine.recover()
        assert (await second.finish(execution_id))["status"] == "completed"


async def test_a_race_interrupts_what_runs_in_the_others() -> None:
    race = {
        "type": "race",
        "branches": {
            "slow": {"tasks": {"deep": {"type": "hang"}}},
            "map": {"task": {"type": "map", "input": {"items": [1, 2]}, "task": {"type": "hang"}}},
            "quick": {"task": {"type": "wait", "input": {"duration": 3}}},
            "later": {"task": {"type": "wait", "input": {"duration": 300}}},
        },
    }
    async with harness() as h:
        view = await out_of_patience(h, race, 3)
    assert view["status"] == "completed" and not h.clock.next_due
    interrupted = {text for text in SEEN if str(text).endswith("interrupted")}
    assert interrupted == {f"t/{path} interrupted" for path in ("slow/deep", "map[0]", "map[1]")}


async def test_a_map_of_which_enough_have_succeeded_interrupts_the_others() -> None:
    item = {
        "type": "decision",
        "cases": [{"when": "index == 2", "task": {"type": "note", "input": {"i": "${index}"}}}],
        "default": {"task": {"type": "hang"}},
    }
    task = {"type": "map", "input": {"range": {"stop": 9}}, "max_concurrency": 4, "enough": 1, "task": item}
    async with harness() as h:
        execution_id = await h.engine.start(one(task))
        await until(lambda: len(SEEN) >= 4)
        assert await h.engine.wait(execution_id) == "completed"
        assert (await h.engine.get(execution_id))["tasks"][0]["items"]["begun"] == 4
        assert await h.engine.output(execution_id) == [None, None, {"i": 2}, None]
    interrupted = {text for text in SEEN if str(text).endswith("interrupted")}
    assert interrupted == {f"t[{n}]/default interrupted" for n in (0, 1, 3)}


async def test_a_composite_out_of_time_interrupts_all_that_runs_inside() -> None:
    task = {
        "type": "try",
        "total_timeout": 5,
        "steps": {"a": {"type": "group", "tasks": {"x": {"type": "hang"}}}},
    }
    async with harness() as h:
        view = await out_of_patience(h, {**task, "catch": [{"task": {"type": "noop"}}]}, 1)
    assert SEEN == ["t/body/a/x", "t/body/a/x interrupted"]
    assert view["error"]["code"] == "total-timeout", "the limit is that of the try, handlers included"


async def test_a_block_that_is_begun_anew_has_keys_of_its_own() -> None:
    body = {
        "steps": {
            "a": {"type": "note"},
            "b": {"type": "odd", "input": {"until": 8}, "retry_policy": {"max_retries": 1}},
        }
    }
    policy = {"max_retries": 5, "initial_delay": 60}
    async with harness() as h:
        view = await h.run(one({"type": "try", **body, "retry_policy": policy}))
    assert view["output"] == "at last"
    keys = [key for key in SEEN if isinstance(key, str)]
    assert keys == ["t[0]/body/b", "t[0]/body/b", "t[1]/body/b", "t[1]/body/b", "t[2]/body/b"]
    assert view["tasks"][0]["attempt"] == 3


async def test_while_is_asked_about_the_round_to_come() -> None:
    async with harness() as h:
        view = await h.run(one({"type": "loop", "while": "index < 3", "task": {"type": "note"}}))
        assert view["status"] == "completed"
        assert [path for path, _ in SEEN] == ["t[0]/body", "t[1]/body", "t[2]/body"]


async def test_another_engine_goes_on_in_the_middle_of_a_loop() -> None:
    loop = {
        "type": "loop",
        "times": 3,
        "steps": {"a": {"type": "note", "input": {"i": "${index}"}}, "b": {"type": "hang"}},
    }
    async with Harness(note, hang, odd, url="memory://loop") as first:
        execution_id = await first.engine.start(one(loop))
        GATE[0].set()
        await first.seen(execution_id, "StepEntered", 3)
        GATE[:] = [anyio.Event()]
        await until(lambda: "t[1]/body/b" in SEEN)
    GATE[0].set()
    async with harness("memory://loop") as second:
        assert (await second.engine.recover()).adopted == [execution_id]
        view = await second.finish(execution_id)
    assert view["status"] == "completed"
    noted = [entry for entry in SEEN if isinstance(entry, tuple)]
    assert noted == [(f"t[{n}]/body/a", {"i": n}) for n in range(3)]
    lost = [event for event in await _events(second, execution_id) if event["type"] == "AttemptLost"]
    assert [event["data"]["path"] for event in lost] == ["t[1]/body/b"]


async def _events(h: Harness, execution_id: str) -> list[dict[str, Any]]:
    async with Harness(note, hang, odd, url="memory://loop") as reader:
        return await reader.events(execution_id)


async def test_a_cancel_reaches_every_level_and_nothing_begins_any_more() -> None:
    item = {"type": "sequence", "steps": {"x": {"type": "hang"}, "y": {"type": "note"}}}
    task = {"type": "map", "input": {"items": [1, 2, 3]}, "max_concurrency": 2, "task": item}
    async with harness() as h:
        execution_id = await h.engine.start(
            one({"type": "group", "tasks": {"m": task, "n": {"type": "note", "depends_on": "m"}}})
        )
        await until(lambda: len(SEEN) == 2)
        await h.engine.cancel(execution_id)
        view = await h.engine.get(execution_id)
    assert view["status"] == "cancelled"
    assert sorted(map(str, SEEN)) == ["t/m[0]/x", "t/m[0]/x interrupted", "t/m[1]/x", "t/m[1]/x interrupted"]


async def test_a_loop_of_ten_thousand_rounds_keeps_its_state_small() -> None:
    loop = {"type": "loop", "times": 10_000, "task": {"type": "noop", "input": {"i": "${index}"}}}
    async with harness() as h:
        view = await h.run(one(loop), limit=100)
        assert view["output"] == {"i": 9_999}
        assert [task["path"] for task in view["tasks"]] == ["t", "t[9999]/body"]


async def test_variables_written_in_rounds_and_in_branches() -> None:
    definition = {
        "name": "w",
        "vars": {"sum": 0},
        "tasks": {
            "t": {
                "type": "loop",
                "while": "vars.sum < 6",
                "vars": {"rounds": 0},
                "steps": {
                    "count": {
                        "type": "set",
                        "input": {"sum": "${vars.sum + 2}", "rounds": "${vars.rounds + 1}"},
                    },
                    "inner": {
                        "type": "parallel",
                        "branches": {
                            "a": {
                                "task": {
                                    "type": "group",
                                    "vars": {"own": 1},
                                    "tasks": {
                                        "s": {"type": "set", "input": {"own": 5}},
                                        "r": {
                                            "type": "noop",
                                            "depends_on": "s",
                                            "input": {"own": "${vars.own}", "sum": "${vars.sum}"},
                                        },
                                    },
                                }
                            }
                        },
                    },
                },
                "output": {"rounds": "${vars.rounds}", "inner": "${tasks.body.output.a.r}"},
            }
        },
        "output": {"sum": "${vars.sum}", "t": "${tasks.t.output}"},
    }
    async with harness() as h:
        view = await h.run(definition)
    assert view["output"] == {"sum": 6, "t": {"rounds": 3, "inner": {"own": 5, "sum": 6}}}


async def test_every_task_inside_is_listed_behind_what_holds_it() -> None:
    task = {
        "type": "parallel",
        "branches": {
            "a": {"task": {"type": "noop"}},
            "b": {"steps": {"x": {"type": "fail", "input": {"error": "e"}}}},
        },
    }
    async with harness() as h:
        view = await h.run(one(task))
    assert [(t["path"], t["status"]) for t in view["tasks"]] == [
        ("t", "failed"),
        ("t/a", "succeeded"),
        ("t/b", "failed"),
        ("t/b/x", "failed"),
    ]
    assert (view["error"]["code"], view["failed_tasks"], view["counts"]) == ("e", ["t"], {"failed": 1})
