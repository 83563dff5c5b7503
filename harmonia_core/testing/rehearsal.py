"""Rehearse a workflow: run it in memory, in no time, with mocks for what it does to the world."""

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio

from harmonia_core.contracts.registration import TASK_TYPES
from harmonia_core.contracts.task_type import TaskType
from harmonia_core.engine.compile import compile_definition
from harmonia_core.model.graph import Graph
from harmonia_core.settings import KernelSettings
from harmonia_core.testing.answers import Answer, Span
from harmonia_core.testing.blueprint import is_open, places
from harmonia_core.testing.clock import START
from harmonia_core.testing.execution import Execution
from harmonia_core.testing.mocks import Mock
from harmonia_core.testing.moments import Moment, at_moment, on_task
from harmonia_core.testing.performing import Performance, perform
from harmonia_core.testing.records import moment
from harmonia_core.testing.refusals import NotUsed, TargetInvalid
from harmonia_core.testing.sources import Source, Sources
from harmonia_core.testing.stage import Stage
from harmonia_core.testing.staging import Cast, installed
from harmonia_core.testing.targets import Target, last_id, read_target

PLAYED: deque[Execution] = deque(maxlen=20)
"""The executions that were played last in this process, for whoever reports on a test."""
REAL_SECONDS = 30.0
PLENTY = 1_000_000
"""Units of a resource of which the test does not say how much there is."""


