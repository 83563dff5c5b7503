"""Files that `read` tasks may read because they lie beside the definition."""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from harmonia_api.cli.modules import SECTION, tasks_are_installed
from harmonia_core.host import KernelSettings

FILES_LABEL = "harmonia.files"
"""Label of an execution whose tasks may read the files in a folder: that folder."""
FIELD, TYPE = "read_folders", "read"


def allow_files(settings: KernelSettings, folders: Iterable[Path]) -> KernelSettings:
    """Return settings that allow `read` tasks these folders beside those of the environment."""
    section = settings.plugins.get(SECTION, {})
    already = section.get(FIELD, ())
    listed = already.split(",") if isinstance(already, str) else list(already)
    given = [str(folder.absolute()) for folder in folders]
    allowed = list(dict.fromkeys([*(name.strip() for name in listed if name.strip()), *given]))
    if not allowed or not tasks_are_installed():
        return settings
    return settings.model_copy(update={"plugins": {**settings.plugins, SECTION: {**section, FIELD: allowed}}})


def announce_files(folder: Path, task_types: Collection[str]) -> dict[str, str]:
    """Say on stderr what may be read because it lies beside the definition; return what to remember."""
    if TYPE not in task_types:
        return {}
    print(f"Tasks may read the files in {folder} (`{TYPE}`).", file=sys.stderr)
    return {FILES_LABEL: str(folder)}
