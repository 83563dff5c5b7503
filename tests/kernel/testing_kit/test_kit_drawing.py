"""The drawing of the path taken: everything that matters, in 80 columns, without colours."""

from datetime import timedelta
from typing import Any

import pytest

from harmonia_core.testing import Rehearsal, UnknownTask, fails, takes
from harmonia_core.testing.drawing import span


def http(**more: Any) -> dict[str, Any]:
    return {"type": "http", "input": {"url": "https://x.example"}, **more}


STORY = {
    "name": "story",
    "catch": [{"errors": "odd", "task": {"type": "noop"}}],
    "tasks": {
        "begin": http(retry_policy={"initial_delay": 30}),
        "polite": {"type": "noop", "depends_on": "begin", "when": "input.polite"},
        "rows": {
            "type": "map",
            "depends_on": "begin",
            "input": {"items": [1, 2, 3, 4, 5]},
            "tolerate": 1,
            "task": {"type": "group", "tasks": {"send": http()}},
        },
        "agree": {
            "type": "approval",
            "depends_on": "rows",
            "input": {"title": "Is it good?", "deadline": "P2D", "on_deadline": "approve"},
        },
        "part": {
            "type": "subworkflow",
            "depends_on": "agree",
            "workflow": {"tasks": {"a_rather_long_name_for_a_task_that_does_little": http()}},
        },
        "safe": http(depends_on="part", catch=[{"errors": "gone", "task": {"type": "noop"}}]),
        "last": http(depends_on="safe"),
        "never": http(depends_on="last"),
    },
}


def played() -> Any:
    rehearsal = Rehearsal(STORY)
    rehearsal.mock_type("http", None)
    rehearsal.mock("begin", fails("busy"), fails("busy"), {"status": 1})
    rehearsal.mock("rows[3]/send", fails("lost"))
    rehearsal.mock("part/*", takes("PT1H"))
    rehearsal.mock("safe", fails("gone"))
    rehearsal.mock("last", fails("odd", "It went wrong in a way that needs many words to be told, " * 2))
    return rehearsal.run({"polite": False})


def test_everything_that_matters_stands_in_eighty_columns() -> None:
    lines = played().draw().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(line.split()) for line in lines)
    for line in [
        "story: completed after 2 d 1 h",
        "+ begin succeeded 0 s 3 attempts, after busy, busy",
        "- polite skipped when: input.polite",
        "+ [0-2] succeeded 1 min 30 s 3 alike",
        "x [3] failed 1 min 30 s lost: Mocked: lost.",
        "+ [4] succeeded 1 min 30 s",
        "+ agree succeeded 1 min 30 s approved by deadline",
        "a_rather_long_name_for_a_task_that_does_little",
        "+ safe succeeded 2 d 1 h after gone",
        "+ catch_1 succeeded 2 d 1 h",
        "- never unreachable blocked by main/body/last",
    ]:
        assert line in text, line


def test_the_width_is_kept_whatever_it_is() -> None:
    run = played()
    for width in (60, 80, 120, 200):
        assert max(len(line) for line in run.draw(width).splitlines()) <= width
    assert str(run) == run.draw(80)
    assert "\033" not in str(run)


def test_a_thousand_items_that_differ_are_cut_in_the_middle() -> None:
    wide = {
        "name": "wide",
        "tasks": {"all": {"type": "map", "input": {"range": {"stop": 600}}, "tolerate": 600, "task": http()}},
    }
    rehearsal = Rehearsal(wide)
    rehearsal.mock("all", lambda input, ctx: 1 / (int(ctx.path[4:-1]) % 2))
    drawn = rehearsal.run().draw().splitlines()
    assert len(drawn) == 202 and "... 401 lines left out" in drawn[101]
    assert "x   [598]" in drawn[-2] and "+   [599]" in drawn[-1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (59.6, "59.6 s"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (90_061, "1 d 1 h"),
        (1_815_000, "21 d 10 min"),
    ],
)
def test_spans_of_time(seconds: float, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


def test_asking_for_tasks() -> None:
    run = played()
    assert run["safe"].path == "main/body/safe" and run["safe/catch_1"].type == "noop"
    assert run["main/body/last"] is run["last"] and run["last"].status == "failed"
    assert run["part/**"].took == timedelta(hours=1)
    assert run["rows[3]"].error.code == "lost" and run["rows[3]/send"].attempts == 1
    assert len(run.every("rows[*]")) == len(run.every("send")) == 5
    assert "polite" not in run and "begin" in run and 7 not in run
    assert [task.path for task in run][:3] == ["main", "main/body", "main/body/begin"]
    with pytest.raises(
        UnknownTask, match=r"'send' names 5 tasks .*'main/body/rows\[0\]/send'.*every\('send'\)"
    ):
        run["send"]
    with pytest.raises(UnknownTask, match=r"no task 'beginn'. Did you mean 'begin'"):
        run["beginn"]
    with pytest.raises(UnknownTask, match="It came to these: 'main'"):
        run["zzz"]
