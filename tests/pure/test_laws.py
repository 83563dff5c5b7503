"""The laws of the functional core, on drawn graphs that live through drawn lives.

A life: outcomes of every kind in any order, retries, deferrals, losses, timers, slow
answers, late and repeated results, requests of people, alone or several in a batch; then
whatever is still in flight ends, and so must the execution.
"""

from random import Random
from typing import Any

from building import (
    ASKED,
    BOOM,
    EXECUTION,
    NOTHING,
    SOME,
    Play,
    Sketch,
    composite,
    each,
    mapped,
    order,
    scope,
    task,
    timers_of,
)
from building import graph as build
from checking import agree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harmonia_core.engine.arrivals import AnswerFound, Arrival, Due, Fact
from harmonia_core.engine.decide import decide
from harmonia_core.engine.evolve import evolve, fold
from harmonia_core.engine.live import idle
from harmonia_core.engine.questions import open_questions
from harmonia_core.engine.recovery import lost
from harmonia_core.engine.walks import begun
from harmonia_core.model import events as e
from harmonia_core.model.addresses import split_item
from harmonia_core.model.codec import decode, encode
from harmonia_core.model.events import Recorded
from harmonia_core.model.graph import Catch, Graph, Join, Jump, Order, RetryPolicy, Rule, Scope
from harmonia_core.model.inbox import allotted
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.snapshot import dump, load
from harmonia_core.model.state import ExecutionState, TaskState
from harmonia_core.model.statuses import (
    EXECUTION_TRANSITIONS,
    FINAL_EXECUTION,
    FINAL_TASK,
    TASK_TRANSITIONS,
    ExecutionStatus,
    TaskStatus,
)

BAD = ErrorInfo("expression", "path-missing", "There is no such path.", retryable=False)
FREE = {"deadline": None, "suppress_health_check": list(HealthCheck)}
Answers = dict[tuple[str, str], Any]


def drawn_join(random: Random, width: int) -> Join:
    wanted: Any = random.choice(["all", "all", "any", random.randint(1, width)])
    return Join(wanted, random.choice(["skipped", "skipped", "success", "end"]))  # type: ignore[arg-type]


def drawn_policy(random: Random) -> dict[str, Any]:
    policy = random.choice([None, RetryPolicy(random.randint(1, 2), 1.0, jitter=0.0)])
    return {
        "retry": policy,
        "timeout": random.choice([None, 5.0]),
        "total_timeout": random.choice([None, None, 30.0]),
        "idempotent": random.random() < 0.7,
    }


def drawn_task(
    random: Random, id: str, after: list[str], answers: Answers, prefix: str = "", depth: int = 0
) -> Sketch:
    """Return a task of any type, and put what it asks for into `answers`. prefix: of its path."""
    kinds = ["work"] * 5 + ["map"] * 3 + ["noop", "fail", "wait"] + ["composite"] * (4 if depth < 2 else 0)
    kinds += ["event", "event", "approval", "emit"]
    kind, path = random.choice(kinds), prefix + id
    fields: dict[str, Any] = {"total_timeout": random.choice([None, None, 20.0])}
    if after:
        fields["join"] = drawn_join(random, len(after))
    if random.random() < 0.3:
        fields["when"] = SOME
        answers[path, "when"] = random.choice([True, True, False, BAD])
    if kind == "map":
        return drawn_map(random, id, after, answers, fields, path, depth)
    if kind == "composite":
        policy = random.choice([None, None, RetryPolicy(1, 1.0, jitter=0.0)])
        inside = drawn_scope(random, answers, path, depth + 1, policy is not None)
        return composite(id, *after, inside=inside, retry=policy, **fields)
    if kind != "work" or random.random() < 0.5:
        fields["input"] = ASKED
        usual = {"duration": random.randint(0, 9)} if kind == "wait" else {"n": 1}
        usual = drawn_wish(random, kind) or usual
        answers[path, "input"] = random.choice([usual, usual, usual, BAD, {"duration": "long"}])
    if kind != "work":
        return task(id, *after, type=kind, kernel=True, **fields)
    return task(id, *after, **{**fields, **drawn_policy(random)})


