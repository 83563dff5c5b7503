"""An engine at work for one command: what it records is shown, signals are heeded.

SIGINT: the command decides what the first one means; the second leaves the process at once.
SIGTERM: let go of everything and leave; what was running can be recovered.
"""

import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from harmonia_api.cli import exits
from harmonia_api.cli.display import Display
from harmonia_core import HarmoniaError, StateUnavailable
from harmonia_core.host import Engine


class Session:
    """Hold an engine and a display while `work` runs.

    interrupted: called in a task of its own at the first SIGINT; None means to let go.
    hint: how to go on with what was left, as a command.
    """

    def __init__(
        self,
        engine: Engine,
        display: Display,
        hint: str,
        interrupted: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.engine, self.display = engine, display
        self.released = False
        self._hint, self._interrupted = hint, interrupted
        self._scope = anyio.CancelScope()
        self._trouble: HarmoniaError | None = None

    async def hold(self, work: Callable[[], Coroutine[Any, Any, int]]) -> int:
        """Open the engine, do the work, close it, and return the work's exit code.

        Returns NOT_ENDED if the engine let go before the work was done. Raises HarmoniaError.
        """
        code, began = exits.NOT_ENDED, False
        try:
            async with anyio.create_task_group() as side:
                await side.start(self._heed, side)
                try:
                    async with self.engine:
                        began = True
                        self._watch(side)
                        with self._scope:
                            code = await work()
                except HarmoniaError as error:
                    self._trouble = error
                    if began and isinstance(error, StateUnavailable):
                        self.display.say(f"`{self._hint}` goes on with what was running.")
                side.cancel_scope.cancel()
        finally:
            self.display.close()
        if self._trouble is not None:
            raise self._trouble
        return code

    def release(self, reason: str) -> None:
        """Let go of what runs, recording nothing; `hold` returns soon."""
        self.released = True
        self.display.say(f"{reason}: letting go; `{self._hint}` goes on with what was running.")
        self._scope.cancel()

    def _watch(self, side: TaskGroup) -> None:
        self.engine.view(self.display.show)
        self.engine.activity.listen(self.display.heard)
        side.start_soon(self.display.run)

    async def _heed(self, side: TaskGroup, *, task_status: TaskStatus[None]) -> None:
        interrupts = 0
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                interrupts += number == signal.SIGINT
                if interrupts > 1:
                    self._leave()
                if number == signal.SIGTERM:
                    self.release("Terminated")
                elif self._interrupted is None:
                    self.release("Interrupted")
                else:
                    side.start_soon(self._interrupt, self._interrupted)

    async def _interrupt(self, interrupted: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await interrupted()
        except HarmoniaError as error:
            # The store does not take the request either: that is how the command ends.
            self._trouble = error
            self._scope.cancel()

    def _leave(self) -> None:
        """End the process as it stands, as a crash would; everything recorded is safe."""
        self.display.close()
        print(f"\nLeft at once; `{self._hint}` goes on with it.", file=sys.stderr, flush=True)
        os._exit(exits.INTERRUPTED)


def actor() -> dict[str, Any]:
    """Return who asks: the user of this process."""
    import getpass

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return {"kind": "person", "id": name}
