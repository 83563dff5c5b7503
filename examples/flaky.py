"""A service that is busy at first. The function that retries.yaml calls."""

from harmonia_core import RetryableError, TaskContext


def fetch(ctx: TaskContext, succeed_at: int) -> dict:
    """Fail with `service-busy` until the attempt `succeed_at`."""
    if ctx.attempt < succeed_at:
        raise RetryableError(f"The service is busy at attempt {ctx.attempt}.", "service-busy")
    ctx.log("info", "the service has answered", attempt=ctx.attempt)
    return {"items": 3}
