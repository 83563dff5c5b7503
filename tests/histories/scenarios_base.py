"""How what is recorded is described: workflows, the lives of the engines that carry them, how each goes on.

An engine's life ends with the commit of a chosen event, as if its process had been killed there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playing import Step, Until

RETRY = {"max_retries": 2, "initial_delay": 10, "jitter": 0.5}
PERSON = {"kind": "person", "id": "ada"}
SMALL = {"inline_limit": 200, "quick_limit": 100}
FINISH: Step = {"do": "finish"}
BEGUN: Step = {"do": "see", "type": "TaskScheduled"}
RECOVER: tuple[Step, ...] = ({"do": "recover"}, FINISH)
LONG = {"text": "long " * 60}
DECLINED = {
    "code": "declined", "message": "No.", "category": "client", "retryable": False, "kind": "Declined",
    "details": {"by": "ä"}, "cause": "a rule", "traceback": "line 1\nline 2",
}  # fmt: skip


@dataclass(frozen=True)
class Life:
    """Say what an engine does, and with which event's commit it dies; without one it ends in peace.

    lingers: it does not end before the others, but nothing of it reaches the store any more.
    holding: whether `hold` and `charge` never end in it.
    """

    until: Until | None = None
    steps: tuple[Step, ...] = (FINISH,)
    lingers: bool = False
    holding: bool = True


@dataclass(frozen=True)
class Scenario:
    """Describe one history. steps: how whoever finds it goes on; none if it has ended.

    before: what is done before it is started. chain: it is that of the execution that goes on at the end of
    the chain. fork: it is that of the one that a step has begun from the first.
    """

    name: str
    about: str
    tasks: Mapping[str, Any]
    lives: tuple[Life, ...] = (Life(),)
    steps: tuple[Step, ...] = ()
    input: Any = None
    more: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] | None = None
    actor: Mapping[str, str] | None = None
    chain: bool = False
    fork: bool = False
    before: tuple[Step, ...] = ()

    @property
    def definition(self) -> dict[str, Any]:
        """Return the workflow."""
        return {"name": self.name, "tasks": self.tasks, **self.more}


def task(type: str, *after: str, **more: Any) -> dict[str, Any]:
    """Return a task; keys that a task does not have are its input."""
    keys = ("when", "join", "retry_policy", "timeout", "total_timeout", "task", "max_concurrency")
    shape: dict[str, Any] = {"type": type, "input": {k: v for k, v in more.items() if k not in keys}}
    shape |= {key: value for key, value in more.items() if key in keys}
    return {
        name: value for name, value in (shape | {"depends_on": list(after)}).items() if value not in ({}, [])
    }


def killed(type: str, path: str = "", count: int = 1, *steps: Step, lingers: bool = False) -> Life:
    """Return a life that ends with an event."""
    return Life(Until(type, path, count), steps or (FINISH,), lingers)
