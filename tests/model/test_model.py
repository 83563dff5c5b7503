"""The real engine and the naive reading of the semantics make the same of every drawn workflow."""

import anyio
from drawn_workflows import Definition, workflows
from hypothesis import HealthCheck, given, settings, event, assume
from model_outcome import readings, report, undo_faults, read
from real_engine import Calls, carried_out, worker

from harmonia_core.testing.harness import Harness

CHECKS = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
import os
N=int(os.environ.get("N","100"))

@settings(max_examples=N, derandomize=os.environ.get("R") is None, suppress_health_check=CHECKS, database=None)
@given(workflows())
def test_the_engine_does_what_the_semantics_say(workflow: Definition) -> None:
    async def run():
        calls: Calls = {}
        async with Harness(worker(calls)) as harness:
            return await carried_out(harness, calls, workflow)
    expected = readings(workflow)
    event("open" if expected is None else "judged")
    assume(expected)
    found = anyio.run(run)
    event(found.status)
    if found.apart_from_undos != expected[0].apart_from_undos:
        raise AssertionError(report(workflow, expected[0], found))