def drawn_wish(random: Random, kind: str) -> dict[str, Any] | None:
    """Return what a task that has to do with messages or people asks for, None for another one."""
    wants = [
        {"name": name, "correlation": random.choice([None, 1, 2])}
        for name in random.sample("abc", random.randint(1, 2))
    ]
    if kind == "event":
        return random.choice([wants[0], wants[0], {"any": wants}, {"all": wants}])
    if kind == "emit":
        return {**wants[0], "to": random.choice([EXECUTION, "other", None]), "ttl": 5}
    if kind == "approval":
        people = random.choice([[], ["ann"], ["ann", "bob"]])
        after = random.choice([None, {"after": 5, "to": ["eve"]}])
        deadline = {"deadline": 9, "on_deadline": random.choice(["fail", "reject", "approve"])}
        ending = random.choice([{}, deadline, {"on_reject": "fail"}])
        return {"title": "?", "assignees": people, "escalation": after, **ending}
    return None


def drawn_scope(random: Random, answers: Answers, path: str, depth: int, repeats: bool) -> Scope:
    """Return a graph, a race or a sequence of 1 to 4 tasks that goes on, jumps and catches as drawn."""
    names = [f"s{n}" for n in range(random.randint(1, 4))]
    kind = random.choice(["graph", "graph", "race", "sequence", "sequence"])
    back = kind == "sequence" and random.random() < 0.5
    within = f"{path}[]" if back or repeats else path
    sketches = []
    for n, name in enumerate(names):
        before = random.sample(names[:n], min(n, random.choice([0, 0, 1, 2]))) if kind == "graph" else []
        sketches.append(drawn_task(random, name, before, answers, f"{within}/", depth))
    more: dict[str, Any] = {"repeats": back or repeats}
    if random.random() < 0.3:
        more["output"] = ASKED
        answers[within, "output"] = random.choice([{"all": 1}, {"all": 1}, BAD])
    if kind == "sequence":
        return scope(*sketches, order=drawn_order(random, answers, within, names, back), **more)
    return scope(
        *sketches,
        enough=random.randint(1, len(names)) if kind == "race" else None,
        window=random.choice([1, 2, 9]),
        **more,
    )


def drawn_order(random: Random, answers: Answers, within: str, names: list[str], back: bool) -> Order:
    rules = []
    for n, name in enumerate(names):
        first = 0 if back else n + 1
        ways = [
            Jump(random.choice([*range(first, len(names)), None]), SOME) for _ in range(random.randint(0, 2))
        ]
        answers[f"{within}/{name}", "then"] = random.choice([None, *range(len(ways)), BAD])
        caught = [
            Catch(random.choice([*range(n + 1, len(names)), None]), random.choice([(), ("boom",), ("no",)]))
            for _ in range(random.randint(0, 2))
        ]
        rules.append(Rule((*ways, Jump(n + 1 if n + 1 < len(names) else None)), tuple(caught)))
    answers[within, "enter"] = random.choice([0, 0, 0, None])
    last = len(names) - 1 if len(names) > 1 and random.random() < 0.3 else None
    return order(*rules, enter=(Jump(0, SOME),), last=last, limit=3)


def drawn_map(
    random: Random,
    id: str,
    after: list[str],
    answers: Answers,
    fields: dict[str, Any],
    path: str,
    depth: int,
) -> Sketch:
    width = random.randint(0, 4)
    answers[path, "input"] = random.choice([{"items": list(range(width))}] * 5 + [{"items": "none"}])
    if depth < 2 and random.random() < 0.4:
        inside = drawn_scope(random, answers, f"{path}[]", depth + 1, False)
        item = each("composite", kernel=True, scope=inside)
        return mapped(id, *after, item=item, window=random.randint(1, 3), **fields)
    inner = random.choice(["work", "work", "work", "noop", "wait", "fail", "event", "approval"])
    asked = inner in ("wait", "event", "approval") or random.random() < 0.5
    if asked:
        usual = {"duration": 3} if inner == "wait" else drawn_wish(random, inner) or {"n": 1}
        answers.update(
            {(f"{path}[{n}]", "input"): random.choice([usual, usual, usual, BAD]) for n in range(width)}
        )
    policy = {"total_timeout": None} if inner != "work" else drawn_policy(random)
    item = each(inner, input=ASKED if asked else NOTHING, **policy)
    enough = random.choice([None, None, 1, 2])
    return mapped(id, *after, item=item, window=random.randint(1, 3), enough=enough, **fields)


