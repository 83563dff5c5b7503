"""An engine for one execution of a test: mocks answer, the world is out of reach, nothing is read or kept.

The plugins that are installed are loaded once a process; observers and secret providers among them are
left out, for a test must not reach whatever they speak to.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

from anyio.abc import TaskGroup

import harmonia_core
from harmonia_core.contracts.registration import TASK_TYPES
from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.contracts.task_type import Check, TaskType
from harmonia_core.engine.catalog import Catalog
from harmonia_core.engine.dispatch import LocalDispatcher
from harmonia_core.engine.failures import refused
from harmonia_core.engine.runner import Engine
from harmonia_core.engine.walks import node_of
from harmonia_core.errors import Problem
from harmonia_core.model.addresses import undone_by
from harmonia_core.model.graph import Graph
from harmonia_core.model.outcomes import Job, Outcome
from harmonia_core.plugins.load import Plugins, load_plugins
from harmonia_core.plugins.manager import PluginManager
from harmonia_core.settings import KernelSettings
from harmonia_core.testing.blueprint import Prefixes, is_body, named, staged, undos
from harmonia_core.testing.clock import FakeClock
from harmonia_core.testing.mocked_work import MockedWork
from harmonia_core.testing.mocks import Mocks
from harmonia_core.testing.refusals import KitError, NotMocked
from harmonia_core.testing.targets import place_of

DEPLOYMENT = "-not-allowed"
"""How the codes of problems end that the settings of a deployment cause, not the definition."""
WHOLE = 1 << 30
"""Bytes up to which values stand in the events themselves, so that a test sees them."""


class Cast:
    """Hold what a test has arranged: mocks, what else may do its work, secrets and the environment.

    own: task types that the test brings itself. prefixes: of the paths in executions, by their ids.
    """

    def __init__(self, settings: KernelSettings | None, own: Iterable[TaskType]) -> None:
        self.settings = settings or KernelSettings()
        self.mocks, self.allowed = Mocks(), set[str]()
        self.own = {one.name: one for one in own}
        self.secrets: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self.resources: dict[str, int] = {}
        self.prefixes: dict[str, Prefixes] = {}

    def engine_settings(self) -> KernelSettings:
        """Return settings of an engine that keeps everything in one log and reads no environment."""
        return self.settings.model_copy(
            update={
                "freeze_at_start": False, "inline_limit": WHOLE, "roll_over_after": 0, "retention": (),
                "adopt_orphans": False, "snapshot_every": 20, "activity_keep": 0,
                "env_allow": tuple(self.env),
            }
        )  # fmt: skip

    def task_types(self, plugins: Plugins) -> dict[str, TaskType]:
        """Return what tasks may be of: installed, brought by the test, or only mocked."""
        found = {name: _deployable(kind) for name, kind in plugins.registry.items(TASK_TYPES.name)}
        missing = {mock.type for mock in self.mocks.all if mock.type} - found.keys() - self.own.keys()
        return {**found, **self.own, **{name: TaskType(name, _nobody) for name in missing}}

    def may_work(self, kind: TaskType) -> bool:
        """Tell whether tasks of a type do their work in the test."""
        return kind.pure or kind.name in self.allowed or kind.name in self.own


@cache
def _installed(settings: str) -> Plugins:
    return load_plugins(KernelSettings.model_validate_json(settings))


def installed(settings: KernelSettings) -> Plugins:
    """Return the plugins that are installed, with nobody who observes; loaded once for equal settings."""
    found = _installed(settings.model_dump_json())
    return Plugins(found.registry, PluginManager(), found.report)


def _nobody(ctx: Any, input: Any) -> None:
    raise refused("task-type-missing", "This task type is not installed; it is only mocked.")


def _deployable(kind: TaskType) -> TaskType:
    """Return a task type that does not complain about what only the settings of a deployment forbid."""
    return kind if kind.check is None else replace(kind, check=partial(_definition_only, kind.check))


def _definition_only(check: Check, constants: Mapping[str, Any]) -> Iterator[str | Problem]:
    for one in check(constants):
        if isinstance(one, str) or not one.code.endswith(DEPLOYMENT):
            yield one


class StagedCatalog(Catalog):
    """Compile definitions, with mocks in the place of what the engine carries out itself."""

    def __init__(self, plugins: Plugins, settings: KernelSettings, cast: Cast) -> None:
        super().__init__(plugins, settings)
        self._types, self._mocks = cast.task_types(plugins), cast.mocks

    def _graph(self, *given: Any) -> Graph:
        return staged(super()._graph(*given), self._mocks)

    def version_of(self, task_type: str) -> str:
        return "harmonia"

    def versions(self, graph: Graph | None = None) -> dict[str, str]:
        return {"harmonia": harmonia_core.__version__}


class StagedDispatcher(LocalDispatcher):
    """Give attempts to mocks, or let them do their work if they may."""

    def __init__(
        self, *, cast: Cast, catalog: Catalog, work: MockedWork, engine: "StagedEngine", **rest: Any
    ) -> None:
        super().__init__(task_type=self._type_for, **rest)
        self._cast, self._catalog, self._work, self._engine = cast, catalog, work, engine
        self._answering: dict[str, TaskType] = {}

    def _type_for(self, name: str) -> TaskType:
        return self._answering.get(name) or self._catalog.task_type(name)

    def start(self, group: TaskGroup, job: Job) -> None:
        """Begin an attempt, of the task or of what stands for it."""
        paths, real = (
            self._engine.paths_of(job.key.execution_id, job.key.path),
            self._catalog.task_type(job.type),
        )
        mock = self._cast.mocks.find(paths, job.type)
        if mock is not None:
            mock.used = True
            kind = self._work.task_type(job, mock, real)
            name = f"{job.type} for {':'.join(map(str, job.key))}"
            self._answering[name] = kind
            job = job._replace(type=name, timeout=None, heartbeat_timeout=None)
        elif real.handler is None or not self._cast.may_work(real):
            self._engine.blame(_not_mocked(place_of(paths[-1]), real))
            return
        super().start(group, job)


def _not_mocked(path: str, kind: TaskType) -> KitError:
    if kind.handler is None:
        return NotMocked(
            f"{path!r} is carried out by the engine itself, and only some of it is mocked: a mock"
            f" must name all of it, as {path!r} does."
        )
    return NotMocked(
        f"{path!r} is of type {kind.name!r}, which touches the world, and nothing answers for it."
        " Write one of:\n"
        f"    .mock({path!r}, {{...}})  # what it gives, an error, or a function of its input\n"
        f"    .mock_type({kind.name!r}, {{...}})  # the same for every task of the type\n"
        f"    .allow({kind.name!r})  # to let tasks of the type do their work"
    )


class StagedEngine(Engine):
    """Drive the execution of a test. blame: told what is wrong with the test itself."""

    def __init__(
        self,
        backend: StateBackend,
        plugins: Plugins,
        clock: FakeClock,
        cast: Cast,
        stir: Callable[[], None],
        blame: Callable[[Exception], None],
    ) -> None:
        self.cast, self.blame = cast, blame
        self.work = MockedWork(clock, stir, blame)
        super().__init__(backend, plugins, cast.engine_settings(), clock)
        self._driver._draws = _NoDraws()
        self._driver._evaluator._env = dict(cast.env)
        self._new_id._draw, self._new_id._stock = random.Random(0).randbytes, b""

    def _new_catalog(self) -> Catalog:
        return StagedCatalog(self.plugins, self.settings, self.cast)

    def _dispatcher(self, deliver: Callable[[Outcome], None]) -> LocalDispatcher:
        return StagedDispatcher(
            cast=self.cast, catalog=self._catalog, work=self.work, engine=self, secret=self._secret,
            store=self.backend, settings=self.settings, clock=self._clock, deliver=deliver,
            activity=self.activity,
        )  # fmt: skip

    def _secret(self, namespace: str, name: str) -> str | None:
        return self.cast.secrets.get(name)

    def paths_of(self, execution_id: str, path: str) -> tuple[str, ...]:
        """Return the paths by which a test may name a task of an execution."""
        undone = undone_by(path)
        if undone is not None:
            return undos(self.paths_of(execution_id, undone))
        live = self._driver.lives.get(execution_id)
        around, _, name = path.rpartition("/")
        guarded = bool(around) and live is not None and is_body(node_of(live.state.graph, around), name)
        return named(path, guarded, self.cast.prefixes.get(execution_id, ()))

    def full_path(self, execution_id: str, path: str) -> str:
        """Return the path of a task with those of the tasks whose executions it is in."""
        return next(iter(self.cast.prefixes.get(execution_id, ())), "") + path


class _NoDraws(random.Random):
    """Draw no jitter, so that delays are those that the policy says."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2
