"""Processes that kill themselves at a point of a case.

`python sweep_victim.py < lines`: each line is JSON, `{case, url, world, die_at}`. A process of its own, which
has imported everything already, lives that life and sends itself SIGKILL at the point; for each line one is
printed: by which signal it ended, 0 if it came to the end of the case.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import anyio
from sweep_case import CORPUS, read
from sweep_life import Life, plugins
from sweep_points import Fate
from sweep_world import World


def live(case: str, url: str, world: str, die_at: int) -> None:
    """Live once, in this process."""

    async def run() -> None:
        life = Life(read(CORPUS / f"{case}.yaml"), url, World(Path(world)), Fate(die_at, killed=True))
        await life.live()

    anyio.run(run)


def in_a_child(wish: dict[str, Any]) -> int:
    """Live in a process of its own; return the signal that ended it."""
    child = os.fork()
    if not child:
        try:
            live(**wish)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert end <= 0, f"{wish} ended with {end}"
    return -end


if __name__ == "__main__":
    plugins()
    for line in sys.stdin:
        print(in_a_child(json.loads(line)), flush=True)