def drawn_graph(random: Random) -> tuple[Graph, Answers, list[tuple[str, str]]]:
    """Return a graph of 5 to 12 tasks, the answers to its questions, and which of them are slow."""
    names = [f"t{n}" for n in range(random.randint(5, 12))]
    answers: Answers = {}
    sketches = []
    for n, name in enumerate(names):
        before = random.sample(names[:n], min(n, random.choice([0, 1, 1, 2, 3])))
        sketches.append(drawn_task(random, name, before, answers))
    more: dict[str, Any] = {"timeout": random.choice([None, None, 40.0])}
    if random.random() < 0.5:
        more["output"] = ASKED
        answers["", "output"] = random.choice([{"all": 1}, {"all": 1}, BAD])
    slow = [place for place in answers if random.random() < 0.3]
    return build(*sketches, window=random.choice([1, 2, 3, 1000]), **more), answers, slow


class Life(Play):
    """A play that is watched, and can be driven by lot."""

    def __init__(self, random: Random, **more: Any) -> None:
        self.random = random
        of, answers, slow = self.drawn(random)
        super().__init__(of, answers, slow=slow, watch=watched, **more)

    def drawn(self, random: Random) -> tuple[Graph, Answers, list[tuple[str, str]]]:
        """Return what is lived: a graph, its answers, and the slow ones among them."""
        return drawn_graph(random)

    def live(self, steps: int) -> None:
        """Let things happen, one or several at a time."""
        for _ in range(steps):
            if self.final:
                return
            self.arrive(*self.together())
            self.check()

    def together(self) -> list[Arrival]:
        """Draw what arrives in the next batch."""
        if self.random.random() < 0.04:
            return self._crash()
        found: list[Arrival] = []
        for _ in range(self.random.choice([1, 1, 2, 4])):
            found += self.happening()
        return found

    def happening(self) -> list[Arrival]:
        random = self.random
        kinds = [self._outcome] * 6 + [self._timer] * 3 + [self._answer, self._person, self._late]
        kinds += [self._message] * 3 + [self._decision]
        return random.choice(kinds)(random)

    def _outcome(self, random: Random) -> list[Arrival]:
        if not self.flying:
            return []
        path = random.choice(list(self.flying))
        kind = random.choice(["succeeded", "succeeded", "failed", "failed", "cancelled", "deferred"])
        more: dict[str, Any] = {"output": {"$blob": "no", "size": 1}} if kind == "succeeded" else {}
        if kind == "failed":
            more["error"] = random.choice([BOOM, ErrorInfo("client", "no", "No.", retryable=False)])
        return [self.outcome(path, kind, **more)]

    def _timer(self, random: Random) -> list[Arrival]:
        if not self.timers:
            return []
        row = min(self.timers.values(), key=lambda row: row.due)
        self.now = max(self.now, row.due)
        return [Due(row.path, row.kind, 0.0) for row in self.timers.values() if row.due <= self.now]

    def _answer(self, random: Random) -> list[Arrival]:
        if not self.slow:
            return []
        id = random.choice(list(self.slow))
        ask = self.slow.pop(id)
        return [AnswerFound(id, self.evaluator.say(ask.path, ask.place))]

    def _person(self, random: Random) -> list[Arrival]:
        """Draw a completion, a retry, seldom a cancel."""
        paths = [path for path, _ in self.begun()] or ["t0"]
        path = random.choice(paths)
        if random.random() < 0.03:
            return [self.requested("cancel", reason="enough")]
        if random.random() < 0.4:
            return [self.requested("retry", path=path)]
        attempt = random.randint(1, 2)
        error = {"error": BOOM.as_json()} if random.random() < 0.4 else {"output": 1}
        return [self.requested("complete", path=path, attempt=attempt, **error)]

    def _message(self, random: Random) -> list[Arrival]:
        """Draw a message, perhaps one that has come before, or too late."""
        correlation, expires = (
            random.choice([None, 1, 2]),
            random.choice([None, None, self.now + 5, self.now]),
        )
        id, name = f"m{random.randint(0, 40)}", random.choice("abc")
        more = {"correlation": correlation, "expires": expires, "published": random.random() < 0.3}
        return [self.requested("message", id=id, name=name, **more)]

    def _decision(self, random: Random) -> list[Arrival]:
        """Draw a decision or a delegation, by one who may or by one who may not."""
        path = random.choice([*self.state.inbox.approvals, "t0"])
        by = random.choice([None, "ann", "bob", "eve"])
        if random.random() < 0.3:
            return [self.requested("delegate", path=path, by=by, to="eve")]
        return [self.requested("decide", path=path, by=by, decision=random.choice(["approved", "rejected"]))]

    def _wanted(self) -> list[Arrival]:
        """Return what the first task that waits for something from outside waits for; nothing without one."""
        inbox = self.state.inbox
        for waiter in inbox.waiting.values():
            return [
                self.requested(
                    "message",
                    id=f"{len(self.log)}.{number}",
                    name=want.name,
                    correlation=None if want.key is None else int(want.key),
                )
                for number, want in enumerate(waiter.wants)
            ]
        for path, approval in inbox.approvals.items():
            return [self.requested("decide", path=path, by=next(iter(approval.people), None))]
        return []

    def _late(self, random: Random) -> list[Arrival]:
        """Draw the result of an attempt that is not, or no more, or not yet in flight."""
        tasks = self.graph.root.tasks
        paths = [node.id for node in tasks if not node.kernel]
        paths += [f"{node.id}[{n}]" for node in tasks if node.item and not node.item.kernel for n in (0, 1)]
        if not paths:
            return []
        path = random.choice(paths)
        attempt = random.choice([n for n in range(4) if self.flying.get(path) != n])
        return [self.outcome(path, random.choice(["succeeded", "failed", "cancelled"]), attempt=attempt)]

    def _crash(self) -> list[Arrival]:
        """Let the process die and another adopt: what runs is lost, open questions go on."""
        self.flying.clear()
        return [Fact(e.ExecutionAdopted("other", 2)), *(Fact(event) for event in lost(self.state))]

    def begun(self) -> list[tuple[str, TaskState]]:
        return begun(self.graph, self.state)

    def finish(self) -> None:
        """Let all that is in flight end, in any order, until the execution has ended."""
        for _ in range(400):
            if self.final:
                return
            self.arrive(*self.remaining())
            self.check()
        raise AssertionError(f"no end in sight: {self.state}")

    def remaining(self) -> list[Arrival]:
        random = self.random
        if self.flying:
            path = random.choice(list(self.flying))
            return [self.outcome(path, "failed" if random.random() < 0.2 else "succeeded")]
        if self.slow:
            return self._answer(random)
        deferred = [(path, task) for path, task in self.begun() if task.reason == "deferred"]
        if deferred:
            path, task = random.choice(deferred)
            return [self.requested("complete", path=path, attempt=task.attempt, output=None)]
        if set(self.timers) - {("", "deadline")}:
            return self._timer(random)
        if wanted := self._wanted():
            return wanted
        held = [path for path, task in self.begun() if task.status is TaskStatus.ATTENTION]
        assert held, "running, and nothing will ever happen"
        return [
            self.requested(*("cancel",)) if random.random() < 0.5 else self.requested("retry", path=held[0])
        ]

    def check(self) -> None:
        """Assert what holds whenever the execution has come to rest."""
        assert load(self.graph, dump(self.state)) == self.state
        again = list(self.log)
        assert self.arrive() == [] and self.log == again, "settling twice says more than settling once"
        assert decide(self.graph, self.state) == decide(self.graph, self.state)
        inbox = self.state.inbox
        for found, reason in ((inbox.waiting, "event"), (inbox.approvals, "approval")):
            assert set(found) == {path for path, task in self.begun() if task.reason == reason}
        paused = self.state.status is ExecutionStatus.PAUSED
        first = self.state.undo.owed or self.state.undo.compensation("")  # what is undone comes before
        assert not inbox.due or self.final or paused or first, (
            "messages are at hand, and nobody is given them"
        )
        if self.final:
            assert not self.state.asks and not self.state.answers
            assert {kind for _, kind in self.timers} == set()
            return
        assert {(row.path, row.kind, row.due) for row in self.timers.values()} == timers_of(self.state)
        waiting = [
            task for _, task in self.begun() if task.status in (TaskStatus.BLOCKED, TaskStatus.ATTENTION)
        ]
        deadline = {("", "deadline")}
        going_on = self.flying or self.slow or waiting or set(self.timers) - deadline
        assert going_on or paused, "nothing will ever happen"
        assert dict(open_questions(self.state)) == self.slow
        in_flight = {
            path
            for path, task in self.begun()
            if task.status is TaskStatus.RUNNING and task.items is None and task.inside is None
        }
        assert in_flight == set(self.flying)
        if idle(self.state):
            assert not self.flying and not self.slow and not set(self.timers) - deadline - self.totals()

    def totals(self) -> set[tuple[str, str]]:
        return {(path, "total") for path, task in self.begun()}


