"""Stepping a coroutine by hand: in variables of its own, and able to let go of it.

Awaiting a coroutine leaves no way past one that swallows its cancellation or waits in
a shield. Stepped, it is simply not resumed any more.
"""

from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context
from types import coroutine
from typing import Any, Protocol

from anyio import CancelScope

from harmonia_core.engine.lanes import Lane
from harmonia_core.model.outcomes import Outcome

_refused_to_end: list[Any] = []
"""Kept, because the collector would resume them inside whatever runs at that moment."""


class LetGo(BaseException):
    """End the stepping of a body that did not answer; its outcome is delivered already."""


class Stepped(Protocol):
    """What a body belongs to. let_go: do not resume it any more."""

    let_go: bool

    def vanish(self) -> None:
        """Take note that the loop itself is going away."""
        ...


@coroutine
def step_through(
    body: Coroutine[Any, Any, Outcome], variables: Context, owner: Stepped, lane: Lane
) -> Generator[Any, Any, Outcome]:
    """Resume a body like `await` would, until it ends or its owner lets it go (then LetGo is raised)."""
    step = variables.run
    try:
        wanted = step(body.send, None)
        lane.waits()
        while True:
            lane.wanted = wanted
            try:
                sent = yield wanted
            except GeneratorExit:
                owner.vanish()
                step(body.close)
                raise
            except BaseException as error:
                _check(owner, lane, body, step)
                wanted = step(body.throw, error)
            else:
                _check(owner, lane, body, step)
                wanted = step(body.send, sent)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _check(owner: Stepped, lane: Lane, body: Any, step: Callable[..., Any]) -> None:
    if not owner.let_go:
        return
    chain = _awaited(body)
    try:
        step(body.close)
    except BaseException:  # it swallows even this, and waits again
        _refused_to_end.append(chain)
        _leave_scopes(lane.scope)
    raise LetGo


def _awaited(body: Any) -> list[Any]:
    """Return a coroutine and those inside it that it waits for."""
    chain = [body]
    while (inner := getattr(chain[-1], "cr_await", None)) is not None:
        chain.append(inner)
    return chain


def _leave_scopes(outer: CancelScope) -> None:
    """Leave the scopes that a body left open, innermost first; anyio ends a task only in order.

    There is no public way to find them.
    """
    for scope in tuple(getattr(outer, "_child_scopes", ())):
        _leave_scopes(scope)
        with suppress(RuntimeError):  # one of another task
            scope.__exit__(None, None, None)
