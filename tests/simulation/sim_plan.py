"""What a seed decides beforehand, as a list of decisions that can be left out one by one."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from sim_definitions import MESSAGES, Sketch

ACTIONS = (
    "signal", "publish", "cancel", "pause", "resume", "terminate", "retry", "skip", "fail", "done", "undo",
    "set", "priority", "decide", "delegate", "rerun", "fork", "take-over", "again", "limit", "upgrade",
)  # fmt: skip
WEIGHTS = (5, 4, 4, 4, 4, 2, 3, 3, 2, 2, 2, 2, 2, 3, 1, 3, 2, 2, 4, 2, 2)
FAULTS = ("crash", "cut", "freeze", "zombie", "outage", "jump")
CHANCES = (5, 7, 2, 4, 3, 2)


@dataclass(frozen=True)
class Decision:
    """One thing that happens. at: virtual seconds. kind: `start`, an action of people, or a fault.

    target: number of the start or, of a fault, of the engine that it concerns. draw: decides what is left to
    be decided at that moment, such as which task.
    """

    at: float
    kind: str
    target: int
    draw: float = 0.0
    more: tuple[Any, ...] = ()

    @property
    def about_engine(self) -> bool:
        """Tell whether it concerns an engine and no execution."""
        return self.kind in FAULTS

    @property
    def told(self) -> str:
        """Return it as a line of a history."""
        more = " ".join(str(one) for one in self.more)
        return f"{self.kind} {'engine' if self.about_engine else 'execution'} {self.target} {more}".strip()


@dataclass(frozen=True)
class Plan:
    """A seed, decided. sketches: the definitions, with whether they are exact.

    slow: seconds that a message to the store takes at most. faulty: share of them that fail. doubled: share
    of what attempts come to that is told twice. limited: there is a limit of the resource.
    """

    seed: int
    engines: int
    sketches: tuple[tuple[dict[str, Any], bool], ...]
    decisions: tuple[Decision, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    slow: float = 0.0
    faulty: float = 0.0
    doubled: float = 0.0
    limited: bool = False

    def without_faults(self) -> "Plan":
        """Return what happens if nothing goes wrong and nobody interferes."""
        starts = tuple(one for one in self.decisions if one.kind == "start")
        return replace(self, engines=1, decisions=starts, slow=0.0, faulty=0.0, doubled=0.0)


def plan(seed: int) -> Plan:
    """Decide a seed."""
    draws = Random(f"plan {seed}")
    engines = draws.choice((1, 2, 2, 3))
    sketches = tuple(_sketch(draws, f"w{number}") for number in range(draws.choice((1, 1, 1, 2))))
    starts = _starts(draws, len(sketches), engines)
    actions = [_action(draws, len(starts)) for _ in range(draws.choice((0, 1, 2, 3, 4, 5)))]
    faults = [_fault(draws, engines) for _ in range(draws.choice((0, 1, 2, 2, 3)))]
    decisions = tuple(sorted([*starts, *actions, *faults], key=lambda one: one.at))
    faulty = draws.choice((0.0, 0.0, 0.01, 0.04))
    slow, doubled = draws.choice((0.002, 0.02, 0.2)), draws.choice((0.0, 0.0, 0.2, 0.6))
    settings, limited = _settings(draws), draws.random() < 0.85
    return Plan(seed, engines, sketches, decisions, settings, slow, faulty, doubled, limited)


def _sketch(draws: Random, name: str) -> tuple[dict[str, Any], bool]:
    found = Sketch(draws, name)
    definition = found.definition()
    return definition, found.exact


def _settings(draws: Random) -> dict[str, Any]:
    return {
        "snapshot_every": draws.choice((3, 12, 500)),
        "inline_limit": draws.choice((200, 200, 65536)),
        "quick_limit": draws.choice((64, 64, 1 << 20)),
        "roll_over_after": draws.choice((0, 15, 30)),
        "store_patience": draws.choice((0.5, 5, 30)),
        "max_running": draws.choice((0, 0, 0, 1, 3)),
        "activity_keep": draws.choice((0, 0, 0, 50)),
    }


def _starts(draws: Random, sketches: int, engines: int) -> list[Decision]:
    found = []
    for number in range(draws.choice((1, 1, 2, 3))):
        key = draws.choice((None, None, "k1", "k2"))
        more = (draws.randrange(sketches), draws.randrange(engines), key)
        found.append(Decision(round(draws.random() * 1.5, 3), "start", number, draws.random(), more))
        if key is not None and draws.random() < 0.6:  # a client that starts again
            again = (more[0], draws.randrange(engines), key)
            found.append(Decision(round(draws.random() * 4, 3), "start", number, draws.random(), again))
    return found


def _action(draws: Random, starts: int) -> Decision:
    kind = draws.choices(ACTIONS, WEIGHTS)[0]
    more: tuple[Any, ...] = ()
    if kind in ("signal", "publish"):
        more = (draws.choice(MESSAGES),)
    elif kind == "pause":
        more = (draws.choice(("run", "hold")),)
    elif kind == "limit":
        more = (draws.choice((0, 1, 2, 3)),)
    return Decision(round(draws.random() * 6, 3), kind, draws.randrange(starts), draws.random(), more)


def _fault(draws: Random, engines: int) -> Decision:
    kind, engine = draws.choices(FAULTS, CHANCES)[0], draws.randrange(engines)
    length = round(draws.choice((0.5, 2, 6)) * draws.random(), 3)
    if kind == "jump":
        length = draws.choice((-40, -3, 3, 40))
    if kind == "cut":  # from this moment on, at the so many-th unit
        more = (length, draws.choice((1, 2, 3, 5, 8, 13)), draws.choice(("before", "behind")))
        return Decision(round(draws.random() * 3, 3), kind, engine, draws.random(), more)
    return Decision(round(draws.random() * 6, 3), kind, engine, draws.random(), (length,))
