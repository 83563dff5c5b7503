"""Admit one plugin: import, check, configure, collect, and answer with a row of the report.

A plugin is admitted whole or quarantined whole; the next one is admitted in any case.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from harmonia_core.contracts.registration import KINDS, Kind, missing_members
from harmonia_core.plugins.discovery import Candidate
from harmonia_core.plugins.manager import PluginManager
from harmonia_core.plugins.one_file import as_hook
from harmonia_core.plugins.registry import Registry
from harmonia_core.plugins.report import PluginFault, PluginRow, guard
from harmonia_core.settings import KernelSettings


@dataclass(frozen=True, slots=True)
class Admission:
    """Hold what every admission needs. api: the plugin API version of this Harmonia."""

    settings: KernelSettings
    manager: PluginManager
    registry: Registry
    api: tuple[int, int]

    def admit(self, candidate: Candidate) -> PluginRow:
        """Admit a candidate or quarantine it; never raises for a plugin's fault."""
        row = (candidate.distribution, candidate.version, candidate.group, candidate.name)
        if candidate.is_among(self.settings.disabled_plugins):
            return PluginRow(*row, "name", "disabled")
        try:
            self._refuse_taken_name(candidate)
            with guard("import"):
                loaded = candidate.load()
            contributes = self._plug(candidate, loaded)
        except PluginFault as fault:
            return PluginRow(*row, fault.stage, "quarantined", str(fault))
        return PluginRow(*row, contributes=contributes)

    def _refuse_taken_name(self, candidate: Candidate) -> None:
        if self.manager.has(candidate.key):
            message = f"Another plugin is already named {candidate.name!r}; disable or rename one of them."
            raise PluginFault("conflict", message)

    def _plug(self, candidate: Candidate, loaded: object) -> Mapping[str, tuple[str, ...]]:
        plugin = _lower(candidate.kind, loaded) if candidate.kind else loaded
        if isinstance(plugin, type):
            raise PluginFault("type", f"{plugin!r} is a class; hand over an instance or a module.")
        self._require_api(getattr(plugin, "HARMONIA_API", None), "The plugin")
        self.manager.register(plugin, candidate.key)
        try:
            self._configure(candidate)
            return self._collect(candidate)
        except BaseException:
            self.manager.unregister(candidate.key)
            self.registry.drop(candidate.origin)
            raise

    def _configure(self, candidate: Candidate) -> None:
        name, section = candidate.key, self.settings.plugins.get(candidate.key, {})
        models = self.manager.call(name, "harmonia_settings", "settings")
        if not models:
            if section:
                raise PluginFault("settings", "There are settings for this plugin, but it declares none.")
            if self.manager.implements(name, "harmonia_configure"):
                raise PluginFault("settings", "harmonia_configure needs harmonia_settings beside it.")
            return
        if not (isinstance(models[0], type) and issubclass(models[0], BaseModel)):
            raise PluginFault("settings", "harmonia_settings must return a pydantic model class.")
        with guard("settings"):
            settings = validated(models[0], section)
        self.manager.call(name, "harmonia_configure", "settings", settings=settings)

    def _collect(self, candidate: Candidate) -> dict[str, tuple[str, ...]]:
        contributes: dict[str, tuple[str, ...]] = {}
        for kind in KINDS:
            names: list[str] = []
            for results in self.manager.call(candidate.key, kind.hook, "contribute"):
                with guard("contribute"):
                    registrations = tuple(results)
                for registration in registrations:
                    self._require_kind(kind, registration)
                    names += self.registry.add(kind, registration, candidate.origin)
            if names:
                contributes[kind.name] = tuple(names)
        return contributes

    def _require_kind(self, kind: Kind, registration: object) -> None:
        missing = missing_members(kind, registration)
        if isinstance(registration, type) or missing:
            why = f"it has no {', '.join(missing)}" if missing else "it is a class, not an instance"
            raise PluginFault("type", f"{registration!r} is no {kind.title}: {why}.")
        self._require_api(getattr(registration, "api", None), f"The {kind.title} {registration!r}")

    def _require_api(self, wanted: object, what: str) -> None:
        if wanted is None:
            return
        match wanted:
            case (int() as major, int() as minor):
                if major == self.api[0] and minor <= self.api[1]:
                    return
                has = f"{self.api[0]}.{self.api[1]}"
                message = f"{what} needs plugin API {major}.{minor}; this Harmonia has {has}."
            case _:
                message = f"{what} gives its plugin API version as {wanted!r}; write it as (1, 0)."
        raise PluginFault("api", message)


def _lower(kind: Kind, registration: object) -> ModuleType:
    plugin = ModuleType(f"lowered_{kind.name}")
    several = registration if isinstance(registration, tuple | list) else (registration,)
    setattr(plugin, kind.hook, as_hook(tuple(several)))
    return plugin


def validated(model: type[BaseModel], section: Mapping[str, Any]) -> BaseModel:
    """Return a section as an instance of the model; raise PluginFault that names every wrong field.

    Texts from the environment that hold JSON (`["a", "b"]`) are read as JSON if they do not
    fit as they are. Values are not repeated in the message: they may be secrets.
    """
    try:
        return model.model_validate(dict(section))
    except ValidationError as error:
        decoded = {key: _decoded(value) for key, value in section.items()}
        if decoded != section:
            try:
                return model.model_validate(decoded)
            except ValidationError:
                pass  # the first error speaks of what was written
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        lines = [f"{'.'.join(map(str, fault['loc'])) or model.__name__}: {fault['msg']}" for fault in faults]
        raise PluginFault("settings", "; ".join(lines)) from None


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
