"""The way from any thread to the event loop's: have a function called there soon."""

from collections.abc import Callable
from threading import get_ident

from anyio import RunFinishedError
from anyio.lowlevel import current_token


class LoopDoor:
    """Lead to the loop that runs when it is made."""

    def __init__(self) -> None:
        self._token, self._thread = current_token(), get_ident()

    def call(self, function: Callable[[], object]) -> None:
        """Call a function at once on the loop's thread, from others soon; a loop that has ended does not."""
        if get_ident() == self._thread:
            function()
            return
        try:
            self._token.backend_class.run_sync_soon(function, (), self._token.native_token)
        except RunFinishedError:
            return
