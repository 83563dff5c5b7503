"""Renderers: child processes that are kept for the next template, and killed with a bad one."""

import atexit
import json
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock, Timer
from typing import Any

from harmonia_core import PermanentError, TaskError
from harmonia_tasks.processes import command, environment

KEPT = 2
AT_ONCE = max(2, os.cpu_count() or 2)


class Renderer:
    """Hold one child. For one thread at a time, except `kill`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            command("harmonia_tasks.render_child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        self._late = False

    def render(self, request: dict[str, Any], timeout: float) -> bytes:
        """Return the text as UTF-8.

        Raises PermanentError with the code of what is wrong with the template, also
        `template-timeout` after `timeout` seconds; TaskError `process-died`.
        """
        watch = Timer(timeout, self._expire)
        watch.start()
        try:
            head, text = self._exchange({**request, "timeout": timeout})
        except (OSError, ValueError):
            self.close()
            raise self._death(timeout) from None
        finally:
            watch.cancel()
        if "code" in head:
            raise _refused(head)
        return text

    @property
    def usable(self) -> bool:
        """Tell whether the child still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the child now; a rendering under way fails."""
        self._process.kill()

    def close(self) -> None:
        """End the child and give its pipes back."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was not sent any more
                pipe and pipe.close()

    def _expire(self) -> None:
        self._late = True
        self._process.kill()

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        requests.write(json.dumps(request).encode() + b"\n")
        requests.flush()
        head = json.loads(answers.readline())
        text = answers.read(head["size"])
        if len(text) != head["size"]:
            raise ValueError("The answer was cut short.")
        return head, text

    def _death(self, timeout: float) -> TaskError:
        if self._late:
            message = f"Rendering took longer than {timeout:g} s."
            return PermanentError(message, "template-timeout", category="timeout")
        message = "The rendering process ended before it gave an answer."
        return TaskError(message, "process-died", "infrastructure")


@dataclass(slots=True, eq=False)
class Order:
    """Hold one rendering: what to do, which renderer does it now, whether anybody still waits."""

    request: dict[str, Any]
    timeout: float
    renderer: Renderer | None = None
    abandoned: bool = False


class Renderers:
    """Lend renderers to threads, as many as there are processors; idle ones are kept for later."""

    def __init__(self, kept: int = KEPT, at_once: int = AT_ONCE) -> None:
        self._idle: list[Renderer] = []
        self._kept, self._lock, self._places = kept, Lock(), BoundedSemaphore(at_once)

    def render(self, order: Order) -> bytes:
        """Wait for a free place and render; raises like `Renderer.render`. Blocks: for threads."""
        with self._places:
            renderer = self._take(order)
            try:
                return renderer.render(order.request, order.timeout)
            finally:
                self._give_back(order, renderer)

    def abandon(self, order: Order) -> None:
        """Stop an order for which nobody waits any more. Never blocks for long."""
        with self._lock:
            order.abandoned = True
            if order.renderer is not None:
                order.renderer.kill()

    def close(self) -> None:
        """End the idle ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for renderer in idle:
            renderer.close()

    def _take(self, order: Order) -> Renderer:
        with self._lock:
            if order.abandoned:
                raise TaskError("Rendering was abandoned.", category="cancelled")
            while self._idle and not self._idle[-1].usable:
                self._idle.pop().close()
            order.renderer = self._idle.pop() if self._idle else Renderer()
            return order.renderer

    def _give_back(self, order: Order, renderer: Renderer) -> None:
        with self._lock:
            order.renderer = None
            if not order.abandoned and renderer.usable and len(self._idle) < self._kept:
                self._idle.append(renderer)
                return
        renderer.close()


def _refused(head: dict[str, Any]) -> PermanentError:
    category = "task" if head["code"] == "output-too-large" else "expression"
    details = {"line": head["line"]} if head.get("line") else {}
    return PermanentError(head["message"], head["code"], category=category, details=details)


RENDERERS = Renderers()
atexit.register(RENDERERS.close)
