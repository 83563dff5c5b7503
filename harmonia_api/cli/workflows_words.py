"""What differs between versions, in words: changes by weight, tasks that map and tasks that do not."""

from collections.abc import Iterator, Sequence

from harmonia_api.cli.printing import terminal_width
from harmonia_api.cli.text import clean, counted, cut
from harmonia_core.host import Change, Running, VersionDiff

WEIGHTS = ("major", "minor", "patch")
STYLES = {"major": "bold red", "minor": "yellow", "patch": "bright_black"}
SHOWN = 20


def change_lines(changes: Sequence[Change], indent: int = 2) -> Iterator[str]:
    """Yield one line for each change, what matters most first."""
    width = terminal_width()
    room = None if width is None else width - indent
    for weight in WEIGHTS:
        for change in changes:
            if change.level == weight:
                yield cut(f"{weight}  {clean(str(change))}", room)


def match_lines(diff: VersionDiff) -> Iterator[str]:
    """Yield what the newer version means for executions of the older."""
    match = diff.compatibility
    counts = match.counts
    kept = counts.get("same", 0) + counts.get("changed", 0)
    word = "maps" if match.maps else "does not map"
    yield f"{diff.old.key} {word} onto {diff.new.key}: {_counted(kept, counts)}"
    for task in match.tasks:
        if task.verdict != "same":
            reasons = f": {'; '.join(task.reasons)}" if task.reasons else ""
            yield f"  {task.verdict:<9}{task.path}{clean(reasons)}"


def running_lines(running: Sequence[Running]) -> Iterator[str]:
    """Yield a line for each version that executions run by."""
    for one in running:
        head = f"{counted(one.executions, 'execution')} on {one.version}"
        if one.match is None:
            yield f"{head}: its definition is not stored any more"
        elif one.match.maps:
            yield f"{head}: every task maps"
        else:
            lost = [task.path for task in one.match.tasks if task.verdict in ("missing", "retyped")]
            more = ", …" if len(lost) > SHOWN else ""
            yield f"{head}: cannot go on by it, for want of {', '.join(lost[:SHOWN])}{more}"


def _counted(kept: int, counts: dict[str, int]) -> str:
    parts = [f"{counted(kept, 'task')} kept"]
    words = {"changed": "of them changed", "missing": "gone", "retyped": "of another kind", "added": "new"}
    return ", ".join(parts + [f"{counts[word]} {text}" for word, text in words.items() if word in counts])
