"""A store opened to be looked after: nothing is driven, engines may be at work on it."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from harmonia_api.settings import default_store, read_settings
from harmonia_core import Problem, StateBackend
from harmonia_core.host import Inspector, KernelSettings, create_backend, load_plugins

# Seconds between two signs of progress.
OFTEN = 0.1


class Keeping:
    """Hold a store with what looks after it; a context manager opens it for reading and mending."""

    def __init__(self, db: str | None) -> None:
        self.settings: KernelSettings = read_settings()
        plugins = load_plugins(self.settings)
        self.backend: StateBackend = create_backend(db or default_store(make=False), plugins, self.settings)
        self.inspector = Inspector(self.backend, plugins, self.settings)

    async def __aenter__(self) -> Self:
        """Open the store; raise StateBackendError if it cannot be used."""
        await self.backend.open(None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.backend.close()


class Progress:
    """Show how far something is, on stderr if that is a terminal; at the end nothing is left of it."""

    def __init__(self) -> None:
        self._shown, self._at = 0, 0.0
        self._wanted = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Replace what is shown, unless that was done a moment ago."""
        now = time.monotonic()
        if self._wanted and now - self._at >= OFTEN:
            self._at = now
            print(f"\r{text:<{self._shown}}", end="", file=sys.stderr, flush=True)
            self._shown = len(text)

    def clear(self) -> None:
        """Take away what is shown, before something else is printed."""
        if self._shown:
            print(f"\r{'':<{self._shown}}\r", end="", file=sys.stderr, flush=True)
            self._shown, self._at = 0, 0.0


def print_problems(problems: Sequence[Problem]) -> None:
    """Print one problem a line."""
    from harmonia_api.cli.text import clean

    for problem in problems:
        print(clean(str(problem)))
