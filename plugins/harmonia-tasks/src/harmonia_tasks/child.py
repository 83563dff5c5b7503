"""The child of `python` in process mode: one request in, one answer out, then the end.

Run as `python -P -m harmonia_tasks.child NUMBER`; the number is that of a socket to the engine.
Standard input is empty, and what is printed goes to the log. Its guard ends it with the engine.
"""

import json
import os
import sys
import traceback
from inspect import isawaitable
from typing import Any

from harmonia_core import PermanentError
from harmonia_tasks.callables import Target, resolve
from harmonia_tasks.failures import to_json
from harmonia_tasks.process_frames import MESSAGE, frame
from harmonia_tasks.process_wire import Wire


def main() -> None:
    """Serve one request and leave without waiting for threads that the function left behind."""
    wire = Wire(int(sys.argv[1]))
    answer = _answer(wire, wire.receive())
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    wire.send(frame(MESSAGE, answer))
    os._exit(0)


def _answer(wire: Wire, request: dict[str, Any]) -> bytes:
    try:
        target = resolve(request["callable"], request["allowed"])
        output = _encode(_call(target, request["args"], wire, request["ctx"]), request["output_limit"])
        return b'{"output":' + output + b"}"
    except BaseException as error:
        return json.dumps({"error": to_json(error, traceback.format_exc())}, default=repr).encode()


def _call(target: Target, args: dict[str, Any], wire: Wire, facts: dict[str, Any]) -> Any:
    if target.wants_context and "ctx" not in args:
        from harmonia_tasks.process_context import ChildContext

        args = {**args, "ctx": ChildContext(wire, facts)}
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
