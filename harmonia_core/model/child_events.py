"""Facts about tasks that are executions of their own."""

from dataclasses import dataclass

from harmonia_core.model.event import Event


@dataclass(frozen=True, slots=True)
class ChildRequested(Event):
    """Ask for an execution of its own that carries a task out; whoever records it starts it.

    detached: the task does not wait for its end. pinned: the definition was named by its hash and has
        to be in the store already; otherwise it is stored with this event.
    """

    path: str
    attempt: int
    child_id: str
    definition_hash: str
    detached: bool = False
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class ChildCancelRequested(Event):
    """Ask the execution that carries a task out to end as cancelled; the task waits until it has ended."""

    path: str
    child_id: str
