"""Cases of the corpus: a definition, what is done from outside, and how it must end."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harmonia_core.host import KernelSettings

CORPUS = Path(__file__).parent / "corpus"
SETTINGS = {"cancel_grace": 0.2, "freeze_at_start": False, "activity_keep": 100}
KEYS = frozenset(
    (
        "about",
        "definition",
        "input",
        "settings",
        "limits",
        "publish",
        "script",
        "expect",
        "labels",
        "may-differ",
    )
)
CASES_WANTED = 40
STEP_KEYS = frozenset(("when", "of", "if-asked", "elsewhere"))


@dataclass(frozen=True)
class Step:
    """Hold one action from outside. number: from 0; the first one starts the execution `main`.

    when: what has been seen by then, `{seen: event type, path, count, of}`; nothing for at once.
    of: label of the execution that it is about. optional: it is done if it comes to that.
    elsewhere: another process asks for it, which drives nothing itself.
    """

    number: int
    action: str
    arguments: dict[str, Any]
    when: dict[str, Any] = field(default_factory=dict)
    of: str = "main"
    optional: bool = False
    elsewhere: bool = False


@dataclass(frozen=True)
class Case:
    """Hold one file of the corpus.

    passing: types of events of which there may be more after a crash, because a person acts on that or asks
    twice; attempts: paths of tasks that a person tries again then. expect: what was written by hand.
    """

    name: str
    about: str
    definition: dict[str, Any]
    settings: KernelSettings
    steps: tuple[Step, ...]
    publish: tuple[dict[str, Any], ...]
    limits: tuple[dict[str, Any], ...]
    expect: dict[str, Any]
    passing: tuple[str, ...] = ()
    attempts: tuple[str, ...] = ()


def read(file: Path) -> Case:
    """Return the case in a file; fail for words that mean nothing."""
    data = yaml.load(file.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert isinstance(data, dict), file.name
    assert set(data) <= KEYS, (file.name, set(data) - KEYS)
    start = {"start": {"as": "main", "input": data.get("input"), "labels": data.get("labels")}}
    steps = tuple(_step(number, one) for number, one in enumerate([start, *data.get("script", ())]))
    return Case(
        file.stem,
        data["about"],
        data["definition"],
        KernelSettings.model_validate({**SETTINGS, **data.get("settings", {})}),
        steps,
        tuple(data.get("publish", ())),
        tuple(data.get("limits", ())),
        data["expect"],
        tuple(data.get("may-differ", {}).get("types", ())),
        tuple(data.get("may-differ", {}).get("attempts", ())),
    )


def _step(number: int, data: dict[str, Any]) -> Step:
    [action] = set(data) - STEP_KEYS
    given = data[action]
    return Step(
        number,
        action,
        dict(given) if isinstance(given, dict) else {},
        data.get("when", {}),
        data.get("of", "main"),
        data.get("if-asked", False),
        data.get("elsewhere", False),
    )


@cache
def corpus() -> list[Case]:
    """Return all cases by name, read once: three modules ask while tests are collected."""
    return [read(file) for file in sorted(CORPUS.glob("*.yaml"))]
