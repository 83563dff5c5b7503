"""The pytest plugin: the fixture `workflow`, the path taken in reports, coverage of branches.

pytest imports this in every environment in which Harmonia is installed, so the kernel is imported by the
first test that asks for a workflow, and by nothing here.
"""

import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harmonia_core.testing.rehearsal import Rehearsal

_KIT = "harmonia_core.testing.rehearsal"
_HERE = pytest.StashKey[list["Rehearsal"]]()
_DATA = "harmonia_workflow_coverage"
_OPTION = "workflow_coverage"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of workflow coverage."""
    group = parser.getgroup("harmonia", "tests of Harmonia workflows")
    group.addoption(
        "--workflow-coverage",
        dest=_OPTION,
        nargs="?",
        const="-",
        metavar="FILE.json",
        help="show which branches of workflows the tests came to; with a file, write them there as well",
    )
    group.addoption(
        "--workflow-coverage-fail-under",
        dest="workflow_coverage_fail_under",
        type=float,
        metavar="PERCENT",
        help="fail if fewer branches of all workflows together were come to",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to collect what is covered, if that is asked for."""
    least, file = config.getoption("workflow_coverage_fail_under"), config.getoption(_OPTION)
    if file not in (None, "-") and not str(file).endswith(".json"):
        raise pytest.UsageError(
            f"--workflow-coverage took {file!r} for its file, which ends with .json."
            " Write --workflow-coverage=FILE.json, or put the option behind the paths."
        )
    if file is not None or least is not None:
        from harmonia_core.testing.pytest_coverage import CoverageReport

        config.pluginmanager.register(CoverageReport(config), _DATA)


@pytest.fixture
def workflow(request: pytest.FixtureRequest) -> Iterator[Callable[..., "Rehearsal"]]:
    """Return what makes a `Rehearsal`: `workflow("order.yaml")`.

    It takes what `harmonia_core.testing.Rehearsal` takes; paths begin at the folder of the test file.
    When the test has passed otherwise, it fails if it arranged what no execution came to.
    """
    from harmonia_core.testing.rehearsal import Rehearsal

    made = request.node.stash.setdefault(_HERE, [])

    def make(definition: Any, *, folder: str | Path | None = None, **options: Any) -> Rehearsal:
        beside = request.path.parent
        rehearsal = Rehearsal(definition, folder=beside if folder is None else beside / folder, **options)
        made.append(rehearsal)
        return rehearsal

    yield make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that has passed, but arranged what no execution came to."""
    kit = sys.modules.get(_KIT)
    if kit is not None:
        kit.PLAYED.clear()
    result = yield
    for rehearsal in item.stash.get(_HERE, []):
        _check(rehearsal)
    return result


def _check(rehearsal: "Rehearsal") -> None:
    from harmonia_core.testing.refusals import NotUsed

    try:
        rehearsal.check_used()
    except NotUsed as error:
        message = str(error)
    else:
        return
    pytest.fail(message, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Draw the path that executions took, if the test has failed."""
    report = yield
    kit = sys.modules.get(_KIT)
    if kit is not None and report.when == "call" and report.failed:
        report.sections += [(f"workflow {one.workflow}", one.draw()) for one in kit.PLAYED]
    return report
