"""Semantic versions: their order, what comes next, and what a reference means."""

import pytest

from harmonia_core.definitions.errors import ReferenceInvalid
from harmonia_core.definitions.versions import Version, read_reference, read_version

# The example of semver.org, paragraph 11.
ORDERED = [
    "0.0.1",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
]


def version(text: str) -> Version:
    found = read_version(text)
    assert found is not None
    return found


def test_versions_stand_in_the_order_of_semver() -> None:
    assert [str(one) for one in sorted(version(text) for text in ORDERED[::-1])] == ORDERED
    assert version("1.0.0-rc.1+7") > version("1.0.0-rc.1")


@pytest.mark.parametrize(
    "text", ["", "1", "1.4", "01.0.0", "1.0.0-", "v1.0.0", "1.0.0-a..b", "1.0.0.0", "^1.0.0"]
)
def test_what_is_no_whole_version(text: str) -> None:
    assert read_version(text) is None


@pytest.mark.parametrize(
    ("before", "major", "minor", "patch"),
    [
        ("1.4.2", "2.0.0", "1.5.0", "1.4.3"),
        ("0.4.2", "0.5.0", "0.4.3", "0.4.3"),
        ("0.0.0", "0.1.0", "0.0.1", "0.0.1"),
    ],
)
def test_what_comes_next(before: str, major: str, minor: str, patch: str) -> None:
    one = version(before)
    assert [str(one.next(level)) for level in ("major", "minor", "patch")] == [major, minor, patch]


@pytest.mark.parametrize(
    ("reference", "meant", "not_meant"),
    [
        ("flow", "0.1.0 1.0.0 9.9.9", "1.0.0-rc.1"),
        ("flow@latest", "0.1.0 9.9.9", "9.9.9-rc.1"),
        ("flow@1.4.0", "1.4.0", "1.4.1 1.4.0-rc.1 1.4.0+1"),
        ("flow@1.4.0-rc.1", "1.4.0-rc.1", "1.4.0 1.4.0-rc.2"),
        ("flow@1", "1.0.0 1.9.9", "0.9.0 2.0.0 1.5.0-rc.1 2.0.0-rc.1"),
        ("flow@1.4", "1.4.0 1.4.9", "1.3.9 1.5.0"),
        ("flow@^1.4", "1.4.0 1.9.0", "1.3.9 2.0.0"),
        ("flow@^1.4.2", "1.4.2 1.5.0", "1.4.1 2.0.0"),
        ("flow@^0.4", "0.4.0 0.4.7", "0.3.0 0.5.0 1.0.0"),
        ("flow@^0.0.3", "0.0.3", "0.0.2 0.0.4"),
        ("flow@^0", "0.0.1 0.9.0", "1.0.0"),
        ("flow@0", "0.0.1 0.9.0", "1.0.0"),
    ],
)
def test_what_a_reference_means(reference: str, meant: str, not_meant: str) -> None:
    found = read_reference(reference)
    assert [text for text in meant.split() if not found.allows(version(text))] == []
    assert [text for text in not_meant.split() if found.allows(version(text))] == []


@pytest.mark.parametrize(
    "text", ["", "@1", "two words", "flow@", "flow@x", "flow@1.x", "flow@~1", "flow.yaml", "a/b"]
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(ReferenceInvalid) as refused:
        read_reference(text)
    assert refused.value.code == "reference-invalid" and repr(text) in str(refused.value)
