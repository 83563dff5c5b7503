"""How tests name tasks: ids, paths, items, patterns, and which of several counts."""

import pytest

from harmonia_core.testing.mocks import Mocks
from harmonia_core.testing.refusals import TargetInvalid
from harmonia_core.testing.targets import EXACT, ID, PATTERN, read_target


@pytest.mark.parametrize(
    ("target", "path", "rank"),
    [
        ("charge", "charge", ID),
        ("charge", "pay/charge", ID),
        ("charge", "pay[3]/charge[2]", ID),
        ("charge", "charger", 0),
        ("charge", "charge~undo", 0),
        ("charge~undo", "pay/charge~undo", ID),
        ("pay/charge", "pay/charge", EXACT),
        ("pay/charge", "pay[7]/charge", PATTERN),
        ("pay/charge", "pay/charge/body", 0),
        ("ship[3]", "ship[3]", EXACT),
        ("ship[3]", "ship[30]", 0),
        ("ship[3]", "ship[3][1]", 0),
        ("ship[3]/send", "ship[3][1]/send", PATTERN),
        ("ship[*]/send", "ship[12]/send", PATTERN),
        ("ship[*]", "ship", 0),
        ("*/send", "mail/send", PATTERN),
        ("*/send", "a/mail/send", 0),
        ("**/send", "send", PATTERN),
        ("**/send", "a[2]/mail/send", PATTERN),
        ("a/**", "a/b[1]/c", PATTERN),
        ("a/**", "a", 0),
        ("*/send~undo", "mail/send~undo", PATTERN),
    ],
)
def test_what_a_target_names(target: str, path: str, rank: int) -> None:
    assert read_target(target).rank([path]) == rank


@pytest.mark.parametrize(
    ("target", "place", "named"),
    [
        ("ship[3]/send", "ship/send", True),
        ("ship[*]", "ship", True),
        ("send", "ship/send", True),
        ("**/send", "ship/send", True),
        ("ship/send", "ship", False),
    ],
)
def test_which_places_of_a_definition_a_target_may_name(target: str, place: str, named: bool) -> None:
    assert read_target(target).may_name([place]) is named


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("pay.charge", "'pay/charge'"),
        ("", "its id or its path"),
        (7, "its id or its path"),
        ("ship[a]", "numbers in brackets"),
        ("a//b", "''"),
    ],
)
def test_what_is_no_target_is_refused_with_what_to_write(target: object, says: str) -> None:
    with pytest.raises(TargetInvalid, match=says.replace("[", r"\[")):
        read_target(target)


def test_the_most_exact_mock_counts_and_among_equals_the_last() -> None:
    mocks = Mocks()
    by_path = mocks.add("pay/charge", (1,), False)
    by_pattern = mocks.add("*/charge", (2,), False)
    by_id = mocks.add("charge", (3,), False)
    by_type = mocks.add_type("http", (4,), False)
    assert mocks.find(["charge"], "http") is by_id
    later = mocks.add("**/charge", (5,), False)
    assert mocks.find(["pay/charge"], "http") is by_path
    assert mocks.find(["bill/charge"], "http") is later
    assert mocks.find(["charge"], "http") is later
    assert mocks.find(["charge~undo"], "http") is by_type
    assert mocks.find(["thank"], "http") is by_type
    assert mocks.find(["thank"], "shell") is None
    assert by_pattern in mocks.all


def test_what_names_the_same_again_replaces_what_was_said_before() -> None:
    mocks = Mocks()
    mocks.add("charge", (1,), False)
    again = mocks.add("charge", (2,), False)
    assert mocks.all == [again]
