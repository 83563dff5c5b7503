"""What plugins hand over: any object with a name, sorted by the kind of plugin it belongs to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Stability(StrEnum):
    """Say how far a contract may be relied upon; stable needs two real implementations that pass its suite."""

    STABLE = "stable"
    PROVISIONAL = "provisional"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of plugin: the hook that contributes it and the entry-point group that is its short cut."""

    name: str
    title: str
    stability: Stability

    @property
    def hook(self) -> str:
        """Return the name of the contribute hook, such as `harmonia_task_types`."""
        return f"harmonia_{self.name}"

    @property
    def group(self) -> str:
        """Return the entry-point group of single registrations, such as `harmonia.task_types`."""
        return f"harmonia.{self.name}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a registration came from: a distribution, a file, or Harmonia itself."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


TASK_TYPES = Kind("task_types", "task type", Stability.STABLE)
STATE_BACKENDS = Kind("state_backends", "state backend", Stability.STABLE)
TRIGGERS = Kind("triggers", "trigger", Stability.PROVISIONAL)
NOTIFIERS = Kind("notifiers", "notifier", Stability.PROVISIONAL)
DISPATCHERS = Kind("dispatchers", "dispatcher", Stability.PROVISIONAL)
DEFINITION_FORMATS = Kind("definition_formats", "definition format", Stability.STABLE)
EXPRESSION_LANGUAGES = Kind("expression_languages", "expression language", Stability.PROVISIONAL)
SECRET_PROVIDERS = Kind("secret_providers", "secret provider", Stability.PROVISIONAL)
FACES = Kind("faces", "face", Stability.PROVISIONAL)

KINDS = (
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
KIND_STABILITY = {kind.name: kind.stability for kind in KINDS}


def names_of(registration: Any) -> tuple[str, ...]:
    """Return the names a registration answers to: `names`, else `schemes`, else `name`; none if it has none."""
    for attribute in ("names", "schemes"):
        names = getattr(registration, attribute, None)
        if isinstance(names, tuple | list | frozenset | set):
            return tuple(sorted(str(name) for name in names))
    name = getattr(registration, "name", None)
    return (name,) if isinstance(name, str) and name else ()
