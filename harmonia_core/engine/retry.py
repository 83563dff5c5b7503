"""Judge a failed attempt: another try, when, or the end. Pure; the draw comes from the shell."""

from hashlib import sha256

from harmonia_core.model.events import Event, RetryScheduled, TaskAttention, TaskFailed
from harmonia_core.model.graph import RetryPolicy
from harmonia_core.model.outcomes import ErrorInfo

RETRY_AFTER_CAP = 86_400.0

# Words of older Tekton dialects, and the category each stands for.
ALIASES = {"connection_error": "connection", "server_error": "server", "client_error": "client"}


def matches(error: ErrorInfo, names: tuple[str, ...]) -> bool:
    """Tell whether a category, a code or an exception class name of `names` is the error's."""
    own = (error.category, error.code, error.kind)
    return any(ALIASES.get(name, name) in own for name in names)


def retryable(policy: RetryPolicy, error: ErrorInfo) -> bool:
    """Tell whether a policy lets an error be tried again; `no_retry_on` wins."""
    if not error.retryable or matches(error, policy.no_retry_on):
        return False
    return not policy.retry_on or matches(error, policy.retry_on)


def delay(policy: RetryPolicy, number: int, draw: float, retry_after: float | None) -> float:
    """Return the seconds before retry `number` (from 1).

    draw: uniform in [-1, 1]. A larger Retry-After wins, up to 24 h.
    """
    try:
        grown = policy.initial_delay * float(policy.backoff_multiplier) ** (number - 1)
    except OverflowError:
        grown = policy.max_delay
    seconds = min(policy.max_delay, grown) * (1 + policy.jitter * draw)
    return max(seconds, min(retry_after or 0.0, RETRY_AFTER_CAP))


def draw_of(path: str, attempt: int) -> float:
    """Return a number in [-1, 1] that stays the same, for what the core itself begins anew."""
    return int.from_bytes(sha256(f"{path}|{attempt}".encode()).digest()[:4], "big") / 0x7FFF_FFFF - 1


def held(judged: Event, reason: str) -> Event:
    """Return what a task for whose failure a person decides ends with: never for good."""
    if isinstance(judged, TaskFailed):
        return TaskAttention(judged.path, reason, judged.error)
    return judged


def judge(
    policy: RetryPolicy | None, path: str, attempt: int, error: ErrorInfo, now: float, draw: float
) -> RetryScheduled | TaskFailed:
    """Return the event with which a failed attempt ends."""
    if policy is None or attempt > policy.max_retries or not retryable(policy, error):
        return TaskFailed(path, attempt, error)
    seconds = delay(policy, attempt, draw, error.retry_after)
    return RetryScheduled(path, attempt, error, now + seconds, seconds, draw)
