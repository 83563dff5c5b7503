"""An execution that nobody interferes with comes to the same whatever crashes: compared with a calm run."""

from pydantic_core import from_json
from sim_ledger import Violated
from sim_plan import FAULTS
from sim_world import Result, run

from harmonia_core.builtin.memory_store import MemoryStore

EVERY = 2
"""Of the seeds that can be compared, one in so many is."""


def compared(result: Result) -> int:
    """Compare a run with one of the same starts without faults; return how many executions could be."""
    plan = result.plan
    plain = all(one.kind == "start" or one.kind in FAULTS for one in plan.decisions)
    exact = all(exact for _, exact in plan.sketches)
    if not plain or not exact or result.violations or plan.seed % EVERY:
        return 0
    calm = run(plan.without_faults())
    result.violations += calm.violations
    count = 0
    for number, key in result.ids.items():
        other = calm.ids.get(number)
        if other is None:
            continue
        count += 1
        found, wanted = _end(result.store, key), _end(calm.store, other)
        if found != wanted:
            result.violations.append(Violated("differs", f"start {number} came to {found}, calm to {wanted}"))
    return count


def _end(store: MemoryStore, key: str) -> tuple[str, object]:
    """Return status and output of the end of an execution's chain."""
    while store.executions[key].status == "continued":
        key = next(row.execution_id for row in store.executions.values() if row.origin and key in row.origin)
    last = store.events[key][-1]
    return store.executions[key].status, from_json(last.data).get("output")
