"""Executions whose every value follows from what they read, so that a wrong reuse shows in the output.

A task's input is a digest of what it may read: the results of what it depends on, the variables, its
item and its round. Its output is a digest of its input. `Again` goes on from a rewound state.
"""

import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from random import Random
from typing import Any

from building import ASKED, EXECUTION, SOME, Play, Sketch, composite, each, mapped, order, scope, task
from building import graph as build
from pydantic_core import from_json

from harmonia_core.engine.arrivals import AnswerFound
from harmonia_core.engine.rewind import Need, Origin, Rewound, placed
from harmonia_core.engine.rolling import restored
from harmonia_core.engine.walks import Level, node_of, visible
from harmonia_core.model.commands import Answer, Ask
from harmonia_core.model.events import Event, Recorded, TaskScheduled, TaskSucceeded
from harmonia_core.model.graph import Catch, Graph, Jump, Rule, Scope
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.snapshot import dump
from harmonia_core.model.state import ExecutionState, begin
from harmonia_core.model.statuses import ExecutionStatus, TaskStatus

VARS = {"a": 0, "b": 0}


def digest(value: Any) -> str:
    """Return a short text that stands for a value."""
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]


def general(path: str) -> str:
    """Return the path of any item or round."""
    return re.sub(r"\[\d+\]", "[]", path)


