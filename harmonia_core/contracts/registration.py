"""What plugins hand over: any object with a name, sorted by the kind of plugin it belongs to."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Stability: TypeAlias = Literal["stable", "provisional"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of plugin.

    title: the kind in a sentence. stability: `stable` after two real implementations have passed
        its suite, until then `provisional`. members: attributes every registration has.
    """

    name: str
    title: str
    stability: Stability
    members: tuple[str, ...]

    @property
    def hook(self) -> str:
        """Return the hook that contributes registrations, such as `harmonia_task_types`."""
        return f"harmonia_{self.name}"

    @property
    def group(self) -> str:
        """Return the entry-point group of single registrations, such as `harmonia.task_types`."""
        return f"harmonia.{self.name}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a registration came from: plugin, and the distribution (or file) with its version."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


TASK_TYPES: Final = Kind("task_types", "task type", "stable", ("handler", "input_model", "kernel"))
STATE_BACKENDS: Final = Kind("state_backends", "state backend", "stable", ("schemes", "create"))
TRIGGERS: Final = Kind("triggers", "trigger", "provisional", ("open",))
NOTIFIERS: Final = Kind("notifiers", "notifier", "provisional", ("notify",))
DISPATCHERS: Final = Kind("dispatchers", "dispatcher", "provisional", ("enqueue", "cancel", "attach"))
DEFINITION_FORMATS: Final = Kind("definition_formats", "definition format", "stable", ("suffixes", "read"))
EXPRESSION_LANGUAGES: Final = Kind(
    "expression_languages", "expression language", "provisional", ("check", "evaluate")
)
SECRET_PROVIDERS: Final = Kind("secret_providers", "secret provider", "provisional", ("get",))
FACES: Final = Kind("faces", "face", "provisional", ("endpoints", "commands", "checks"))

KINDS: Final = (
    TASK_TYPES,
    STATE_BACKENDS,
    TRIGGERS,
    NOTIFIERS,
    DISPATCHERS,
    DEFINITION_FORMATS,
    EXPRESSION_LANGUAGES,
    SECRET_PROVIDERS,
    FACES,
)
KIND_STABILITY: Final = {kind.name: kind.stability for kind in KINDS}


def names_of(registration: Any) -> tuple[str, ...]:
    """Return the names a registration answers to, sorted; none if it is no registration.

    URL schemes replace the name (a state backend is chosen by scheme), file suffixes
    stand beside it (a definition format is chosen by either).
    """
    schemes = getattr(registration, "schemes", None)
    names = tuple(schemes) if schemes else (getattr(registration, "name", None),)
    names += tuple(getattr(registration, "suffixes", ()))
    return tuple(sorted(names)) if all(isinstance(name, str) and name for name in names) else ()


def missing_members(kind: Kind, registration: Any) -> tuple[str, ...]:
    """Return the attributes that a registration of this kind must have and this one has not."""
    return tuple(member for member in kind.members if not hasattr(registration, member))
