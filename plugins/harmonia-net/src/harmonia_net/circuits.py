"""The circuit breaker: an origin that keeps failing is left alone for a while. Pure: the clock is handed in.

closed --`failures` within `window` seconds--> open --after `open_for` seconds--> half-open (one call tries):
its success closes the circuit, its failure opens it again, its abandonment lets the next call try.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from harmonia_net.errors import CircuitOpen

MOST_ORIGINS = 4096


class CircuitStatus(StrEnum):
    """Where a circuit may stand."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerOptions:
    """Say when a circuit opens; all durations in seconds, all at least 0, `failures` at least 1."""

    failures: int = 5
    window: float = 60.0
    open_for: float = 30.0


@dataclass(frozen=True, slots=True)
class CircuitState:
    """What is known of one origin: failures within the window, and seconds until it may be tried."""

    status: CircuitStatus
    failures: int
    retry_after: float


@dataclass(slots=True)
class _Circuit:
    failed_at: deque[float] = field(default_factory=deque)
    opened_at: float | None = None
    is_tried: bool = False


class Breaker:
    """Keep one circuit per origin, of the last 4,096 that failed; those that never fail cost nothing.

    Each `admit` is followed by exactly one of `succeed`, `fail` and `abandon`.
    """

    def __init__(self, options: BreakerOptions, clock: Callable[[], float]) -> None:
        self._options, self._clock = options, clock
        self._circuits: dict[str, _Circuit] = {}

    def admit(self, origin: str) -> None:
        """Let a call through, or raise CircuitOpen with the seconds to wait."""
        circuit = self._circuits.get(origin)
        if circuit is None or circuit.opened_at is None:
            return
        waiting = self._options.open_for - (self._clock() - circuit.opened_at)
        if waiting > 0 or circuit.is_tried:
            raise CircuitOpen(origin, max(waiting, 1.0))
        circuit.is_tried = True

    def succeed(self, origin: str) -> None:
        """Note an answer: a half-open circuit closes, and earlier failures are forgotten.

        A late answer of a call from before the circuit opened changes nothing.
        """
        circuit = self._circuits.get(origin)
        if circuit is not None and (circuit.opened_at is None or circuit.is_tried):
            del self._circuits[origin]

    def fail(self, origin: str) -> None:
        """Note a failure: of the origin or of the way to it, not of the request."""
        circuit, now = self._circuit(origin), self._clock()
        circuit.failed_at.append(now)
        self._forget_old(circuit, now)
        if circuit.is_tried or len(circuit.failed_at) >= self._options.failures:
            circuit.opened_at = now if circuit.is_tried or circuit.opened_at is None else circuit.opened_at
            circuit.is_tried = False

    def abandon(self, origin: str) -> None:
        """Note a call that ended without saying anything of the origin (cancelled, refused)."""
        if circuit := self._circuits.get(origin):
            circuit.is_tried = False

    def states(self) -> dict[str, CircuitState]:
        """Return the state of every origin that has failed lately."""
        return {origin: self._state(circuit) for origin, circuit in self._circuits.items()}

    def _state(self, circuit: _Circuit) -> CircuitState:
        now = self._clock()
        self._forget_old(circuit, now)
        if circuit.opened_at is None:
            return CircuitState(CircuitStatus.CLOSED, len(circuit.failed_at), 0.0)
        waiting = max(self._options.open_for - (now - circuit.opened_at), 0.0)
        status = CircuitStatus.OPEN if waiting else CircuitStatus.HALF_OPEN
        return CircuitState(status, len(circuit.failed_at), waiting)

    def _circuit(self, origin: str) -> _Circuit:
        circuit = self._circuits.pop(origin, None) or _Circuit()
        self._circuits[origin] = circuit  # the youngest stands last
        if len(self._circuits) > MOST_ORIGINS:
            del self._circuits[next(iter(self._circuits))]
        return circuit

    def _forget_old(self, circuit: _Circuit, now: float) -> None:
        oldest = now - self._options.window
        while circuit.failed_at and circuit.failed_at[0] <= oldest:
            circuit.failed_at.popleft()
