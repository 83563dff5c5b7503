"""The plugin report: one row for each plugin found, whatever became of it."""

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from harmonia_core.errors import PluginError, PluginsRefused

LOG = logging.getLogger("harmonia.plugins")
ERROR_LIMIT = 2000

Status: TypeAlias = Literal["ok", "disabled", "quarantined"]
Stage: TypeAlias = Literal[
    "name", "import", "type", "api", "hooks", "settings", "contribute", "conflict", "observe", "ready"
]


class PluginFault(PluginError):
    """Say why a plugin cannot be used; becomes a row of the report, never ends the program."""

    code = "plugin-fault"

    def __init__(self, stage: Stage, message: str) -> None:
        self.stage: Stage = stage
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class PluginRow:
    """Tell what became of one plugin.

    stage: how far it came: where it failed, or `ready`. group: the entry-point group,
        `file` for a plugin by path, `program` for one handed over by the host.
    contributes: names by kind, such as {"task_types": ("http",)}.
    """

    distribution: str
    version: str
    group: str
    name: str
    stage: Stage = "ready"
    status: Status = "ok"
    error: str | None = None
    contributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the row in its public JSON shape."""
        return asdict(self) | {"contributes": {kind: list(names) for kind, names in self.contributes.items()}}

    def __str__(self) -> str:
        what = f"{self.name} of {self.distribution} {self.version}".rstrip()
        return f"{what} ({self.group}): {self.status} at {self.stage}: {self.error}"


class PluginReport:
    """Hold the rows, in the order in which plugins were admitted."""

    def __init__(self) -> None:
        self._rows: list[PluginRow] = []

    @property
    def rows(self) -> tuple[PluginRow, ...]:
        """Return every row."""
        return tuple(self._rows)

    @property
    def quarantined(self) -> tuple[PluginRow, ...]:
        """Return the rows of plugins that cannot be used."""
        return tuple(row for row in self._rows if row.status == "quarantined")

    def add(self, row: PluginRow) -> None:
        """Add a row; a quarantined one is logged once, here."""
        self._rows.append(row)
        if row.status == "quarantined":
            LOG.warning("plugin quarantined: %s", row)

    def unplugged(self, group: str, name: str, error: str) -> None:
        """Turn the row of an observer that was unplugged while running into a quarantined one."""
        for position, row in enumerate(self._rows):
            if (row.group, row.name) == (group, name) and row.status == "ok":
                row = replace(row, status="quarantined", stage="observe", error=error)
                self._rows[position] = row
                LOG.warning("plugin unplugged: %s", row)

    def require_clean(self) -> None:
        """Raise PluginsRefused if any row is quarantined (strict mode)."""
        if self.quarantined:
            raise PluginsRefused([str(row) for row in self.quarantined])

    def __iter__(self) -> Iterator[PluginRow]:
        return iter(self.rows)


@contextmanager
def guard(stage: Stage) -> Iterator[None]:
    """Turn whatever a plugin's code raises into a PluginFault; only Ctrl-C goes through.

    Plugins raise anything: SystemExit at import, AssertionError, their own BaseException.
    """
    try:
        yield
    except (KeyboardInterrupt, PluginFault):
        raise
    except BaseException as error:
        raise PluginFault(stage, describe(error)) from error


def describe(error: BaseException) -> str:
    """Return class, message and place of an error, cut to a bearable length."""
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be shown)"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}"[:ERROR_LIMIT] + place
