"""The page of `executions explain`, at the widths of a small and a large terminal."""

from typing import Any

import pytest

from harmonia_api.cli.explain import in_a_line, lines, verdict

ID, CHILD = "01a209f1-bd9e-7d99-b869-bbf256a4c04f", "01a20a01-50b2-76bc-bab1-492a851517ed"


def step(path: str, status: str = "waiting", execution: str = ID) -> dict[str, str]:
    return {"execution": execution, "path": path, "status": status}


FOUND: dict[str, Any] = {
    "execution": ID,
    "path": "ship",
    "status": "running",
    "as_of": "2026-03-01T10:00:30.000000Z",
    "progressing": False,
    "causes": [
        {
            "code": "approval-open",
            "needs": "person",
            "execution": CHILD,
            "path": "sign",
            "since": "2026-03-01T10:00:00.000000Z",
            "until": None,
            "blocking": {"kind": "approval"},
            "message": "Waits for ann or bob to decide: "
            "Sign the contract about the delivery of a\x1b[2J very long list?",
            "help": [f"harmonia executions approve {CHILD} sign --as ann"],
            "chain": [
                step("ship"),
                step("sub", "blocked"),
                step("", "running", CHILD),
                step("sign", "", CHILD),
            ],
        },
        {
            "code": "timer-running",
            "needs": "time",
            "execution": ID,
            "path": "rows[0]",
            "since": "2026-03-01T10:00:00.000000Z",
            "until": "2026-03-01T10:10:00.000000Z",
            "blocking": {"kind": "timer"},
            "message": "A `wait` that is not over yet.",
            "help": [f"harmonia executions resolve {ID} 'rows[0]' --skip"],
            "chain": [step("ship"), step("rows", "running"), step("rows[0]", "blocked")],
            "count": 40,
            "paths": ["rows[0]", "rows[1]"],
        },
        {
            "code": "deadline-running",
            "needs": "other",
            "execution": ID,
            "path": None,
            "since": None,
            "until": "2026-03-01T09:59:30.000000Z",
            "blocking": {"kind": "deadline"},
            "message": "The execution fails if it has not ended by then.",
            "help": [],
            "chain": [],
        },
    ],
}
AT_80 = f"""\
{ID}, task ship: running, not at work: a person has to decide

1. approval-open  sign of execution {CHILD}
   Waits for ann or bob to decide: Sign the contract about the delivery of a [2J
   very long list?
   since 2026-03-01 10:00:00Z (30.0 s)
   waits: ship (waiting) ← sub (blocked) ← execution
          {CHILD} (running) ← sign
   $ harmonia executions approve {CHILD} sign --as ann --db s.db

2. timer-running  rows[0] and 39 more
   A `wait` that is not over yet.
   since 2026-03-01 10:00:00Z (30.0 s), until 2026-03-01 10:10:00Z (in 9 m 30 s)
   waits: ship (waiting) ← rows (running) ← rows[0] (blocked)
   $ harmonia executions resolve {ID} 'rows[0]' --skip --db s.db

3. deadline-running  the execution
   The execution fails if it has not ended by then.
   until 2026-03-01 09:59:30Z (1 m 00 s ago)"""


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def test_the_page_at_80_columns() -> None:
    assert "\n".join(lines(FOUND, "s.db", 80)) == AT_80


def test_the_page_at_140_columns_needs_fewer_lines_and_says_the_same() -> None:
    wide = "\n".join(lines(FOUND, "s.db", 140))
    assert wide.split() == AT_80.split() and wide.count("\n") == AT_80.count("\n") - 2


def test_a_long_chain_is_shown_without_its_middle() -> None:
    chain = [step(f"t{n}") for n in range(30)]
    shown = [*lines({**FOUND, "causes": [{**FOUND["causes"][2], "chain": chain}]}, None, 200)]
    assert (
        "   waits: t0 (waiting) ← t1 (waiting) ← t2 (waiting) ← t3 (waiting) ← … 23 more … ← "
        in "\n".join(shown)
    )


def test_what_is_at_work_needs_no_line() -> None:
    running = {**FOUND, "progressing": True}
    assert in_a_line(running, None) is None and verdict(running) == "at work"
    text = in_a_line(FOUND, None)
    assert text is not None
    assert text.splitlines()[1].strip() == f"harmonia executions explain {ID}"
    assert verdict({**FOUND, "causes": [{**FOUND["causes"][0], "code": "ended"}]}) == "ended"
