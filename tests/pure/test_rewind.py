"""Whatever a finished execution is carried out again from, or forked at, the same comes out."""

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lives import Drawn, Store

from harmonia_core.engine.rewind import AtSeq, FromTasks, rewind
from harmonia_core.engine.rewind_past import lies_below

FREE: Any = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=60, **FREE)
@given(st.integers(0, 2**32))
def test_a_fork_at_any_seq_comes_to_the_same(seed: int) -> None:
    random = Random(seed)
    drawn, store = Drawn(random), Store()
    life = drawn.life(random, store).finish()
    for seq in random.sample(range(1, len(life.log) + 1), min(6, len(life.log))):
        rewound = rewind(life.origin, AtSeq(seq))
        assert rewound == rewind(life.origin, AtSeq(seq))
        again = drawn.again(rewound, store, random).finish()
        assert again.outcomes() == life.outcomes(), seq
        assert all(lies_below(frozenset(rewound.again), path) for path in again.ran()), seq


@settings(max_examples=60, **FREE)
@given(st.integers(0, 2**32))
def test_a_re_run_from_any_task_comes_to_the_same(seed: int) -> None:
    random = Random(seed)
    drawn, store = Drawn(random), Store()
    life = drawn.life(random, store).finish()
    begun = sorted({path for record in life.log if (path := getattr(record.event, "path", ""))})
    for path in random.sample(begun, min(6, len(begun))):
        rewound = rewind(life.origin, FromTasks((path,)))
        again = drawn.again(rewound, store, random).finish()
        assert again.outcomes() == life.outcomes(), path
        assert all(lies_below(frozenset(rewound.again), one) for one in again.ran()), path
        assert any(path == one or one.startswith((f"{path}/", f"{path}[")) for one in rewound.again), path
