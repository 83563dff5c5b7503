"""Admission and hooks with real pluggy: what is refused, what is isolated, what is told to whom."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from harmonia_core import TaskType, hookimpl, task_type
from harmonia_core.contracts import registration
from harmonia_core.plugins import hookspecs
from harmonia_core.plugins.load import Plugins, load_plugins
from harmonia_core.plugins.report import PluginRow
from harmonia_core.settings import KernelSettings

pytestmark = pytest.mark.anyio


def named(name: str) -> TaskType:
    @task_type(name)
    async def echo(ctx: object, input: object) -> object:
        return input

    return echo


def load(*extra: object, **settings: Any) -> tuple[Plugins, PluginRow]:
    """Load with extra plugins; return everything and the row of the last of them."""
    plugins = load_plugins(KernelSettings(**settings), extra)
    return plugins, plugins.report.rows[-1]


class Plugin:
    """A plugin object of the given hook implementations."""

    def __init__(self, name: str, **attributes: Any) -> None:
        self.name = name
        vars(self).update(attributes)


class Contributor:
    """A well-behaved plugin object with settings."""

    name = "contributor"

    class Settings(BaseModel):
        prefix: str = "plain"
        numbers: list[int] = []

    @hookimpl
    def harmonia_settings(self) -> type[BaseModel]:
        return self.Settings

    @hookimpl
    def harmonia_configure(self, settings: Settings) -> None:
        self.settings = settings

    @hookimpl
    def harmonia_task_types(self) -> list[TaskType]:
        return [named(f"{self.settings.prefix}-one"), named(f"{self.settings.prefix}-two")]


def test_settings_are_checked_and_handed_over_before_anything_is_contributed() -> None:
    plugin = Contributor()
    section = {"prefix": "fine", "numbers": "[1, 2]"}  # the second as the environment gives it
    _, row = load(plugin, plugins={"contributor": section})
    assert row.contributes == {"task_types": ("fine-one", "fine-two")}
    assert plugin.settings.numbers == [1, 2]


def test_without_a_section_a_plugin_gets_its_defaults() -> None:
    assert load(Contributor())[1].contributes == {"task_types": ("plain-one", "plain-two")}


def test_invalid_settings_quarantine_and_do_not_repeat_the_value() -> None:
    section = {"prefix": 12345678, "numbers": "s3cret"}
    _, row = load(Contributor(), plugins={"contributor": section})
    assert (row.status, row.stage) == ("quarantined", "settings")
    assert "prefix: " in str(row.error) and "numbers: " in str(row.error)
    assert "12345678" not in str(row.error) and "s3cret" not in str(row.error)


def test_json_that_does_not_fit_either_is_told_as_it_was_written() -> None:
    _, row = load(Contributor(), plugins={"contributor": {"numbers": '["x"]'}})
    assert row.stage == "settings" and "numbers: Input should be a valid list" in str(row.error)


def test_settings_for_a_plugin_without_any_are_an_error() -> None:
    _, row = load(named("bare"), plugins={"bare": {"a": 1}})
    assert row.status == "ok"  # a short cut has no section of its own
    plugin = Plugin("plain", harmonia_faces=hookimpl(lambda: ()))
    _, row = load(plugin, plugins={"plain": {"a": 1}})
    assert row.stage == "settings" and "declares none" in str(row.error)


def harmonia_task_types_with_unknown_argument(unknown: int) -> list[TaskType]:
    return []


async def async_contribution() -> list[TaskType]:
    return []


def failing_contribution() -> list[TaskType]:
    raise RuntimeError("no types today")


def failing_in_the_middle() -> Any:
    yield named("half")
    raise RuntimeError("torn")


@hookimpl(wrapper=True)
def wrapping() -> Any:
    return (yield)


@pytest.mark.parametrize(
    ("hook", "function", "stage", "error"),
    [
        ("harmonia_task_types", harmonia_task_types_with_unknown_argument, "hooks", "unknown"),
        ("harmonia_task_type", failing_contribution, "hooks", "unknown hook 'harmonia_task_type'"),
        ("harmonia_task_types", wrapping, "hooks", "no wrappers"),
        ("harmonia_task_types", async_contribution, "contribute", "not async"),
        ("harmonia_task_types", failing_contribution, "contribute", "RuntimeError: no types today"),
        ("harmonia_task_types", failing_in_the_middle, "contribute", "RuntimeError: torn"),
        ("harmonia_task_types", lambda: 3, "contribute", "TypeError"),
        ("harmonia_task_types", lambda: [len], "type", "no task type: it has no handler"),
        ("harmonia_task_types", lambda: [TaskType], "type", "class, not an instance"),
        ("harmonia_task_types", lambda: [named("good"), named("noop")], "conflict", "'noop'"),
        ("harmonia_settings", lambda: dict, "settings", "pydantic model"),
        ("harmonia_configure", lambda settings: None, "settings", "needs harmonia_settings"),
    ],
)
def test_a_faulty_plugin_is_quarantined_whole(hook: str, function: Any, stage: str, error: str) -> None:
    marked = function if function is wrapping else hookimpl(function)
    plugins, row = load(named("before"), Plugin("faulty", **{hook: marked}), named("after"))
    row = plugins.report.rows[-2]
    assert (row.name, row.status, row.stage) == ("faulty", "quarantined", stage)
    assert error in str(row.error)
    known = plugins.registry.names("task_types")
    assert {"before", "after", "noop"} <= set(known) and not {"good", "half"} & set(known)


def test_a_good_plugin_after_a_misspelt_hook_is_not_blamed_for_it() -> None:
    misspelt = Plugin("misspelt", harmonia_tasktypes=hookimpl(lambda: ()))
    plugins, row = load(misspelt, Contributor())
    assert row.status == "ok" and plugins.report.rows[-2].stage == "hooks"


def test_an_object_without_hooks_and_a_class_are_no_plugins() -> None:
    assert "implements no hook" in str(load(Plugin("empty"))[1].error)
    assert "is a class" in str(load(Contributor)[1].error)


def test_a_plugin_that_cannot_be_hashed_breaks_only_itself() -> None:
    plugins, row = load(SimpleNamespace(name="x", harmonia_faces=hookimpl(lambda: ())), Contributor())
    assert row.status == "ok" and plugins.report.rows[-2].stage == "type"


def test_a_second_plugin_of_the_same_name_is_refused() -> None:
    plugins, row = load(Contributor(), Contributor())
    assert row.stage == "conflict" and plugins.report.rows[-2].status == "ok"


@pytest.mark.parametrize(
    ("api", "stage"), [((1, 0), "ready"), ((2, 0), "api"), ((1, 99), "api"), ("1.0", "api")]
)
def test_the_plugin_api_version_is_compared(api: Any, stage: str) -> None:
    _, row = load(TaskType("new", lambda ctx, input: None, api=api))
    assert row.stage == stage
    _, row = load(Plugin("x", HARMONIA_API=api, harmonia_faces=hookimpl(lambda: ())))
    assert row.stage == stage


class Observer:
    """Record what it is told; `fault` is raised or awaited first."""

    def __init__(self, name: str, fault: Any = None) -> None:
        self.name, self.fault, self.seen = name, fault, list[Any]()

    @hookimpl
    async def harmonia_engine_started(self, engine: Any) -> None:
        self.seen.append(engine)

    @hookimpl
    async def harmonia_events_recorded(self, events: Sequence[Any]) -> None:
        if isinstance(self.fault, BaseException):
            raise self.fault
        if self.fault is not None:
            await self.fault()
        self.seen.extend(events)


async def test_observers_hear_of_the_engine_and_of_whole_batches() -> None:
    observer = Observer("one")
    plugins, _ = load(observer)
    assert plugins.manager.observing
    engine: Any = object()
    await plugins.manager.engine_started(engine)
    await plugins.manager.events_recorded([1, 2])  # type: ignore[list-item]
    assert observer.seen == [engine, 1, 2]


async def test_without_observers_the_manager_says_so() -> None:
    plugins, _ = load(named("quiet"), disabled_plugins=_others())
    assert plugins.manager.observing is False


def _others() -> tuple[str, ...]:
    return tuple(row.distribution for row in load_plugins().report if row.distribution != "harmonia")


@pytest.mark.parametrize("fault", [RuntimeError("x"), SystemExit(1), anyio.sleep_forever])
async def test_a_failing_or_hanging_observer_is_unplugged_and_the_others_hear_everything(fault: Any) -> None:
    bad, good = Observer("bad", fault), Observer("good")
    plugins, _ = load(bad, good, observer_timeout=0.02, observer_failures=2)
    for number in range(4):
        await plugins.manager.events_recorded([number])  # type: ignore[list-item]
    assert good.seen == [0, 1, 2, 3] and bad.seen == []
    [row] = [row for row in plugins.report if row.name == "bad"]
    assert (row.status, row.stage) == ("quarantined", "observe")
    assert "unplugged after 2 failures in a row" in str(row.error)
    assert plugins.manager.observing


async def test_a_success_in_between_starts_the_count_again() -> None:
    observer = Observer("moody", RuntimeError("x"))
    plugins, _ = load(observer, observer_failures=2)
    for fault in (RuntimeError("x"), None, RuntimeError("x"), None):
        observer.fault = fault
        await plugins.manager.events_recorded([1])  # type: ignore[list-item]
    assert observer.seen == [1, 1]


async def test_a_plain_observer_that_blocks_counts_as_failed() -> None:
    import time

    slow = Plugin("slow", harmonia_events_recorded=hookimpl(lambda events: time.sleep(0.03)))
    plugins, _ = load(slow, observer_timeout=0.01, observer_failures=1)
    await plugins.manager.events_recorded([])
    assert "blocked the engine" in str(plugins.report.rows[-1].error)


async def test_cancelling_the_engine_is_not_an_observers_failure() -> None:
    plugins, _ = load(Observer("waiting", anyio.sleep_forever), observer_failures=1)
    with anyio.move_on_after(0.01) as scope:
        await plugins.manager.events_recorded([])
    assert scope.cancelled_caught and plugins.report.rows[-1].status == "ok"


def judge(name: str, verdict: Any) -> Plugin:
    def harmonia_authorize(actor: Any, action: str) -> Any:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    return Plugin(name, harmonia_authorize=hookimpl(harmonia_authorize))


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [
        ((), None),
        ((None,), None),
        ((True, None), True),
        ((True, False), False),
        ((False, True), False),
        ((RuntimeError("x"), True), False),
    ],
)
async def test_deny_wins_and_a_failing_judge_denies(verdicts: tuple[Any, ...], answer: bool | None) -> None:
    plugins, _ = load(*(judge(f"judge{number}", verdict) for number, verdict in enumerate(verdicts)))
    assert await plugins.manager.authorize({"kind": "user", "id": "ada"}, "start", {}) is answer


def specs() -> dict[str, Any]:
    return {name: spec for name, spec in vars(hookspecs).items() if name.startswith("harmonia_")}


@pytest.mark.parametrize("hook", specs())
def test_every_hook_answers_the_five_questions(hook: str) -> None:
    text = inspect.getdoc(specs()[hook]) or ""
    assert [word for word in ("When:", "Calls:", "Returns:", "Errors:", "Time:") if word not in text] == []


def test_every_kind_has_its_contribute_hook() -> None:
    assert {kind.hook for kind in registration.KINDS} <= set(specs())


def signature(hook: str) -> str:
    """Return a hook as documents show it: annotations as written, without quotes."""
    text = inspect.getsource(specs()[hook]).partition("def ")[2].partition(":\n")[0]
    text = " ".join(text.replace('"', "").split()).replace("( ", "(").replace(" )", ")")
    return f"def {text}: ..."


@pytest.mark.parametrize("hook", specs())
def test_the_documents_show_every_hook_with_its_exact_signature(hook: str, root: Path) -> None:
    assert signature(hook) in (root / "docs" / "hooks.md").read_text("utf-8")