def watched(before: ExecutionState, recorded: Recorded, after: ExecutionState) -> None:
    """Check one step: the transition, the frontier, the snapshot, the codec."""
    event = recorded.event
    assert decode(type(event).__name__, event.V, encode(event)) == event
    assert after.seq == before.seq + 1
    execution_step(before.status, after.status)
    path = getattr(event, "path", "")
    if path and not isinstance(event, ASIDE):
        task_step(standing(before, path), standing(after, path, event))
    for node in after.graph.root.tasks:
        task_step(before.scope.task(node.index).status, after.scope.task(node.index).status)
    agree(after)
    assert after.inbox.due == allotted(after.inbox), "who is due is what looking at everybody gives"
    assert len({message.id for message in after.inbox.kept}) == len(after.inbox.kept)


def execution_step(before: ExecutionStatus, after: ExecutionStatus) -> None:
    assert before not in FINAL_EXECUTION or after is before
    assert after is before or after in EXECUTION_TRANSITIONS[before], (before, after)


def task_step(before: TaskStatus, after: TaskStatus) -> None:
    assert before not in FINAL_TASK or after is before, "a final task never changes"
    assert after is before or after in TASK_TRANSITIONS[before], (before, after)


ASIDE = (
    e.Asked, e.LateResultRefused, e.UndoOwed, e.UndoRecorded, e.CompensationBegun, e.TaskResolved,
    e.DecisionRefused,
)  # fmt: skip
"""Events that name a task and leave it where it is."""
ENDS = {
    e.TaskSkipped: TaskStatus.SKIPPED,
    e.TaskSucceeded: TaskStatus.SUCCEEDED,
    e.TaskFailed: TaskStatus.FAILED,
    e.TaskCancelled: TaskStatus.CANCELLED,
}


