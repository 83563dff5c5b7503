"""What must be the same: of a drawn workflow, by whatever it is carried out.

Each check takes engines, a workflow and a number that was drawn; it fails with the workflow and both
outcomes side by side, and says false if the semantics leave open how the workflow ends.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from drawn_workflows import Definition, workflows
from engine_room import EngineRoom
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from model_outcome import Outcome, readings, report, undo_faults, written
from real_engine import run_again

Check = Callable[[EngineRoom, Definition, int], bool]
SEED = "HARMONIA_TEST_MODEL_SEED"
WORST = 1_000_000


def as_read(room: EngineRoom, workflow: Definition, number: int) -> bool:
    """The engine does what the semantics say."""
    return compared(workflow, lambda: room.outcome(workflow), "the engine")


def if_it_dies(room: EngineRoom, workflow: Definition, number: int) -> bool:
    """An execution whose engines die at drawn commits comes to what it comes to anyway."""
    lives = [(1 + number % 17, number % 2 == 0)]
    if number % 3 == 0:
        lives.append((1 + number % 5, number % 4 == 0))
    return compared(workflow, lambda: room.crashed(workflow, lives), f"lives of {lives} units")


def at_a_store(url: str) -> Check:
    """Return the check that a store in this place makes no difference."""

    def check(room: EngineRoom, workflow: Definition, number: int) -> bool:
        return compared(workflow, lambda: room.outcome(workflow, url), url.partition(":")[0])

    return check


def however_declared(room: EngineRoom, workflow: Definition, number: int) -> bool:
    """In which order tasks of a graph are written down makes no difference."""
    other = shuffled(workflow, random.Random(number))
    return compared(workflow, lambda: room.outcome(other), "written in another order")


def with_a_noop(room: EngineRoom, workflow: Definition, number: int) -> bool:
    """A task that does nothing and that nobody waits for changes nothing else."""
    path = "main/body/extra" if "catch" in workflow or "finally" in workflow else "extra"
    other = {**workflow, "tasks": {**workflow["tasks"], "extra": {"type": "noop"}}}

    def outcome() -> Outcome:
        found = room.outcome(other)
        extra = found.ends.pop(path)
        assert extra == "succeeded", report(other, found, found, "", f"extra: {extra}")
        return found

    return compared(workflow, outcome, "with a task that does nothing")


def run_once_more(room: EngineRoom, workflow: Definition, number: int) -> bool:
    """Run again from any task, a finished execution gives what it gave.

    Time limits are not taken over by what goes on, so a workflow without them is looked at.
    """
    workflow = unlimited(workflow)
    if readings(workflow) is None:
        return False
    path, first, again = ended(workflow, lambda: room.use(run_again, workflow, number))
    same = first[:4] == again[:4]
    assert same, report(workflow, first, again, "the first time", f"again from {path}")
    return True


def compared(workflow: Definition, outcome: Callable[[], Outcome], name: str) -> bool:
    """Compare an outcome with the naive reading."""
    expected = readings(workflow)
    if expected is None:
        return False
    found = ended(workflow, outcome)
    same = found.apart_from_undos == expected[0].apart_from_undos
    assert same, report(workflow, expected[0], found, "the naive reading", name)
    faults = undo_faults(found, expected)
    assert not faults, report(workflow, expected[0], found, "the naive reading", name) + f"\n{faults}"
    return True


def unlimited(value: Any) -> Any:
    """Return the same without limits of whole tasks and of the workflow."""
    if isinstance(value, list):
        return [unlimited(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    limits = {"total_timeout"} if "hang" in str(value.get("input")) else {"total_timeout", "timeout"}
    return {key: unlimited(one) for key, one in value.items() if key not in limits}


def ended(workflow: Definition, outcome: Callable[[], Any]) -> Any:
    """Return what comes of a workflow; whatever goes wrong tells of which."""
    try:
        return outcome()
    except Exception as error:
        error.add_note(written(workflow))
        raise


def shuffled(value: Any, random: random.Random) -> Any:
    """Return the same with graphs written down in another order; steps and cases keep theirs."""
    if isinstance(value, list):
        return [shuffled(one, random) for one in value]
    if not isinstance(value, Mapping):
        return value
    found = {key: shuffled(one, random) for key, one in value.items()}
    for key in ("tasks", "branches"):
        if isinstance(found.get(key), dict):
            found[key] = dict(random.sample(list(found[key].items()), len(found[key])))
    return found


def examine(
    check: Check, room: EngineRoom, examples: int, chance: int | None = None, shrink: bool = True
) -> Counter[bool]:
    """Try a check on drawn workflows; return how many were judged. chance: a seed, None for always the same.
    shrink: whether to look for the least example of what is found.

    What is drawn once more counts as an example, and is not carried out again.
    """
    judged = dict[str, bool]()
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

    @settings(
        max_examples=examples, derandomize=chance is None, database=None, deadline=None,
        suppress_health_check=tuple(HealthCheck), phases=phases, print_blob=False, report_multiple_bugs=False,
    )  # fmt: skip
    @given(workflows(), st.integers(0, WORST))
    def every(workflow: Definition, number: int) -> None:
        key = str(workflow) if check is as_read else f"{workflow} {number}"
        if key not in judged:
            judged[key] = check(room, workflow, number)

    (every if chance is None else seed(chance)(every))()
    return Counter(judged.values())


def chosen_seed() -> int:
    """Return the seed that the environment names, or another one each time."""
    return int(os.environ.get(SEED) or random.SystemRandom().randrange(2**32))
