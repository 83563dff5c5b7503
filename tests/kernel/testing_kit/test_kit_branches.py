"""Coverage of a definition's branches: which there are, and which executions came to."""

from typing import Any

import pytest

from harmonia_core.testing import Rehearsal, fails, rehearsal
from harmonia_core.testing.branches import written
from harmonia_core.testing.coverage_book import CoverageBook


def http(**more: Any) -> dict[str, Any]:
    return {"type": "http", "input": {"url": "https://x.example"}, **more}


ALL = {
    "name": "all-of-them",
    "on_failure": "compensate",
    "tasks": {
        "call": http(
            retry_policy={"max_retries": 1},
            compensate=http(),
            catch=[{"errors": "gone", "task": {"type": "noop"}}],
        ),
        "rows": {"type": "map", "input": {"items": "${input.rows}"}, "task": {"type": "noop"}},
        "size": {
            "type": "decision",
            "depends_on": "rows",
            "cases": [
                {"id": "large", "when": "size(input.rows) > 5", "task": {"type": "noop"}},
                {"id": "odd", "when": "size(input.rows) % 2 == 1", "task": {"type": "noop"}},
            ],
        },
        "polite": {"type": "noop", "when": "input.polite", "depends_on": "size"},
        "rounds": {"type": "loop", "times": "${size(input.rows)}", "task": {"type": "noop"}},
        "until": {
            "type": "loop",
            "vars": {"n": 0},
            "while": "vars.n < size(input.rows)",
            "task": {"type": "set", "input": {"n": "${vars.n + 1}"}},
        },
        "steps": {
            "type": "sequence",
            "steps": {
                "first": {"type": "noop", "next": [{"to": "third", "when": "input.polite"}]},
                "second": {"type": "noop"},
                "third": {"type": "noop"},
            },
        },
        "fastest": {
            "type": "race",
            "branches": {
                "slow": {"task": {"type": "wait", "input": {"duration": "${input.slow}"}}},
                "steady": {"task": {"type": "wait", "input": {"duration": 60}}},
            },
        },
        "agree": {"type": "approval", "input": {"title": "?", "deadline": "P1D", "on_deadline": "approve"}},
        "end": http(depends_on=["call", "agree"]),
        "child": {
            "type": "subworkflow",
            "workflow": {"tasks": {"only": {"type": "noop", "when": "input.go"}}},
            "input": {"go": "${input.polite}"},
        },
    },
}  # fmt: skip
BRANCHES = """
call: catch_1 | call/body: ran | call/body: retried | call/body: retries exhausted | call/body~undo: ran
rows: no items | rows: one item | rows: many items | rows: ran
size: large | size: odd | size: no case
polite: when true | polite: when false | polite: ran
rounds: one round | rounds: many rounds | rounds/body: ran
until: no round | until: one round | until: many rounds | until/body: ran
steps/first: to third | steps/first: to second | steps/first: ran | steps/second: ran | steps/third: ran
fastest: won by slow | fastest: won by steady | fastest/slow: ran | fastest/steady: ran
agree: ran | agree: approved | agree: rejected | agree: deadline
end: ran | child: ran
"""


def expected() -> list[str]:
    return [one.strip() for line in BRANCHES.strip().splitlines() for one in line.split("|")]


@pytest.fixture
def book() -> Any:
    found = CoverageBook()

    def watch(one: Any, performance: Any) -> None:
        found.add(performance, {key: graph for each in one.graphs() for key, graph in written(each).items()})

    rehearsal.WATCHERS.append(watch)
    yield found
    rehearsal.WATCHERS.remove(watch)


def play(rows: int, polite: bool, slow: int = 5, *answers: Any, decide: str = "", end: Any = None) -> Any:
    one = Rehearsal(ALL)
    one.mock("call", *answers)
    one.mock("call~undo", None)
    one.mock("end", end)
    if decide:
        getattr(one.on("agree"), decide)()
    return one.run({"rows": list(range(rows)), "polite": polite, "slow": slow})


def test_every_branch_is_known_and_can_be_come_to(book: CoverageBook) -> None:
    play(0, False, 5, fails("busy"), None, decide="approve")
    row = next(one for one in book.rows if one.name == "all-of-them 1.0.0")
    seen = set(book.data[next(k for k, v in book.data.items() if v["name"] == "all-of-them")]["hits"])
    assert seen == set(expected())
    assert set(row.missing) == {
        "call: catch_1", "call/body: retries exhausted", "call/body~undo: ran",
        "rows: one item", "rows: many items", "rows: ran",
        "size: large", "size: odd",
        "polite: when true", "polite: ran",
        "rounds: one round", "rounds: many rounds", "rounds/body: ran",
        "until: one round", "until: many rounds", "until/body: ran",
        "steps/first: to third",
        "fastest: won by steady",
        "agree: rejected", "agree: deadline",
    }  # fmt: skip
    play(1, True, 600, fails("gone"), decide="reject")
    play(7, False, 600, fails("busy"))
    play(3, False, 5, None, end=fails("odd"))
    assert [one for one in book.rows if one.missing] == []
    assert book.total.percent == 100


def test_a_missing_branch_is_named_and_books_add_up(book: CoverageBook) -> None:
    play(1, False)
    other = CoverageBook()
    other.merge(book.data)
    other.merge(book.data)
    assert other.total.hit == book.total.hit and 0 < other.total.percent < 100
    shown = other.as_json()["workflows"]["all-of-them 1.0.0"]
    assert shown["hits"]["size: odd"] == 2 and "size: large" in shown["missing"]
    assert other.as_json()["percent"] == round(other.total.percent, 1)


def test_what_a_mock_stands_for_is_not_come_to(book: CoverageBook) -> None:
    one = Rehearsal(ALL)
    one.mock_type("http", None)
    one.mock("steps", None)
    one.mock("child", None)
    one.run({"rows": [1], "polite": True, "slow": 1})
    missing = {branch for row in book.rows for branch in row.missing}
    assert {"steps/first: ran", "only: when true"} <= missing


def test_two_definitions_of_one_name_and_version_say_their_hashes(book: CoverageBook) -> None:
    for work in ("noop", "wait"):
        Rehearsal({"name": "twin", "tasks": {"a": {"type": work, "input": {"duration": 1}}}}).run()
    names = [row.name for row in book.rows]
    assert len(names) == len(set(names)) == 2 and all(name.startswith("twin 1.0.0 (") for name in names)