class Store:
    """Keep the outputs of items and the blobs of several executions, as a store does."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Any] = {}
        self.blobs: dict[str, Any] = {}

    def value(self, ref: Any, execution: str) -> Any:
        """Return what a reference stands for."""
        if isinstance(ref, BlobRef):
            return self.blobs[ref.address]
        if not isinstance(ref, ItemsRef):
            return ref
        owner = ref.execution or execution
        prior = dict(self.value(ref.prior, owner) if ref.prior else ())
        names = [(owner, f"{ref.path}[{index}]") for index in range(ref.count)]
        return [self.rows[name] if name in self.rows else prior[index] for index, name in enumerate(names)]

    def forget(self, execution: str) -> None:
        """Forget an execution, as pruning does: its blobs stay, as far as others have them."""
        self.rows = {key: value for key, value in self.rows.items() if key[0] != execution}

    def outputs(self, need: Need) -> Any:
        """Return the outputs that are to be kept, null where none is wanted."""
        if need.indexes is None or isinstance(need.ref, BlobRef):
            return self.value(need.ref, "")
        ref = need.ref
        prior = dict(self.value(ref.prior, "") if ref.prior else ())
        rows = {index: self.rows.get((ref.execution, f"{ref.path}[{index}]")) for index in need.indexes}
        found = {index: prior.get(index) if row is None else row for index, row in rows.items()}
        return [found.get(index) for index in range(ref.count)]

    def put(self, value: Any) -> BlobRef:
        """Keep a value as a blob."""
        ref = BlobRef(f"sha256:{digest(value)}", 1)
        self.blobs[ref.address] = value
        return ref


class Reads:
    """Answer questions from what the asking place may read; conditions from a table.

    table: by general path and place: of `when` whether, of `then`, `enter` and `caught` which way, by
    round if it is a list; of the input of a map its width.
    """

    def __init__(self, table: Mapping[tuple[str, str], Any], store: Store) -> None:
        self.table, self.store = table, store
        self.cache = self

    def put(self, key: str, value: Any, size: int) -> None:
        """Hold nothing: no value here is large."""

    def quick(self, state: ExecutionState, ask: Ask) -> Answer | None:
        """Answer at once, unless an output is not in the store yet."""
        try:
            return self.say_now(state, ask)
        except KeyError:
            return None

    def say_now(self, state: ExecutionState, ask: Ask) -> Answer:
        """Answer from what is in the store."""
        place, name = ask.place, general(ask.path)
        levels = visible(state, ask.path, place)
        if place in ("when", "enter", "then", "caught"):
            usual = {"when": True, "enter": 0, "then": None, "caught": 0}[place]
            found = self.table.get((name, place), usual)
            if isinstance(found, list):
                round = next(level.inside.jumps for level in reversed(levels) if level.inside is not None)
                found = found[min(round, len(found) - 1)]
            return Answer(found)
        read = self.read(state, levels, place)
        if place == "output":
            return Answer(digest(read))
        node = node_of(state.graph, ask.path)
        if node.item is not None:
            width = self.table.get((name, "input"), 2)
            return Answer({"items": [[index, digest(read)] for index in range(width)]}, width=width)
        if node.type == "set":
            variable = self.table[name, "input"]
            return Answer({variable: digest([name, read])})
        return Answer({"read": digest(read)})

    def read(self, state: ExecutionState, levels: list[Level], place: str) -> Any:
        """Return everything that a place may read."""
        found: list[Any] = [dict(state.vars), state.input]
        for level in levels:
            nodes = level.nodes.tasks
            if level.position >= 0 and level.nodes.order is None:
                nodes = tuple(nodes[place] for place in ancestors(level))
            for node in nodes:
                one = level.graph.task(node.index)
                if level.nodes.order is not None and node.index == level.position:
                    continue
                if level.nodes.order is not None and one.status is not TaskStatus.SUCCEEDED:
                    continue
                found.append([node.id, one.status.value, self.store.value(one.output, state.execution_id)])
            if level.inside is not None:
                error = level.inside.error
                found.append([dict(level.inside.vars), level.inside.jumps, error and error.code])
            found.append(level.item)
        return found


def ancestors(level: Level) -> list[int]:
    """Return what a task of a graph may read: what it depends on, at any distance."""
    found, left = set[int](), [level.position]
    while left:
        for before in level.nodes.tasks[left.pop()].depends_on:
            if before not in found:
                found.add(before)
                left.append(before)
    return sorted(found)


class Life(Play):
    """An execution that is driven to its end; `bad` says which attempts fail."""

    id = EXECUTION

    def __init__(
        self,
        of: Graph,
        table: Mapping[tuple[str, str], Any],
        store: Store,
        random: Random,
        bad: Callable[[str], bool] = lambda path: False,
        **more: Any,
    ) -> None:
        self.store, self.random, self.bad = store, random, bad
        super().__init__(of, evaluator=Reads(table, store), **more)

    def _effects(self, batch: Any) -> None:
        super()._effects(batch)
        self._keep(batch.recorded)

    def _keep(self, recorded: list[Recorded]) -> None:
        for record in recorded:
            event = record.event
            if isinstance(event, TaskSucceeded) and event.path.endswith("]"):
                self.store.rows[self.id, event.path] = event.output

    def step(self) -> None:
        """Let one thing happen."""
        if self.slow:
            id, ask = self.slow.popitem()
            self.arrive(AnswerFound(id, self.evaluator.say_now(self.state, ask)))
            return
        if self.flying:
            path = self.random.choice(sorted(self.flying))
            if self.bad(path):
                self.fail(path)
            else:
                found = self.state.task(path)
                assert found is not None
                self.end(path, output=digest([general(path), found.input]))
            return
        row = min(self.timers.values(), key=lambda row: (row.due, row.path))
        self.due(row.path, row.kind)

    def finish(self) -> "Life":
        """Go on to the end."""
        for _ in range(3000):
            if self.final:
                return self
            self.step()
        raise AssertionError(f"no end in sight: {self.state}")

    @property
    def origin(self) -> Origin:
        """Return the past of it."""
        return Origin(self.graph, self.beginning, tuple(self.log))

    @property
    def beginning(self) -> ExecutionState:
        """Return the state before the first event."""
        return begin(self.graph, self.id)

    def attempted(self) -> set[str]:
        """Return what was begun."""
        return {record.event.path for record in self.log if isinstance(record.event, TaskScheduled)}

    def kernel(self) -> set[str]:
        """Return what was begun and has no effect outside."""
        return {path for path in self.attempted() if node_of(self.graph, path).kernel}

    def outcomes(self) -> Any:
        """Return what it came to: its own end and that of its tasks, at any depth."""
        state = self.state
        return state.status.value, state.output, found_in(state, self.store)


def found_in(state: ExecutionState, store: Store) -> dict[str, Any]:
    """Return status and output of the workflow's own tasks.

    With which error a group fails depends on which of its tasks failed first.
    """
    tasks = [(node.id, state.scope.task(node.index)) for node in state.graph.root.tasks]
    return {name: (one.status.value, store.value(one.output, state.execution_id)) for name, one in tasks}


class Again(Life):
    """An execution that goes on from a rewound state; the state is written and read before."""

    def __init__(
        self,
        rewound: Rewound,
        table: Mapping[tuple[str, str], Any],
        store: Store,
        random: Random,
        bad: Callable[[str], bool],
        id: str,
    ) -> None:
        state, self.id = rewound.state, id
        kept = {need.path: store.put(need.content(store.outputs(need))) for need in rewound.needs}
        store.forget(id)
        self._base = restored(state.graph, id, from_json(dump(placed(rewound, kept).state)))
        super().__init__(state.graph, table, store, random, bad)

    @property
    def beginning(self) -> ExecutionState:
        return self._base

    def arrive(self, *arrivals: Any, only_record: bool = False) -> list[Event]:
        if not self.log and self.state.seq == 0:
            # What a fork's first event does: it runs.
            self.state, arrivals = self._base._replace(status=ExecutionStatus.RUNNING), ()
        return super().arrive(*arrivals, only_record=only_record)

    def ran(self) -> set[str]:
        """Return what was carried out."""
        return self.attempted()


class Drawn:
    """Draw a workflow. depth: of composites in composites."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.table: dict[tuple[str, str], Any] = {}
        self.bad: set[str] = set()
        names = [f"t{n}" for n in range(random.randint(3, 6))]
        sketches = [
            self.task(name, self.root_before(names, n), name, 0, n == 0) for n, name in enumerate(names)
        ]
        self.graph = build(*sketches, window=random.choice([1, 2, 1000]), vars=VARS, output=ASKED)

    def root_before(self, names: list[str], n: int) -> list[str]:
        """Draw dependencies of a task of the workflow: all come after the first, which writes variables."""
        return sorted({names[0], *self.before(names, n)}) if n else []

    def before(self, names: list[str], n: int) -> list[str]:
        return self.random.sample(names[:n], min(n, self.random.choice([0, 1, 1, 2])))

    def task(self, id: str, after: list[str], path: str, depth: int, sets: bool) -> Sketch:
        """Draw a task. sets: whether it may write the variables of the workflow."""
        random = self.random
        kinds = ["work"] * 5 + ["noop", "map", "map"] + (["set"] * 3 if sets else [])
        kinds += (
            ["group", "sequence", "sequence", "loop", "try", "decision", "items", "race"] if depth < 2 else []
        )
        kind = random.choice(kinds)
        fields: dict[str, Any] = {}
        if random.random() < 0.15:
            fields["when"] = SOME
            self.table[path, "when"] = False
        if kind in ("work", "noop"):
            if kind == "work" and random.random() < 0.06:
                self.bad.add(path)
            kernel = kind == "noop"
            return task(id, *after, type=kind, kernel=kernel, input=ASKED, **fields)
        if kind == "set":
            self.table[path, "input"] = random.choice(list(VARS))
            return task(id, *after, type="set", kernel=True, input=ASKED, **fields)
        if kind in ("map", "items"):
            self.table[path, "input"] = random.randint(0, 4)
            item = each(input=ASKED)
            if kind == "items":
                inside = self.scope(f"{path}[]", depth + 1, random.choice(["group", "sequence"]), False)
                item = each("composite", kernel=True, scope=inside)
            return mapped(id, *after, item=item, window=random.randint(1, 3), **fields)
        return composite(id, *after, inside=self.scope(path, depth + 1, kind, sets), **fields)

    def scope(self, path: str, depth: int, kind: str, sets: bool) -> Scope:
        random, steps = self.random, kind in ("sequence", "loop", "try", "decision")
        names = [f"s{n}" for n in range(random.randint(2, 3) if steps else random.randint(1, 3))]
        within = f"{path}[]" if kind == "loop" else path
        sketches = [
            self.task(name, [] if steps else self.before(names, n), f"{within}/{name}", depth, sets and steps)
            for n, name in enumerate(names)
        ]
        if kind == "race":
            return scope(*sketches[:1], enough=1)
        if not steps:
            return scope(*sketches, output=ASKED, window=random.choice([1, 9]))
        rules = [Rule((Jump(n + 1 if n + 1 < len(names) else None),)) for n in range(len(names))]
        more: dict[str, Any] = {}
        if kind == "loop":
            back = random.randint(0, len(names) - 1)
            rules[-1] = Rule((Jump(back, SOME), Jump(None)))
            self.table[f"{within}/{names[-1]}", "then"] = [0] * random.randint(0, 2) + [None]
        if kind == "try":
            rules[0] = Rule((Jump(None),), (Catch(1, name="a"),))
            more["vars"] = {"a": None}
            more["last"] = len(names) - 1 if len(names) > 2 else None
        last, enter = more.pop("last", None), (Jump(0),)
        if kind == "decision":
            rules = [Rule((Jump(None),)) for _ in names]
            enter = tuple(Jump(n, SOME) for n in range(len(names)))
            self.table[within, "enter"] = random.choice([None, *range(len(names))])
        return scope(
            *sketches,
            order=order(*rules, enter=enter, last=last),
            repeats=kind == "loop",
            output=ASKED,
            **more,
        )

    def life(self, random: Random, store: Store) -> Life:
        """Begin it."""
        return Life(self.graph, self.table, store, random, lambda path: general(path) in self.bad)

    def again(self, rewound: Rewound, store: Store, random: Random, id: str = "y") -> Again:
        """Go on from a rewound state."""
        return Again(rewound, self.table, store, random, lambda path: general(path) in self.bad, id)
