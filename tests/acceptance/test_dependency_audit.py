"""The demo's own functions, on distributions that are complete, broken, doubled and strange."""

import importlib
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

WHOLE = "Metadata-Version: 2.4\nName: whole\nVersion: 1.0\nSummary: All there\nLicense-Expression: MIT\n\n"


@pytest.fixture
def audit(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(root / "examples"))
    return importlib.import_module("dependency_audit")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is all there is on the import path."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def install(site: Path, folder: str, **files: str | bytes) -> Path:
    place = site / folder
    place.mkdir(parents=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (place / name.replace("__", "-").replace("_DOT_", ".")).write_bytes(data)
    return place


def look(audit: Any) -> dict[str, Any]:
    found = [audit.examine(**one) for one in audit.list_distributions()["distributions"]]
    result: dict[str, Any] = audit.summarise(found, 10)
    return result


def findings(audit: Any) -> dict[str, list[str]]:
    return {one["name"]: one["findings"] for one in look(audit)["distributions"]}


def test_it_names_every_distribution_that_importlib_knows(audit: Any) -> None:
    listed = audit.list_distributions()["distributions"]
    names = {distribution.metadata["Name"] for distribution in distributions()}
    assert names <= {one["name"] for one in listed}
    assert listed == audit.list_distributions()["distributions"]
    keys = [audit._normal(one["name"]) for one in listed]
    assert keys == sorted(keys)


def test_a_complete_distribution_has_no_findings(audit: Any, site: Path) -> None:
    (site / "whole.py").write_text("x = 1\n")
    install(
        site, "whole-1.0.dist-info", METADATA=WHOLE, RECORD="whole.py,,\nwhole-1.0.dist-info/METADATA,,\n"
    )
    report = look(audit)
    (one,) = report["distributions"]
    assert (one["version"], one["licence"], one["files"], one["findings"]) == ("1.0", "MIT", 2, [])
    assert one["size"] == report["size"] == len("x = 1\n") + len(WHOLE)
    assert report["attention"] == []


def test_missing_files_are_counted_but_not_byte_code(audit: Any, site: Path) -> None:
    record = "gone.py,,\n__pycache__/gone.pyc,,\n../outside.py,,\n"
    install(site, "whole-1.0.dist-info", METADATA=WHOLE, RECORD=record)
    (one,) = look(audit)["attention"]
    assert (one["findings"], one["missing_files"], one["serious"]) == (["files-missing"], 2, True)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ["missing-metadata", "no-file-list"]),
        ({"METADATA": ""}, ["missing-metadata", "no-file-list"]),
        ({"METADATA": b"Name: \xff\xfe"}, ["unreadable-metadata", "no-file-list"]),
        ({"METADATA": "\0\0\0", "RECORD": ""}, ["no-version", "no-licence", "no-summary"]),
        ({"METADATA": "Name: broken\n", "RECORD": ""}, ["no-version", "no-licence", "no-summary"]),
        ({"METADATA": WHOLE.replace("whole", "broken"), "RECORD": b"\xff\xfe"}, ["no-file-list"]),
        ({"METADATA": WHOLE.replace("whole", "broken"), "RECORD": "a\0b,,\n"}, ["files-missing"]),
    ],
)
def test_a_broken_distribution_is_named_with_its_findings(
    audit: Any, site: Path, files: dict[str, Any], expected: list[str]
) -> None:
    install(site, "broken-1.0.dist-info", **files)
    assert findings(audit) == {"broken": expected}


def test_the_same_name_twice_is_a_finding(audit: Any, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "path", [str(site / "a"), str(site / "b"), str(site / "a"), str(site / "nowhere")]
    )
    install(site / "a", "whole-1.0.dist-info", METADATA=WHOLE, RECORD="")
    install(site / "b", "Whole-2.0.dist-info", METADATA=WHOLE.replace("1.0", "2.0"), RECORD="")
    rows = look(audit)["distributions"]
    assert [one["findings"] for one in rows] == [["installed-twice"]] * 2


def test_the_trace_of_an_editable_install_is_no_second_distribution(audit: Any, site: Path) -> None:
    install(site, "whole-1.0.dist-info", METADATA=WHOLE, RECORD="")
    install(site, "whole.egg-info", PKG__INFO=WHOLE)
    install(site, "alone.egg-info", PKG__INFO=WHOLE.replace("whole", "alone"))
    assert findings(audit) == {"alone": ["no-file-list"], "whole": []}


@pytest.mark.parametrize(
    ("header", "licence"),
    [
        ("License: BSD", "BSD"),
        ("License: UNKNOWN", None),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved", None),
        (f"License: {'long text ' * 9}\nClassifier: License :: OSI Approved :: ISC License (ISCL)", "ISC"),
        (f"License: {'x' * 90}", "x" * 40 + "…"),
        ("License: old\nLicense-Expression: Apache-2.0", "Apache-2.0"),
    ],
)
def test_a_licence_is_found_where_it_is_stated(audit: Any, site: Path, header: str, licence: Any) -> None:
    install(site, "x-1.dist-info", METADATA=f"Name: x\nVersion: 1\n{header}\n\n")
    assert look(audit)["distributions"][0]["licence"] == licence


def test_an_empty_import_path_gives_an_empty_report(audit: Any, site: Path) -> None:
    report = look(audit)
    assert (report["count"], report["distributions"], report["size_text"]) == (0, [], "0 B")


def test_a_report_is_written_whole_and_again(audit: Any, tmp_path: Path) -> None:
    for text in ("first", "second"):
        written = audit.write_report(str(tmp_path / "new" / "folder"), "r.md", text)
    assert Path(written["path"]).read_text() == "second"
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["r.md"]
    with pytest.raises(UnicodeEncodeError):
        audit.write_report(str(tmp_path / "new" / "folder"), "r.md", "half \ud800")
    assert Path(written["path"]).read_text() == "second"
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["r.md"]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**2, "5.0 MiB"), (3 * 1024**3, "3.0 GiB")],
)
def test_sizes_are_for_people(audit: Any, size: int, text: str) -> None:
    assert audit.size_text(size) == text
