"""Retry policies: what is tried again, when, and how late at most."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmonia_core.engine.retry import RETRY_AFTER_CAP, delay, draw_of, held, judge, matches, retryable
from harmonia_core.model.events import RetryScheduled, TaskAttention, TaskFailed
from harmonia_core.model.graph import RetryPolicy
from harmonia_core.model.outcomes import ErrorInfo

REFUSED = ErrorInfo("connection", "refused", "Nobody there.", kind="ConnectionRefusedError")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("connection",), True),
        (("refused",), True),
        (("ConnectionRefusedError",), True),
        (("connection_error",), True),
        (("server_error", "timeout"), False),
        (("OSError", "refused"), True),
        ((), False),
    ],
)
def test_names_match_category_code_class_and_alias(names: tuple[str, ...], found: bool) -> None:
    assert matches(REFUSED, names) is found


@pytest.mark.parametrize(("alias", "category"), [("server_error", "server"), ("timeout", "timeout")])
def test_the_aliases_of_older_dialects(alias: str, category: str) -> None:
    assert matches(replace(REFUSED, category=category), (alias,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("retry_on", "no_retry_on", "wanted"),
    [
        ((), (), True),
        (("connection",), (), True),
        (("server",), (), False),
        ((), ("refused",), False),
        (("connection",), ("ConnectionRefusedError",), False),
    ],
)
def test_no_retry_on_wins_and_empty_means_everything(
    retry_on: tuple[str, ...], no_retry_on: tuple[str, ...], wanted: bool
) -> None:
    policy = RetryPolicy(retry_on=retry_on, no_retry_on=no_retry_on)
    assert retryable(policy, REFUSED) is wanted
    assert not retryable(policy, replace(REFUSED, retryable=False))


def test_delays_grow_up_to_their_maximum() -> None:
    policy = RetryPolicy(initial_delay=1.0, backoff_multiplier=3.0, max_delay=20.0, jitter=0.0)
    assert [delay(policy, n, 1.0, None) for n in (1, 2, 3, 4, 99_999)] == [1.0, 3.0, 9.0, 20.0, 20.0]


def test_a_larger_retry_after_wins_up_to_a_day() -> None:
    policy = RetryPolicy(initial_delay=10.0, jitter=0.0)
    assert [delay(policy, 1, 0.0, after) for after in (None, 5.0, 11.0, 1e9)] == [10.0, 10.0, 11.0, 86_400.0]


@given(
    st.floats(0, 1e9), st.floats(1, 100), st.floats(0, 1e9), st.floats(0, 1), st.integers(1, 10_000),
    st.floats(-1, 1), st.none() | st.floats(0, 1e12),
)  # fmt: skip
def test_a_delay_stays_within_its_bounds(
    initial: float, factor: float, most: float, jitter: float, number: int, draw: float, after: float | None
) -> None:
    policy = RetryPolicy(3, initial, factor, most, jitter)
    seconds = delay(policy, number, draw, after)
    assert 0 <= seconds <= max(most * (1 + jitter), min(after or 0.0, RETRY_AFTER_CAP))
    assert seconds >= min(after or 0.0, RETRY_AFTER_CAP)
    middle = min(most, initial * factor ** min(number - 1, 100)) if number < 100 else None
    if middle is not None and after is None:
        assert middle * (1 - jitter) * 0.999 <= seconds <= middle * (1 + jitter) * 1.001


def test_an_attempt_is_tried_again_max_retries_times() -> None:
    policy = RetryPolicy(max_retries=2, initial_delay=4.0, jitter=0.5)
    first = judge(policy, "t", 1, REFUSED, 100.0, -0.5)
    assert first == RetryScheduled("t", 1, REFUSED, 103.0, 3.0, -0.5)
    assert isinstance(judge(policy, "t", 2, REFUSED, 0.0, 0.0), RetryScheduled)
    assert judge(policy, "t", 3, REFUSED, 0.0, 0.0) == TaskFailed("t", 3, REFUSED)


def test_without_a_policy_or_a_retryable_error_an_attempt_is_the_last() -> None:
    fatal = replace(REFUSED, retryable=False)
    assert judge(None, "t", 1, REFUSED, 0.0, 0.0) == TaskFailed("t", 1, REFUSED)
    assert judge(RetryPolicy(), "t", 1, fatal, 0.0, 0.0) == TaskFailed("t", 1, fatal)
    assert judge(RetryPolicy(max_retries=0), "t", 1, REFUSED, 0.0, 0.0) == TaskFailed("t", 1, REFUSED)


def test_the_draw_of_the_core_itself_stays_what_it_was() -> None:
    # Logs say what was drawn: other numbers would be another jitter for the same attempt.
    drawn = [draw_of("block", 1), draw_of("block", 2), draw_of("rows[3]/block", 1)]
    assert drawn == [0.2235026020666131, -0.10824636142153587, -0.6455831693697642]


def test_the_draws_of_the_core_fill_their_range() -> None:
    drawn = [draw_of("block", attempt) for attempt in range(200)]
    assert -1 <= min(drawn) < -0.9 and 0.9 < max(drawn) <= 1


def test_only_a_failure_is_held_for_a_person() -> None:
    later = RetryScheduled("a", 1, REFUSED, 5.0, 1.0, 0.0)
    assert held(later, "policy") is later
    assert held(TaskFailed("a", 1, REFUSED), "policy") == TaskAttention("a", "policy", REFUSED)