class Rehearsal:
    """Arrange and run one workflow. As a context manager it also checks, at its end, that all of it was used.

    definition: a path, the text of a definition, its data, or itself. folder: what relative paths begin at.
    workflows: definitions that the workflow names, a folder of them or several.
    task_types: the test's own; they do their work. secrets, env: all there are; the environment is not read.
    resources: how much there is of what `limits` name; of others, as much as is wanted.
    start: workflow time at which executions begin, a datetime with a zone or RFC 3339. settings: of the
    engine and its plugins.
    """

    def __init__(
        self,
        definition: Source,
        *,
        folder: str | Path = ".",
        workflows: str | Path | Iterable[Source] = (),
        task_types: Iterable[TaskType] = (),
        secrets: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        resources: Mapping[str, int] | None = None,
        start: datetime | str | None = None,
        settings: KernelSettings | None = None,
    ) -> None:
        self._cast = Cast(settings, task_types)
        self._cast.secrets.update(secrets or {})
        self._cast.env.update(env or {})
        self._given = dict(resources or {})
        sources = Sources(Path(folder), installed(self._cast.engine_settings()))
        self.definition = sources.read(definition)
        self._workflows = list(sources.every(workflows))
        self._start = START if start is None else at_moment(start, None, "", 0.0, True).due(0.0)
        self._moments: list[Moment] = []
        self._now = self._start
        self._stage: Stage | None = None
        self._aims: list[tuple[str, Target]] = []

    def __repr__(self) -> str:
        return f"<Rehearsal of {self.definition.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.check_used()

    @property
    def now(self) -> datetime:
        """Return the workflow time: while an execution runs (for functions that mocks call), and after it."""
        return moment(self._stage.clock.now() if self._stage is not None else self._now)

    def mock(self, task: str, *answers: Answer, unused_ok: bool = False) -> Mock:
        """Let answers stand for the work of tasks; return the mock, which knows what they were given.

        task: an id (`charge`), a path (`pay/charge`), an item (`ship[3]`) or a pattern (`days[*]/ship`,
            `**/ship`). The most exact one counts: path, pattern, id, type; among equals the last. What
            names the same again replaces what was said before.
        answers: one per attempt, the last for all behind it: an output, a function of the input (or of input
            and context), an exception, or what `fails`, `takes`, `never` and `in_turn` give. None gives null.
        unused_ok: the test need not come to it.
        Raises TargetInvalid.
        """
        mock = self._cast.mocks.add(task, answers, unused_ok)
        self._aims.append((repr(mock), read_target(task)))
        return mock

    def mock_type(self, type: str, *answers: Answer, unused_ok: bool = False) -> Mock:
        """Let answers stand for the work of every task of a type; otherwise as `mock`."""
        return self._cast.mocks.add_type(type, answers, unused_ok)

    def allow(self, *types: str) -> Self:
        """Let tasks of these types do their real work, in the world."""
        self._cast.allowed.update(types)
        return self

    def at(
        self,
        when: Span | datetime | None = None,
        *,
        day: int | None = None,
        time: str = "00:00",
        unused_ok: bool = False,
    ) -> Moment:
        """Return a moment of workflow time, to say what happens then.

        when: a span since the start (`PT2H`, `P3D`, a timedelta, seconds), or a datetime or RFC 3339.
        day, time: instead of it, the day from 1 and the time of day in UTC.
        """
        return self._plan(at_moment(when, day, time, self._start, unused_ok))

    def on(self, task: str, *, after: Span = 0, unused_ok: bool = False) -> Moment:
        """Return a moment that comes whenever a task begins, or begins to wait, to say what happens then.

        task: as for `mock`; of several that name it, the most exact ones count. after: so much later.
        """
        found = self._plan(on_task(task, after, unused_ok))
        self._aims.append((found.words, read_target(task)))
        return found

    def _plan(self, one: Moment) -> Moment:
        self._moments.append(one)
        return one

    def run(
        self, input: Any = None, *, until: Span | datetime | None = None, limit: float = REAL_SECONDS
    ) -> Execution:
        """Run the workflow and return its execution, once nothing more happens to it.

        That is when it has ended, or waits for what the test does not send. until: workflow time at which
        it is left as it is. limit: seconds of real time.
        Raises DefinitionInvalid, InputInvalid; NotMocked, TargetInvalid, MomentRefused, TooLong.
        """
        __tracebackhide__ = True
        self._prepare()
        for mock in self._cast.mocks.all:
            mock.begin()
        if _in_a_loop():
            with ThreadPoolExecutor(1) as pool:
                done = pool.submit(anyio.run, self._run, input, until, limit).result()
        else:
            done = anyio.run(self._run, input, until, limit)
        PLAYED.append(done.execution)
        for watch in WATCHERS:
            watch(self, done)
        if done.fault is not None:
            raise done.fault
        return done.execution

    async def _run(self, input: Any, until: Any, limit: float) -> Performance:
        end = float("inf") if until is None else at_moment(until, None, "", self._start, True).due(0.0)
        self._stage = Stage(self._cast, self._moments, self._start)
        try:
            return await perform(self._stage, self.definition, input, self._workflows, end, limit)
        finally:
            self._now, self._stage = self._stage.clock.now(), None

    def check_used(self) -> None:
        """Raise NotUsed if a mock or a moment was never come to, unless it may be."""
        __tracebackhide__ = True
        mocks = [repr(one) for one in self._cast.mocks.all if not (one.used or one.unused_ok)]
        moments = [repr(one) for one in self._moments if not (one.used or one.unused_ok)]
        if mocks or moments:
            listed = "\n".join(f"    .{one}" for one in (*mocks, *moments))
            raise NotUsed(
                f"The test arranges what no execution of {self.definition.name!r} came to:\n{listed}\n"
                "If that is meant, say so with unused_ok=True."
            )

    def graphs(self) -> list[Graph]:
        """Return the compiled definition, and those of `workflows`; raise DefinitionInvalid."""
        types = self._cast.task_types(installed(self._cast.engine_settings()))
        env = tuple(self._cast.env)
        return [compile_definition(one, types, env_allow=env) for one in (self.definition, *self._workflows)]

    def _prepare(self) -> None:
        """Refuse what names no place of the definition, mostly because it is misspelt; see what it needs."""
        __tracebackhide__ = True
        graphs = self.graphs()
        known = [place for graph in graphs for place in places(graph)]
        wanted = {name for place in known for name, _ in place.node.limits}
        self._cast.resources = {**dict.fromkeys(wanted, PLENTY), **self._given}
        if any(is_open(graph) for graph in graphs):
            return
        for words, target in self._aims:
            if not any(target.may_name(place.paths) for place in known):
                names = [*(name for place in known for name in place.paths)]
                names = list(dict.fromkeys([*names, *map(last_id, names)]))
                near = get_close_matches(target.text, names, 3) or names[:10]
                raise TargetInvalid(
                    f"{words} names no task of {self.definition.name!r}."
                    f" Did you mean {' or '.join(map(repr, near))}?"
                )
        unknown = self._cast.allowed - {name for name, _ in _types(self._cast)}
        if unknown:
            raise TargetInvalid(
                f"allow({', '.join(map(repr, sorted(unknown)))}) names no installed task type."
            )


WATCHERS: list[Any] = []
"""Functions that are told of every rehearsal and performance, such as those that collect what was covered."""


def _types(cast: Cast) -> Iterable[tuple[str, Any]]:
    return installed(cast.engine_settings()).registry.items(TASK_TYPES.name)


def _in_a_loop() -> bool:
    try:
        anyio.get_current_task()
    except RuntimeError:
        return False
    return True
