"""The child of `python` in process mode: one request in, one answer out, then the end.

Run as `python -P -m harmonia_tasks.child`. Standard input carries the request and stays
open: its end means that the engine is gone. Standard output carries the answer alone,
so both are moved out of the way first; whatever is printed goes to standard error.
"""

import json
import os
import signal
import sys
import threading
import traceback
from inspect import isawaitable
from typing import Any, BinaryIO

from harmonia_core import PermanentError
from harmonia_tasks.callables import Target, resolve
from harmonia_tasks.failures import to_json


def main() -> None:
    """Serve one request and leave without waiting for threads that the function left behind."""
    requests, answers = take_streams()
    request = json.loads(requests.readline())
    threading.Thread(target=die_with_engine, args=(requests,), daemon=True).start()
    answers.write(_answer(request))
    answers.close()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return private ends of standard input and output; from now on prints go to standard error."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, answers


def die_with_engine(requests: BinaryIO) -> None:
    """Wait for the end of the input, then end the whole process group."""
    requests.read()
    os.killpg(0, signal.SIGKILL)


def _answer(request: dict[str, Any]) -> bytes:
    try:
        target = resolve(request["callable"], request["allowed"])
        output = _encode(_call(target, request["args"]), request["output_limit"])
        return b'{"output":' + output + b"}"
    except BaseException as error:
        return json.dumps({"error": to_json(error, traceback.format_exc())}, default=repr).encode()


def _call(target: Target, args: dict[str, Any]) -> Any:
    if target.wants_context and "ctx" not in args:
        message = f"{target.name} takes `ctx`, which exists in thread mode only."
        raise PermanentError(message, "input-invalid", category="validation")
    target.require_arguments(args)
    result = target.function(**args)
    return _await(result) if isawaitable(result) else result


def _await(result: Any) -> Any:
    import anyio  # not needed by plain functions, and a fifth of the start

    async def wait() -> Any:
        return await result

    return anyio.run(wait)


def _encode(value: Any, limit: int) -> bytes:
    try:
        encoded = json.dumps(value, allow_nan=False, default=_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        message = f"The function returned a {type(value).__name__} that is not JSON: {error}"
        raise PermanentError(message, "output-not-json", category="validation") from None
    if len(encoded) > limit:
        message = f"The function returned {len(encoded)} bytes of JSON, more than {limit}."
        raise PermanentError(message, "output-too-large", category="validation")
    return encoded


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")


if __name__ == "__main__":
    main()
