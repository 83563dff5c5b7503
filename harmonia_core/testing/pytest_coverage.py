"""Coverage of workflows in a session of pytest: collect, bring together from workers, show, judge."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harmonia_core.testing.coverage_book import CoverageBook

if TYPE_CHECKING:
    from harmonia_core.testing.performing import Performance
    from harmonia_core.testing.rehearsal import Rehearsal

_SENT = "harmonia_workflow_coverage"


class CoverageReport:
    """Collect in this process, and in the controller of pytest-xdist what its workers have collected."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._file: str | None = config.getoption("workflow_coverage")
        self._least: float | None = config.getoption("workflow_coverage_fail_under")
        self._book = CoverageBook()
        self._watchers: list[Any] = []
        if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
            from harmonia_core.testing.rehearsal import WATCHERS

            self._watchers = WATCHERS
            WATCHERS.append(self._played)

    def _played(self, one: "Rehearsal", performance: "Performance") -> None:
        from harmonia_core.testing.branches import written

        graphs = {key: graph for each in one.graphs() for key, graph in written(each).items()}
        self._book.add(performance, graphs)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Take in what a worker has collected."""
        self._book.merge(getattr(node, "workeroutput", {}).get(_SENT, {}))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send what was collected to the controller, or write the file and judge."""
        sent = getattr(self._config, "workeroutput", None)
        if sent is not None:
            sent[_SENT] = self._book.data
            return
        if self._file not in (None, "-"):
            text = json.dumps(self._book.as_json(), indent=2, ensure_ascii=False)
            Path(str(self._file)).write_text(f"{text}\n", "utf-8")
        if self._fails and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @property
    def _fails(self) -> bool:
        nothing = not self._book.data
        return self._least is not None and (nothing or self._book.total.percent < self._least)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show a row for each definition, and the branches that no test came to."""
        write = terminalreporter.write_line
        terminalreporter.section("coverage of workflows")
        rows = self._book.rows
        if not rows:
            write("No test ran a workflow.", red=self._fails)
            return
        width = max((len(one.name) for one in rows), default=8)
        write(f"{'Workflow':<{width}}  Branches   Hit  Cover")
        for one in [*rows, self._book.total]:
            name = "TOTAL" if one.name == "all" else one.name
            write(f"{name:<{width}}  {one.branches:>8}  {one.hit:>4}  {one.percent:>4.0f}%")
            for branch in one.missing:
                write(f"    {branch}")
        if self._file not in (None, "-"):
            write(f"Written to {self._file}.")
        if self._fails:
            total = self._book.total.percent
            write(
                f"FAIL: {total:.1f}% of the branches were come to, {self._least:g}% are demanded.", red=True
            )

    def pytest_unconfigure(self) -> None:
        """Collect no more: a session inside another one has a report of its own."""
        if self._played in self._watchers:
            self._watchers.remove(self._played)
