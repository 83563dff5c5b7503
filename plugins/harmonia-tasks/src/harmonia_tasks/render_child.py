"""The child of `render`: renders one template after the other until its input ends or it is killed.

Run as `python -P -m harmonia_tasks.render_child`. A request is one line of JSON; the answer
is one line of JSON with the size, then that many bytes of text.
"""

import json
import os
import signal
from contextlib import suppress
from math import ceil
from typing import Any, BinaryIO

from harmonia_tasks.templates import TemplateRefused, render

MEMORY_LIMIT = 1024 * 1024 * 1024


def main() -> None:
    """Serve requests until there are no more."""
    requests, answers = take_streams()
    _limit_memory()
    for line in requests:
        _serve(json.loads(line), answers)
    os._exit(0)


def take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return private ends of standard input and output; from now on prints go to standard error."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, answers


def _serve(request: dict[str, Any], answers: BinaryIO) -> None:
    # The engine kills a child that is late; the alarm does it should the engine be gone.
    signal.alarm(ceil(request["timeout"]) + 1)
    head, text = _render(request)
    signal.alarm(0)
    answers.write(json.dumps({**head, "size": len(text)}).encode() + b"\n" + text)
    answers.flush()


def _render(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        return {}, render(request["template"], request["values"], request["html"], request["limit"])
    except TemplateRefused as refused:
        return {"code": refused.code, "message": str(refused), "line": refused.line}, b""
    except MemoryError:
        message = f"Rendering needs more than {MEMORY_LIMIT} bytes of memory."
        return {"code": "output-too-large", "message": message}, b""


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # where the system knows no such limit, time is one
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


if __name__ == "__main__":
    main()
