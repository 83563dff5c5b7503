"""Rules of retention: which ended executions go, judged against the sentences of the docs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harmonia_core.engine.retention import deciding, walks
from harmonia_core.model.retention import RetentionRule
from harmonia_core.settings import KernelSettings
from harmonia_core.testing.state_backend_rows import execution_id, head_row


def row(number, at, **changes):
    return head_row(number, **{"status": "completed", "ended_at": at, "labels": "{}", **changes})


def gone(rules, rows, now, page=3):
    """Return the numbers of those that the rules let go, walking as the pruner does."""
    found = []
    for walk in walks(rules):
        before = walk.before(now)
        seen = [one for one in rows if before is None or one.ended_at < before]
        for start in range(0, len(seen), page):
            found += walk.take(seen[start : start + page])
        found += walk.overdue(now)
        assert len(walk) <= (walk._rule.keep_last or 0)
    return sorted(int(one.execution_id[-12:]) for one in found)


def naive(rules, rows, now):
    """Return the same by the words of the rules: for each execution, look at all the others."""
    found = []
    for place, one in enumerate(rows):
        rule_place = deciding(rules, one)
        if rule_place is None:
            continue
        rule = rules[rule_place]
        newer = sum(deciding(rules, other) == rule_place for other in rows[place + 1 :])
        too_old = rule.keep_for is not None and one.ended_at < now - rule.keep_for
        too_many = rule.keep_last is not None and newer >= rule.keep_last
        if too_old or too_many:
            found.append(int(one.execution_id[-12:]))
    return sorted(found)


STATUSES = st.sampled_from(["completed", "failed", "cancelled"])
RULES = st.lists(
    st.builds(
        RetentionRule,
        status=st.lists(STATUSES, max_size=2).map(tuple),
        workflow=st.sampled_from([None, "greet", "other"]),
        namespace=st.sampled_from([None, "default", "team"]),
        labels=st.sampled_from([{}, {"keep": "no"}, {"keep": "no", "a": "b"}]),
        keep_for=st.none() | st.floats(0, 60),
        keep_last=st.none() | st.integers(0, 4),
    ),
    max_size=4,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "status": STATUSES | st.just("continued"),
            "workflow": st.sampled_from(["greet", "other"]),
            "namespace": st.sampled_from(["default", "team"]),
            "labels": st.sampled_from(
                ["{}", '{"keep": "no"}', '{"keep": "no", "a": "b"}', '{"keep": "yes"}']
            ),
        }
    ),
    max_size=25,
)


@given(RULES, ROWS, st.lists(st.floats(0, 100), min_size=25, max_size=25), st.integers(1, 5))
def test_a_walk_agrees_with_the_words_of_the_rules(rules, changes, ends, page):
    ends = sorted(ends)
    rows = [row(number, ends[number], **one) for number, one in enumerate(changes)]
    assert gone(rules, rows, 100.0, page) == naive(rules, rows, 100.0)


@given(RULES, ROWS, st.lists(st.floats(0, 100), min_size=25, max_size=25))
def test_walking_on_as_time_goes_on_lets_the_same_go(rules, changes, ends):
    ends = sorted(ends)
    rows = [row(number, ends[number], **one) for number, one in enumerate(changes)]
    found = set()
    steps = walks(rules)
    seen = [0] * len(steps)
    for now in (20.0, 45.0, 45.0, 80.0, 101.0):
        for place, walk in enumerate(steps):
            before = min(now, walk.before(now) if walk.before(now) is not None else now)
            ready = [one for one in rows if one.ended_at < before]
            found |= {int(one.execution_id[-12:]) for one in walk.take(ready[seen[place] :])}
            seen[place] = max(seen[place], len(ready))
            found |= {int(one.execution_id[-12:]) for one in walk.overdue(now)}
    assert sorted(found) == naive(rules, rows, 101.0)


def test_the_first_rule_that_matches_decides_and_may_exempt():
    rules = [
        RetentionRule(labels={"keep": "yes"}),
        RetentionRule(status=("failed",), keep_for="P7D"),
        RetentionRule(keep_last=1),
    ]
    rows = [
        row(1, 1.0, labels='{"keep": "yes"}', status="failed"),
        row(2, 2.0, status="failed"),
        row(3, 3.0),
        row(4, 4.0),
    ]
    assert gone(rules, rows, 100.0) == [3]
    assert gone(rules, rows, 7 * 86_400 + 3.0) == [2, 3]
    assert gone([], rows, 1e12) == []


def test_a_continued_execution_is_decided_by_no_rule():
    rules = [RetentionRule(keep_last=0)]
    assert deciding(rules, row(1, 1.0, status="continued")) is None
    assert gone(rules, [row(1, 1.0, status="continued"), row(2, 2.0)], 9.0) == [2]


def test_a_rewound_walk_begins_anew():
    [walk] = walks([RetentionRule(keep_last=2)])
    rows = [row(number, float(number)) for number in range(1, 4)]
    walk.cursor = "x"
    assert [one.execution_id for one in walk.take(rows)] == [execution_id(1)]
    walk.rewind()
    assert (len(walk), walk.cursor) == (0, None)
    assert [one.execution_id for one in walk.take(rows)] == [execution_id(1)]


def test_rules_are_read_from_json_text_and_from_values():
    text = '[{"status": ["failed"], "keep_for": "PT90S"}, {"keep_last": 10}]'
    rules = (RetentionRule(status=("failed",), keep_for=90.0), RetentionRule(keep_last=10))
    assert KernelSettings(retention=text).retention == rules
    assert KernelSettings(retention=rules).retention == rules


@pytest.mark.parametrize(
    "text, place, words",
    [
        ("[{", (), "a list of rules in JSON"),
        ('{"keep_last": 1}', (), "a list of rules is needed"),
        ('[{"keep_last": -1}]', (0, "keep_last"), "greater than or equal to 0"),
        ('[{"keep_last": "x"}]', (0, "keep_last"), "valid integer"),
        ('[{}, {"keep_for": "3 days"}]', (1, "keep_for"), "no duration"),
        ('[{"status": ["running"]}]', (0, "status", 0), "'completed'"),
        ('[{"status": ["continued"]}]', (0, "status", 0), "'completed'"),
        ('[{"age": 1}]', (0, "age"), "not permitted"),
    ],
)
def test_impossible_rules_are_refused_with_their_place(text, place, words):
    with pytest.raises(ValidationError) as caught:
        KernelSettings(retention=text)
    [error] = caught.value.errors()
    assert error["loc"] == ("retention", *place)
    assert words in error["msg"]
