"""Plugins as hooks: the only place that calls pluggy.

Every call reaches exactly one plugin, through pluggy's own subset caller, so that one
plugin's fault stays its own. (pluggy itself ends a call, and a historic replay, at the first
exception; that is why `harmonia_engine_started` is not historic in pluggy's sense.)
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import pluggy

from harmonia_core.plugins import hookspecs
from harmonia_core.plugins.report import LOG, PluginFault, Stage, describe, guard

if TYPE_CHECKING:
    from harmonia_core.contracts.engine import Engine
    from harmonia_core.model.events import Recorded

Call: TypeAlias = Callable[..., list[Any]]
Unplugged: TypeAlias = Callable[[str, str], None]

OBSERVE = ("harmonia_engine_started", "harmonia_events_recorded", "harmonia_authorize")


class PluginManager:
    """Hold the plugins and call their hooks, one typed method per hook.

    timeout: seconds an observer may take. failures: in a row, before it is unplugged.
    unplugged: told the plugin's name and why.
    """

    def __init__(
        self, timeout: float = 5.0, failures: int = 5, unplugged: Unplugged = lambda name, error: None
    ) -> None:
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self._timeout, self._failures, self._unplugged = timeout, failures, unplugged
        self._calls: dict[str, list[tuple[str, Call]]] = {hook: [] for hook in OBSERVE}
        self._in_a_row: dict[str, int] = {}
        self.observing = False

    def register(self, plugin: object, name: str) -> None:
        """Take a plugin under a unique name, whole or not at all.

        Raises PluginFault for an unknown hook, a wrong argument, a wrapper, or no hook at all.
        """
        with guard("type"):
            hash(plugin)  # pluggy keeps plugins in sets: one that cannot be hashed would break the others
        with guard("hooks"):
            try:
                self._pluggy.register(plugin, name)
                self._pluggy.check_pending()
                self._check(plugin)
            except BaseException:
                self.unregister(name)
                raise

    def unregister(self, name: str) -> None:
        """Forget a plugin; unknown names are ignored."""
        if self._pluggy.has_plugin(name):
            self._pluggy.unregister(name=name)

    def call(self, name: str, hook: str, stage: Stage, **arguments: Any) -> list[Any]:
        """Call one hook of one plugin; return what it returned, as a list of none or one.

        Raises PluginFault whatever the plugin raises, and for an async implementation.
        """
        with guard(stage):
            results = self._caller(name, hook)(**arguments)
            for result in results:
                if iscoroutine(result):
                    result.close()
                    raise PluginFault(stage, f"{hook} must be a plain function, not async.")
            return results

    def implements(self, name: str, hook: str) -> bool:
        """Tell whether a plugin implements a hook."""
        plugin = self._pluggy.get_plugin(name)
        return any(caller.name == hook for caller in self._pluggy.get_hookcallers(plugin) or ())

    def has(self, name: str) -> bool:
        """Tell whether a plugin of that name is registered."""
        return self._pluggy.has_plugin(name)

    def seal(self) -> None:
        """Prepare the observe hooks, once every plugin is registered."""
        names = [name for name, _ in self._pluggy.list_name_plugin()]
        for hook in OBSERVE:
            self._calls[hook] = [
                (name, self._caller(name, hook)) for name in names if self.implements(name, hook)
            ]
        self.observing = bool(self._calls["harmonia_events_recorded"])

    async def engine_started(self, engine: "Engine") -> None:
        """Tell every observer that an engine is ready."""
        await self._observe("harmonia_engine_started", engine=engine)

    async def events_recorded(self, events: "Sequence[Recorded]") -> None:
        """Tell every observer of a batch of durable events; ask `observing` first, it costs nothing."""
        await self._observe("harmonia_events_recorded", events=events)

    async def authorize(
        self, actor: Mapping[str, str], action: str, resource: Mapping[str, Any]
    ) -> bool | None:
        """Return False if any plugin denies or fails, True if one allows, None without an opinion."""
        verdict: bool | None = None
        for name, call in tuple(self._calls["harmonia_authorize"]):
            try:
                answers = await self._bounded(call, actor=actor, action=action, resource=resource)
            except PluginFault as fault:
                LOG.warning("plugin %s failed to authorise, which denies: %s", name, fault)
                return False
            if any(answer is not None and not answer for answer in answers):
                return False
            verdict = verdict or bool(answers) or None
        return verdict

    async def _observe(self, hook: str, **arguments: Any) -> None:
        for name, call in tuple(self._calls[hook]):
            try:
                await self._bounded(call, **arguments)
                self._in_a_row[name] = 0
            except PluginFault as fault:
                self._failed(name, hook, str(fault))

    async def _bounded(self, call: Call, **arguments: Any) -> list[Any]:
        begun = anyio.current_time()
        try:
            with anyio.fail_after(self._timeout):
                answers = [await answer if isawaitable(answer) else answer for answer in call(**arguments)]
        except (KeyboardInterrupt, anyio.get_cancelled_exc_class()):
            raise
        except TimeoutError as error:
            raise PluginFault("observe", f"took longer than {self._timeout:g} s") from error
        except BaseException as error:
            raise PluginFault("observe", describe(error)) from error
        if anyio.current_time() - begun > self._timeout:  # a plain function cannot be interrupted
            raise PluginFault("observe", f"blocked the engine for longer than {self._timeout:g} s")
        return answers

    def _failed(self, name: str, hook: str, error: str) -> None:
        self._in_a_row[name] = count = self._in_a_row.get(name, 0) + 1
        LOG.warning("observer %s failed in %s, %d in a row: %s", name, hook, count, error)
        if count < self._failures:
            return
        for calls in (self._calls[hook] for hook in OBSERVE[:2]):
            calls[:] = [entry for entry in calls if entry[0] != name]
        self.observing = bool(self._calls["harmonia_events_recorded"])
        self._unplugged(name, f"unplugged after {count} failures in a row, the last: {error}")

    def _caller(self, name: str, hook: str) -> Call:
        plugin = self._pluggy.get_plugin(name)
        others = [other for other in self._pluggy.get_plugins() if other is not plugin]
        return self._pluggy.subset_hook_caller(hook, others)

    def _check(self, plugin: object) -> None:
        callers = self._pluggy.get_hookcallers(plugin) or []
        if not callers:
            raise PluginFault("type", f"{plugin!r} implements no hook; mark functions with @hookimpl.")
        for caller in callers:
            for found in caller.get_hookimpls():
                if found.plugin is plugin and (found.wrapper or found.hookwrapper):
                    raise PluginFault("hooks", f"{caller.name}: Harmonia's hooks take no wrappers.")
