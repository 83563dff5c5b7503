"""The examples that use `http`, against the small service that stands beside them."""

import importlib.util
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from warm import carried_out

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ADDRESS = "http://127.0.0.1:8099"
"""What the heads of the examples say; a test puts the service's own in its place."""


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("inventory_service", EXAMPLES / "inventory_service.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def service(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with module.Service(0) as service:
        thread = Thread(target=service.serve_forever, args=(0.02,))
        thread.start()
        yield service
        service.shutdown()
        thread.join()


def run(name: str, service: Any, folder: Path, *more: str, **variables: str) -> Any:
    """Run the command in an example's head, at the address of the service."""
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    head = (EXAMPLES / f"{name}.yaml").read_text()
    found = re.search(r"^#   (harmonia run .*)$", head, re.MULTILINE)
    assert found is not None
    assert ADDRESS in found[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARMONIA_")}
    line = " ".join([found[1].replace(ADDRESS, service.url), *more])
    environment = {**kept, "HARMONIA_DATA_DIR": str(folder / "data"), "NO_COLOR": "1", **variables}
    return carried_out(line, folder, environment)


def test_an_order_is_placed_once_although_it_is_sent_twice(service: Any, tmp_path: Path) -> None:
    ended = run("http-inventory", service, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert '"order": "order-1"' in ended.stdout
    assert '"pages": 3' in ended.stdout
    assert "Tasks may reach addresses of this machine" in ended.stderr
    counts = Counter(method for method, _, _ in service.requests)
    assert counts == {"GET": 3, "POST": 2}
    (key,) = service.orders
    assert {sent for method, _, sent in service.requests if method == "POST"} == {key}
    assert len(service.orders[key]["lines"]) == 12


def test_a_report_is_kept_checked_and_archived(service: Any, module: ModuleType, tmp_path: Path) -> None:
    ended = run("http-download", service, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert '"archived": "succeeded"' in ended.stdout
    assert service.archived == module.REPORT.encode()


def test_a_report_need_not_be_archived(service: Any, tmp_path: Path) -> None:
    ended = run("http-download", service, tmp_path, "--input", "archive=false")
    assert ended.returncode == 0, ended.stderr
    assert '"archived": "skipped"' in ended.stdout
    assert service.archived is None


def test_a_report_that_differs_goes_nowhere(
    service: Any, module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = module.Handler.send

    def tampered(self: Any, status: int, body: bytes, headers: dict[str, str]) -> None:
        served(self, status, body.replace(b"part-00001", b"part-99999"), headers)

    monkeypatch.setattr(module.Handler, "send", tampered)
    ended = run("http-download", service, tmp_path)
    assert ended.returncode == 1
    assert "report-differs" in ended.stderr
    assert service.archived is None


def test_this_machine_is_out_of_reach_where_that_is_forbidden(service: Any, tmp_path: Path) -> None:
    ended = run("http-inventory", service, tmp_path, HARMONIA_PLUGINS__TASKS__ALLOW_LOOPBACK="false")
    assert ended.returncode == 1
    assert "address-refused" in ended.stderr
    assert "HARMONIA_PLUGINS__TASKS__ALLOW_LOOPBACK" in ended.stderr
    assert service.requests == []
