"""What a test does to an execution from outside, and when: messages, decisions, pause, resume, cancel."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from datetime import time as Time
from typing import Any, Literal, NamedTuple, Protocol, Self

from harmonia_core.engine.runner import Engine
from harmonia_core.errors import HarmoniaError
from harmonia_core.model.policies import read_moment
from harmonia_core.testing.answers import Span, seconds_of
from harmonia_core.testing.refusals import KitError, MomentRefused, TargetInvalid
from harmonia_core.testing.targets import Target, read_target


class Scene(Protocol):
    """What a deed finds when its moment has come."""

    root: str

    @property
    def engine(self) -> Engine:
        """Return what drives the execution."""
        ...

    def open_approvals(self, target: Target) -> list[tuple[str, str]]:
        """Return execution and path of the approvals that a target names; raise MomentRefused if none."""
        ...


class Spot(NamedTuple):
    """Name the task that a moment is about."""

    execution_id: str
    path: str


Act = Callable[[Scene, Spot | None], Awaitable[Any]]


class Deed(NamedTuple):
    """Hold one thing that is done. words: how the test wrote it."""

    words: str
    act: Act


class Moment:
    """Say what happens at one moment; each method adds something to it and returns the moment.

    A moment is a time (`at`), or the time at which a task begins (`on`).
    """

    def __init__(
        self, words: str, due: Callable[[float], float], target: Target | None, unused_ok: bool
    ) -> None:
        self.words, self.due, self.target, self.unused_ok = words, due, target, unused_ok
        self.deeds: list[Deed] = []
        self.used = False

    def __repr__(self) -> str:
        return self.words + "".join(f".{deed.words}" for deed in self.deeds)

    def signal(self, name: str, data: Any = None, *, correlation: Any = None) -> Self:
        """Send a message to the execution; with `on`, to the one that the task is in."""

        async def act(scene: Scene, spot: Spot | None) -> None:
            to = spot.execution_id if spot else scene.root
            await scene.engine.signal(to, name, data, correlation=correlation)

        return self._add(f"signal({name!r})", act)

    def publish(self, name: str, data: Any = None, *, correlation: Any = None) -> Self:
        """Publish a message for whichever task waits for it, now or later."""

        async def act(scene: Scene, spot: Spot | None) -> None:
            await scene.engine.publish(name, data, correlation=correlation)

        return self._add(f"publish({name!r})", act)

    def approve(
        self, task: str | None = None, *, by: str | None = None, data: Any = None, comment: str | None = None
    ) -> Self:
        """Decide `approved` on what a task asks. task: with `on`, that task; by: the id of who decides."""
        return self._decide("approve", "approved", task, by, data, comment)

    def reject(
        self, task: str | None = None, *, by: str | None = None, data: Any = None, comment: str | None = None
    ) -> Self:
        """Decide `rejected` on what a task asks, otherwise as `approve`."""
        return self._decide("reject", "rejected", task, by, data, comment)

    def _decide(
        self,
        verb: str,
        decision: Literal["approved", "rejected"],
        task: str | None,
        by: str | None,
        data: Any,
        comment: str | None,
    ) -> Self:
        target = None if task is None else read_target(task)
        if target is None and self.target is None:
            raise TargetInvalid(f"{verb}() at a time needs the task that asks: {verb}('review').")
        actor = None if by is None else {"kind": "person", "id": by}

        async def act(scene: Scene, spot: Spot | None) -> None:
            open_ = scene.open_approvals(target) if target is not None or spot is None else [spot]  # type: ignore[arg-type]
            for execution_id, path in open_:
                await scene.engine.decide(execution_id, path, decision, data, comment=comment, actor=actor)

        return self._add(f"{verb}({'' if task is None else repr(task)})", act)

    def cancel(self, reason: str | None = None) -> Self:
        """Ask the whole execution to end as cancelled."""
        return self._steer("cancel", lambda scene: scene.engine.cancel(scene.root, reason, wait=False))

    def undo(self, reason: str | None = None) -> Self:
        """Stop what the whole execution does and undo what it has done."""
        return self._steer("undo", lambda scene: scene.engine.undo(scene.root, reason, wait=False))

    def pause(self, reason: str | None = None, *, timers: Literal["run", "hold"] = "run") -> Self:
        """Let the whole execution begin nothing new. timers: whether time that is left stands still."""
        return self._steer("pause", lambda scene: scene.engine.pause(scene.root, reason, timers=timers))

    def resume(self) -> Self:
        """Let the whole execution go on."""
        return self._steer("resume", lambda scene: scene.engine.resume(scene.root))

    def terminate(self, reason: str | None = None) -> Self:
        """End the whole execution at once, with nothing carried out at the end and nothing undone."""
        return self._steer("terminate", lambda scene: scene.engine.terminate(scene.root, reason))

    def _steer(self, verb: str, call: Callable[[Scene], Awaitable[Any]]) -> Self:
        async def act(scene: Scene, spot: Spot | None) -> None:
            await call(scene)

        return self._add(f"{verb}()", act)

    def _add(self, words: str, act: Act) -> Self:
        self.deeds.append(Deed(words, act))
        return self

    async def happen(self, scene: Scene, spot: Spot | None, now: float) -> None:
        """Do everything that belongs to the moment; raise MomentRefused for what the engine refuses."""
        self.used = True
        for deed in self.deeds:
            try:
                await deed.act(scene, spot)
            except (HarmoniaError, KitError, ValueError) as error:
                when = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S")
                where = f" (task {spot.path!r})" if spot else ""
                text = f"{self.words}.{deed.words}{where} was refused on {when} of workflow time: {error}"
                raise MomentRefused(text) from error


def at_moment(
    when: Span | datetime | None, day: int | None, time: str, start: float, unused_ok: bool
) -> Moment:
    """Return a moment at a time.

    when: a span since the start, or a moment as datetime or RFC 3339. day: of workflow time, from 1, with
    `time` (`HH:MM`, UTC). Raises TargetInvalid.
    """
    if (when is None) is (day is None):
        raise TargetInvalid("at() takes one of the two: a time, as in at('P2D'), or at(day=3, time='09:00').")
    if day is not None:
        due = _of_day(day, time, start)
        return Moment(f"at(day={day}, time={time!r})", lambda now: due, None, unused_ok)
    words = f"at({str(when)!r})" if isinstance(when, datetime | timedelta) else f"at({when!r})"
    due = _due(when, start)
    if due < start:
        raise TargetInvalid(f"{words} lies before the start of the execution.")
    return Moment(words, lambda now: due, None, unused_ok)


def on_task(task: str, after: Span, unused_ok: bool) -> Moment:
    """Return a moment that comes, each time, a span after a task begins or waits; raise TargetInvalid."""
    seconds = seconds_of(after)
    words = f"on({task!r})" if not seconds else f"on({task!r}, after={after!r})"
    return Moment(words, lambda now: now + seconds, read_target(task), unused_ok)


def _of_day(day: int, time: str, start: float) -> float:
    try:
        clock = Time.fromisoformat(time)
    except ValueError:
        raise TargetInvalid(f"{time!r} is no time of day; write HH:MM, such as '09:00'.") from None
    first = datetime.fromtimestamp(start, UTC).date()
    due = datetime.combine(first + timedelta(days=day - 1), clock, UTC).timestamp()
    if day < 1 or due < start:
        began = datetime.fromtimestamp(start, UTC).strftime("%H:%M")
        raise TargetInvalid(f"day {day}, {time} lies before the start, which is at {began} on day 1.")
    return due


def _due(when: Any, start: float) -> float:
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise TargetInvalid(f"{when} has no time zone; give it one, such as tzinfo=UTC.")
        return when.timestamp()
    if isinstance(when, str) and when[:1].isdigit():
        try:
            return read_moment(when)
        except ValueError as error:
            raise TargetInvalid(f"at({when!r}): {error}.") from None
    return start + seconds_of(when)
