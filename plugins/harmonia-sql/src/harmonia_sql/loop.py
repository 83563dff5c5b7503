"""The way back from the writer's thread to the event loop's."""

import logging
from collections.abc import Callable
from typing import Any

from anyio import RunFinishedError
from anyio.lowlevel import current_token

logger = logging.getLogger(__name__)


class LoopPort:
    """Call functions on the thread of the loop that was running when it was made."""

    def __init__(self) -> None:
        self._token = current_token()

    def post(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have a function called soon; do not wait for it. A loop that has ended calls nothing."""
        try:
            self._token.backend_class.run_sync_soon(function, arguments, self._token.native_token)
        except RunFinishedError:
            logger.warning("The event loop ended before the store had reported everything.")
