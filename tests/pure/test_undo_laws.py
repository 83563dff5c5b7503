"""The laws of compensation, on the drawn lives of `test_laws` whose tasks can be undone.

Whatever happens: what is undone is undone in reverse order of its completion, an execution that
compensates ends compensated, and no undo begins twice.
"""

from collections import Counter
from dataclasses import replace
from random import Random

from building import ASKED, NOTHING, ONCE_MORE, UNDONE
from hypothesis import given, settings
from hypothesis import strategies as st
from test_laws import BAD, FREE, Answers, Life, drawn_graph

from harmonia_core.engine.arrivals import Arrival
from harmonia_core.engine.evolve import fold
from harmonia_core.engine.undo_nodes import flags
from harmonia_core.model import events as e
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Graph, Scope, TaskNode
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.statuses import FINAL_TASK, ExecutionStatus, TaskStatus
from harmonia_core.model.undo import lies_in


def undoable(random: Random, node: TaskNode, path: str, answers: Answers) -> TaskNode:
    """Return a node that may have an undo, and may hold or compensate when it fails; so all inside it."""
    item = None if node.item is None else undoable(random, node.item, f"{path}[]", answers)
    inside = None if node.scope is None else undoable_scope(random, node.scope, path, answers)
    undo = None
    if random.random() < 0.6:
        asked = random.random() < 0.5
        if asked:
            answers[path, "undo"] = random.choice([{"n": 1}, {"n": 1}, {"n": 1}, BAD])
        undo = replace(
            UNDONE,
            input=ASKED if asked else NOTHING,
            retry=random.choice([None, ONCE_MORE]),
            idempotent=random.random() < 0.7,
        )
        if random.random() < 0.2:
            undo = replace(undo, type="noop", kernel=True)
    words = ["fail", "fail", "hold"] if inside is None or inside.repeats else ["fail"]
    words += ["compensate"] * 3 if item is not None or inside is not None else []
    return replace(node, item=item, scope=inside, undo=undo, on_failure=random.choice(words))


def undoable_scope(random: Random, scope: Scope, path: str, answers: Answers) -> Scope:
    within = f"{path}[]" if path and scope.repeats else path
    prefix = f"{within}/" if path else ""
    tasks = tuple(undoable(random, node, prefix + node.id, answers) for node in scope.tasks)
    return replace(scope, tasks=tasks)


class UndoLife(Life):
    """A life in which things are undone."""

    def drawn(self, random: Random) -> tuple[Graph, Answers, list[tuple[str, str]]]:
        of, answers, slow = drawn_graph(random)
        root = undoable_scope(random, of.root, "", answers)
        undoes, holds = flags(root.tasks)
        slow += [key for key in answers if key[1] == "undo" and "[" not in key[0] and random.random() < 0.3]
        word = random.choice(["fail", "compensate", "compensate"])
        return replace(of, root=root, on_failure=word, undoes=undoes, holds=holds), answers, slow

    def _person(self, random: Random) -> list[Arrival]:
        paths = [path for path, _ in self.begun()] + ["t3", "t4"]
        if random.random() < 0.03:
            return [self.requested("undo", reason="enough")]
        if random.random() < 0.5:
            return super()._person(random)
        return [self.requested(random.choice(["skip", "fail", "done", "retry"]), path=random.choice(paths))]

    def remaining(self) -> list[Arrival]:
        held = [path for path, task in self.begun() if task.status is TaskStatus.ATTENTION]
        if self.flying or self.slow or not held or self.random.random() < 0.5:
            return super().remaining()
        path = self.random.choice(held)
        kind = "done" if undone_by(path) else self.random.choice(["skip", "fail"])
        return [self.requested(kind, path=path)]

    def arrive(self, *arrivals: Arrival, only_record: bool = False) -> list[e.Event]:
        found = super().arrive(*arrivals, only_record=only_record)
        self.interrupt()
        counters_agree(self.state)
        return found

    def interrupt(self) -> None:
        """Forget the attempts of tasks that a person has ended, as the shell interrupts them."""
        for path in [path for path in self.flying if self.state.task(path) is None]:
            del self.flying[path]
        for path in list(self.flying):
            task = self.state.task(path)
            if task is not None and task.status in FINAL_TASK:
                del self.flying[path]


