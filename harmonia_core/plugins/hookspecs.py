"""The hooks of Harmonia: what a plugin may contribute, observe and decide.

Every docstring answers five questions: When, Calls, Returns, Errors, Time. A plugin may
take fewer arguments than a hook offers. Wrappers and first-result hooks do not exist here:
choosing one of many is the registry's job.
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harmonia_core.contracts.definition_format import DefinitionFormat
    from harmonia_core.contracts.dispatcher import Dispatcher
    from harmonia_core.contracts.endpoint import Faces
    from harmonia_core.contracts.engine import Engine
    from harmonia_core.contracts.expression_language import ExpressionLanguage
    from harmonia_core.contracts.notifier import Notifier
    from harmonia_core.contracts.secret_provider import SecretProvider
    from harmonia_core.contracts.state_backend import BackendType
    from harmonia_core.contracts.task_type import TaskType
    from harmonia_core.contracts.trigger import TriggerType
    from harmonia_core.model.events import Recorded

PROJECT = "harmonia"
hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


@hookspec
def harmonia_settings() -> "type[BaseModel]":
    """Declare the settings of the plugin as one model.

    When:    while the plugin is admitted, before any other of its hooks.
    Calls:   this plugin only; the host's section `plugins.<name>` is checked against the model.
    Returns: a pydantic model class; every field needs a default if the plugin should work unconfigured.
    Errors:  anything raised, and settings that do not fit, quarantine the plugin (stage `settings`).
    Time:    at once; it delays the start of every command.
    """
    raise NotImplementedError


@hookspec
def harmonia_configure(settings: "BaseModel") -> None:
    """Take the checked settings.

    When:    right after `harmonia_settings`, before the contribute hooks; also without a section.
    Calls:   this plugin only, with an instance of the model it declared.
    Returns: ignored.
    Errors:  quarantine the plugin (stage `settings`).
    Time:    at once; keep the settings, open connections on first use.
    """


@hookspec
def harmonia_task_types() -> "Iterable[TaskType]":
    """Contribute task types.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of task types, as made by `task_type`.
    Errors:  anything raised, a wrong object or a name already taken quarantines the whole plugin.
    Time:    at once; import heavy modules inside the task.
    """
    raise NotImplementedError


@hookspec
def harmonia_state_backends() -> "Iterable[BackendType]":
    """Contribute state backends, chosen by the scheme of the store's URL.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of backend types; each scheme is taken by one of them only.
    Errors:  anything raised, a wrong object or a scheme already taken quarantines the whole plugin.
    Time:    at once; database libraries are imported when a backend is created, not here.
    """
    raise NotImplementedError


@hookspec
def harmonia_triggers() -> "Iterable[TriggerType]":
    """Contribute kinds of triggers, which start executions by themselves.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of trigger types.
    Errors:  anything raised, a wrong object or a name already taken quarantines the whole plugin.
    Time:    at once; watching begins later, when the host opens a trigger.
    """
    raise NotImplementedError


@hookspec
def harmonia_notifiers() -> "Iterable[Notifier]":
    """Contribute notifiers, which tell people and systems.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of notifiers.
    Errors:  anything raised, a wrong object or a name already taken quarantines the whole plugin.
    Time:    at once; connect when the first notice is delivered.
    """
    raise NotImplementedError


@hookspec
def harmonia_dispatchers() -> "Iterable[Dispatcher]":
    """Contribute dispatchers, which carry attempts to workers elsewhere.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of dispatchers, chosen by a task's `runs_on`.
    Errors:  anything raised, a wrong object or a name already taken quarantines the whole plugin.
    Time:    at once; connect in `attach`.
    """
    raise NotImplementedError


@hookspec
def harmonia_definition_formats() -> "Iterable[DefinitionFormat]":
    """Contribute formats in which definitions may be written.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of definition formats, chosen by name or file suffix.
    Errors:  anything raised, a wrong object, or a name or suffix already taken quarantines the plugin.
    Time:    at once; import the parser when the first text is read.
    """
    raise NotImplementedError


@hookspec
def harmonia_expression_languages() -> "Iterable[ExpressionLanguage]":
    """Contribute languages for `${...}` beyond plain paths.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of expression languages.
    Errors:  anything raised, a wrong object or a name already taken quarantines the whole plugin.
    Time:    at once; import the interpreter when the first expression is compiled.
    """
    raise NotImplementedError


@hookspec
def harmonia_secret_providers() -> "Iterable[SecretProvider]":
    """Contribute providers of secrets.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of secret providers.
    Errors:  anything raised, a wrong object or a name already taken quarantines the whole plugin.
    Time:    at once; secrets are fetched when an attempt needs them.
    """
    raise NotImplementedError


@hookspec
def harmonia_faces() -> "Iterable[Faces]":
    """Contribute what the plugin shows outside the engine: endpoints, mounts, commands, checks.

    When:    once, while the plugin is admitted.
    Calls:   every plugin: built-ins first, then by distribution, then files in the order given.
    Returns: an iterable of faces; the name is also the prefix of the paths.
    Errors:  anything raised, a wrong object or a name already taken quarantines the whole plugin.
    Time:    at once; handlers import what they need when they are called.
    """
    raise NotImplementedError


@hookspec
def harmonia_engine_started(engine: "Engine") -> Awaitable[None] | None:
    """Observe that an engine is ready.

    When:    once per engine, after its store is open and before it drives an execution.
    Calls:   every plugin, one after the other; the order is unspecified.
    Returns: ignored; may be async.
    Errors:  caught, reported and counted per plugin; never reach the engine.
    Time:    `observer_timeout` (5 s); a plain function blocks the engine while it runs.
    """
    raise NotImplementedError


@hookspec
def harmonia_events_recorded(events: "Sequence[Recorded]") -> Awaitable[None] | None:
    """Observe events after they are durable.

    When:    once per committed batch, in order within an execution; batches hold several executions.
    Calls:   every plugin, one after the other; the order is unspecified.
    Returns: ignored; may be async.
    Errors:  caught, reported and counted per plugin; never reach an execution.
    Time:    `observer_timeout` (5 s); after `observer_failures` (5) in a row the plugin is unplugged.
    """
    raise NotImplementedError


@hookspec
def harmonia_authorize(
    actor: Mapping[str, str], action: str, resource: Mapping[str, Any]
) -> Awaitable[bool | None] | bool | None:
    """Judge whether an actor may do something.

    When:    before the host carries out a request of a person or a program.
    Calls:   every plugin, until one denies.
    Returns: False to deny, which wins; True to allow; None for no opinion. May be async.
    Errors:  count as a denial.
    Time:    `observer_timeout` (5 s), then it counts as a denial; every request waits for it.
    """
    raise NotImplementedError
