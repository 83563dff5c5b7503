"""Batches that the store did not take, kept and handed over again when it may answer."""

from collections.abc import Callable, Sequence
from typing import Any

from harmonia_core.clock import Clock
from harmonia_core.engine.live import Live
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.settle import Batch
from harmonia_core.errors import StateBackendError

Work = Sequence[tuple[Live, Batch]]


class Stalls:
    """Hold what nothing was written of. submit: hands batches over again, all together."""

    def __init__(self, patience: Patience, clock: Clock, submit: Callable[[Work], None]) -> None:
        self._patience, self._clock, self._submit = patience, clock, submit
        self._held: list[tuple[Live, Batch]] = []
        self._pause = 0.0
        self._retrying = False

    def hold(
        self,
        live: Live,
        batch: Batch,
        error: StateBackendError,
        launch: Callable[[Callable[[], Any]], object],
    ) -> bool:
        """Keep a batch for another try; False if the error is none that passes, or has lasted too long.

        launch: starts the one task that tries again.
        """
        pause = self._patience.pause(error)
        if pause is None:
            return False
        self._held.append((live, batch))
        self._pause = pause
        if not self._retrying:
            self._retrying = True
            launch(self._run)
        return True

    async def _run(self) -> None:
        while self._held:
            await self._clock.sleep_until(self._clock.now() + self._pause)
            held, self._held = self._held, []
            work = [(live, batch) for live, batch in held if live.trouble is None]
            if work:
                self._submit(work)
        self._retrying = False