def standing(state: ExecutionState, path: str, event: e.Event | None = None) -> TaskStatus:
    """Return the status of a task or item; one that has left the state is what its event says."""
    found = state.task(path)
    if found is not None:
        return found.status
    if event is not None:
        return ENDS[type(event)]
    task_id, index = split_item(path)
    owner = state.task(task_id)
    assert owner is not None and owner.items is not None and index == owner.items.cursor, (
        "items begin in order"
    )
    return TaskStatus.READY


@settings(max_examples=50, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 40))
def test_every_life_obeys_the_laws_and_ends(random: Random, steps: int) -> None:
    life = Life(random)
    life.check()
    life.live(steps)
    life.finish()
    assert fold(life.graph, "x", life.log) == life.state
    rest = life.state
    for path in [node.id for node in life.graph.root.tasks]:
        late = life.arrive(life.outcome(path, "succeeded", attempt=1))
        assert all(isinstance(event, e.LateResultRefused) for event in late)
    for kind in ("total", "retry", "wait", "attempt", "deadline", "approval"):
        assert life.arrive(Due("t0", kind, 0.0)) == []
    for kind in ("cancel", "retry", "complete", "message", "decide", "delegate"):
        assert life.request(kind, path="t0", attempt=1) == []
    assert life.state._replace(seq=0) == rest._replace(seq=0)


@settings(max_examples=20, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 20))
def test_a_state_from_any_snapshot_goes_on_like_the_live_one(random: Random, steps: int) -> None:
    life = Life(random)
    life.live(steps)
    cut = random.randint(1, len(life.log))
    state = load(life.graph, dump(fold(life.graph, "x", life.log[:cut])))
    assert state is not None
    for recorded in life.log[cut:]:
        state = evolve(state, recorded)
    assert state == life.state


@settings(max_examples=20, **FREE)
@given(st.randoms(use_true_random=False), st.integers(0, 10))
def test_every_life_ends_when_it_is_cancelled(random: Random, steps: int) -> None:
    life = Life(random)
    life.live(steps)
    if not life.final:
        life.request("cancel", reason="enough")
        assert life.state.cancelling
        life.finish()
        assert life.state.status is ExecutionStatus.CANCELLED and life.state.reason == "enough"
    assert not life.begun()
