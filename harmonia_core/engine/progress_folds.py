"""Keep what has ended before and after a takeover comparable where insides are forgotten. Pure."""

from harmonia_core.model.state import ExecutionState, ends_of


def kept(before: ExecutionState, after: ExecutionState, path: str) -> ExecutionState:
    """Return the state after an event, in which forgetting takes back nothing that has ended.

    What has ended is counted where it lies, and of a round, a map or a composite that is over nothing lies
    there any more: what was counted inside is then counted as having been there before the takeover.
    """
    task = before.task(path)
    if task is None or (task.inside is None and task.items is None):
        return after
    now = after.task(path)
    forgotten = ends_of(task) - (1 if now is None else ends_of(now))
    return after._replace(ends_before=after.ends_before - forgotten) if forgotten > 0 else after
