"""Which tests carry out which lines, and how long each takes: measured once, kept while nothing changes."""

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import coverage
from _pytest.runner import runtestprotocol
from pure_modules import ROOT, path_of


class LineTests(NamedTuple):
    """What was measured. seconds: by test; tests: by module and line, as places in `seconds`."""

    seconds: dict[str, float]
    tests: dict[str, dict[int, list[int]]]

    def covering(self, module: str, first: int, last: int) -> list[str]:
        """Return the tests that carry out a line of a statement, the quickest first."""
        names = list(self.seconds)
        lines = self.tests.get(module, {})
        found = {names[place] for line in range(first, last + 1) for place in lines.get(line, ())}
        return sorted(found, key=lambda name: (self.seconds[name], name))


def measured(items: list[Any], modules: Iterable[str], file: Path) -> None:
    """Keep in a file what the tests carry out of some modules, unless it stands there already.

    Raises AssertionError naming the tests that fail.
    """
    modules = sorted(modules)
    stamp = state_of(modules, sorted({Path(item.path) for item in items}))
    if not (file.exists() and json.loads(file.read_text("utf-8"))["stamp"] == stamp):
        new = measure(items, modules)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"stamp": stamp, "seconds": new.seconds, "tests": new.tests})
        file.write_text(text, "utf-8")


def kept(file: Path) -> LineTests:
    """Return what was measured."""
    found = json.loads(file.read_text("utf-8"))
    tests = {name: {int(line): at for line, at in lines.items()} for name, lines in found["tests"].items()}
    return LineTests(found["seconds"], tests)


def measure(items: list[Any], modules: list[str]) -> LineTests:
    """Run every test once, watching some modules."""
    watch = coverage.Coverage(
        data_file=None, config_file=False, include=[str(path_of(module)) for module in modules]
    )
    seconds: dict[str, float] = {}
    failed = []
    watch.start()
    for place, item in enumerate(items):
        watch.switch_context(str(place))
        begun = time.process_time()
        reports = run(item)
        seconds[item.nodeid] = round(time.process_time() - begun, 4)
        failed += [item.nodeid for report in reports if report.failed]
    watch.stop()
    assert not failed, f"these tests fail without any change: {', '.join(failed)}"
    data = watch.get_data()
    by_line = {module: data.contexts_by_lineno(str(path_of(module))) for module in modules}
    tests = {
        module: {line: sorted(int(name) for name in names if name) for line, names in lines.items()}
        for module, lines in by_line.items()
    }
    return LineTests(seconds, tests)


def run(item: Any) -> list[Any]:
    """Run one test with all that it needs, and take that down again."""
    return list(runtestprotocol(item, log=False, nextitem=None))


def state_of(modules: list[str], tests: list[Path]) -> str:
    """Return a stamp of everything that a measurement depends on."""
    folders = sorted({path.parent for path in tests})
    files = {*ROOT.glob("harmonia_core/**/*.py"), *(one for folder in folders for one in folder.glob("*.py"))}
    found = hashlib.sha256(json.dumps([modules, [str(path) for path in tests]]).encode())
    for path in sorted(files):
        found.update(path.read_bytes())
    return found.hexdigest()
