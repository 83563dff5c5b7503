"""Load every plugin, once, at the start of a program."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import harmonia_core
from harmonia_core.contracts.registration import TASK_TYPES
from harmonia_core.contracts.task_type import TaskType
from harmonia_core.plugins.admission import Admission
from harmonia_core.plugins.discovery import PLUGINS_GROUP, PROGRAM_GROUP, Candidate, installed
from harmonia_core.plugins.manager import PluginManager
from harmonia_core.plugins.one_file import by_path
from harmonia_core.plugins.registry import Registry
from harmonia_core.plugins.report import LOG, PluginReport
from harmonia_core.settings import KernelSettings

BUILTIN = "builtin"


@dataclass(frozen=True, slots=True)
class Plugins:
    """What was loaded: look up in `registry`, call through `manager`, show `report`."""

    registry: Registry
    manager: PluginManager
    report: PluginReport


def load_plugins(settings: KernelSettings | None = None, extra: Iterable[object] = ()) -> Plugins:
    """Find, check and plug in everything: built-ins, installed distributions, files, `extra`.

    extra: plugins (modules or objects with hook implementations) and task types that the
        program itself brings; no names are read and nothing is installed for them.
    Raises PluginsRefused in strict mode if any plugin is quarantined; never otherwise.
    """
    settings = settings or KernelSettings()
    report = PluginReport()
    candidates: dict[str, Candidate] = {}

    def unplugged(key: str, error: str) -> None:
        report.unplugged(candidates[key].group, candidates[key].name, error)

    manager = PluginManager(settings.observer_timeout, settings.observer_failures, unplugged)
    plugins = Plugins(Registry(), manager, report)
    admission = Admission(settings, manager, plugins.registry, harmonia_core.PLUGIN_API)
    for candidate in _candidates(settings, extra):
        candidates.setdefault(candidate.key, candidate)
        report.add(admission.admit(candidate))
    manager.seal()
    _warn_of_unknown_names(settings, candidates.values())
    if settings.strict_plugins:
        report.require_clean()
    return plugins


def _candidates(settings: KernelSettings, extra: Iterable[object]) -> Iterator[Candidate]:
    found = list(installed())
    if not any(_is_builtin(candidate) for candidate in found):  # a source tree that is not installed
        yield Candidate(BUILTIN, PLUGINS_GROUP, "harmonia", harmonia_core.__version__, _load_builtin)
    yield from found
    yield from map(by_path, settings.plugin_files)
    yield from map(_given, extra)


def _is_builtin(candidate: Candidate) -> bool:
    return (candidate.distribution, candidate.group, candidate.name) == ("harmonia", PLUGINS_GROUP, BUILTIN)


def _load_builtin() -> ModuleType:
    return import_module("harmonia_core.builtin")


def _given(thing: object) -> Candidate:
    kind = TASK_TYPES if isinstance(thing, TaskType) else None
    name = getattr(thing, "name", None) or getattr(thing, "__name__", None) or type(thing).__name__
    return Candidate(str(name), PROGRAM_GROUP, "program", "", lambda: thing, kind)


def _warn_of_unknown_names(settings: KernelSettings, candidates: Iterable[Candidate]) -> None:
    known = list(candidates)
    for name in settings.disabled_plugins:
        if not any(candidate.is_among((name,)) for candidate in known):
            LOG.warning("no plugin is named %s, so there is nothing to disable", name)
    for name in settings.plugins.keys() - {candidate.key for candidate in known}:
        LOG.warning("there are settings for a plugin %s, which is not installed", name)