def counters_agree(state: ExecutionState) -> None:
    """Assert that what is counted about undos is what a scan finds."""
    undo = state.undo
    tasks = [entry.task for _, entry in undo.entries()]
    begun = {n for n, task in enumerate(tasks, 1) if task.attempt > 0 or task.status is not TaskStatus.READY}
    open_ = {n for n, task in enumerate(tasks, 1) if task.status not in FINAL_TASK}
    assert set(undo.working) >= begun & open_ and set(undo.working) <= open_
    assert undo.standing == len(open_)
    assert undo.ended == sum(task.reason != "replaced" for n, task in enumerate(tasks, 1) if n not in open_)
    assert undo.held == sum(task.status is TaskStatus.ATTENTION for task in tasks)
    for one in undo.open:
        inside = [n for n, entry in undo.entries() if n in open_ and lies_in(entry.path, one.path)]
        assert one.cursor == max(inside, default=0)


def in_reverse(log: list[Recorded]) -> None:
    """Assert that no undo began while a younger entry was open there, but those of other items."""
    entries: dict[str, int] = {}
    ended: set[str] = set()
    scopes: list[str] = []
    for recorded in log:
        event = recorded.event
        if isinstance(event, e.UndoRecorded):
            entries[event.path] = event.number
            ended |= {path for path in entries if lies_in(path, event.path) and path != event.path}
        elif isinstance(event, e.CompensationBegun):
            scopes.append(event.path)
        elif isinstance(event, e.TaskScheduled) and (path := undone_by(event.path)) is not None:
            around = [scope for scope in scopes if lies_in(path, scope)]
            assert around, "nothing is undone unless something has failed or somebody wants it"
            younger = [
                other
                for other, number in entries.items()
                if number > entries[path] and other not in ended and lies_in(other, around[-1])
            ]
            assert all(beside(path, other) for other in younger), (path, younger)
        elif isinstance(event, e.TaskSucceeded | e.TaskSkipped) and (path := undone_by(event.path)):
            ended.add(path)


def beside(one: str, other: str) -> bool:
    """Tell whether two paths lie in different items of one map."""
    heads = [path.split("/") for path in (one, other)]
    for left, right in zip(*heads, strict=False):
        if left != right:
            return left.split("[")[0] == right.split("[")[0] and left.split("]")[0] != right.split("]")[0]
    return False


@settings(max_examples=60, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 40))
def test_every_life_with_undos_obeys_the_laws_and_ends(random: Random, steps: int) -> None:
    life = UndoLife(random)
    life.check()
    life.live(steps)
    life.finish()
    assert fold(life.graph, "x", life.log) == life.state
    in_reverse(life.log)
    begun = Counter(
        (e_.path, e_.attempt)
        for e_ in (r.event for r in life.log)
        if isinstance(e_, e.TaskScheduled) and e_.first
    )
    assert max(begun.values(), default=1) == 1
    state = life.state
    compensating = any(isinstance(r.event, e.CompensationBegun) and not r.event.path for r in life.log)
    assert (state.status is ExecutionStatus.COMPENSATED) is compensating
    if compensating:
        assert not state.undo.standing
    if state.status is ExecutionStatus.FAILED and life.graph.on_failure == "compensate":
        assert not state.undo.standing, "there was nothing left to undo"
    for kind in ("undo", "skip", "done", "fail"):
        assert life.request(kind, path="t0") == []


@settings(max_examples=20, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 15))
def test_every_life_ends_compensated_when_somebody_wants_it(random: Random, steps: int) -> None:
    life = UndoLife(random)
    life.live(steps)
    if not life.final:
        life.request("undo", reason="enough")
        life.finish()
        assert life.state.status is ExecutionStatus.COMPENSATED and not life.state.undo.standing
    in_reverse(life.log)
