"""Whether `run` is given a file or a name, and the definition behind a name.

The rule: what exists as a file is a file. Anything else that reads as NAME[@VERSION] is looked for among
the published workflows; names have no dots before `@`, so that a mistyped `flow.yaml` is a missing file.
"""

import sys
from pathlib import Path
from typing import Any

from harmonia_api.cli.reading import read_store
from harmonia_api.cli.source import Refused
from harmonia_core import HarmoniaError
from harmonia_core.host import (
    KernelSettings,
    Plugins,
    PublishRefused,
    check_loaded,
    load_data,
    read_reference,
)


def is_name(path: Path) -> bool:
    """Tell whether this is no file, but may be the name of a workflow."""
    if path.exists() and not path.is_dir():
        return False
    try:
        read_reference(str(path))
    except PublishRefused:
        # Whoever writes `@` means a version: what is wrong with it is said when it is resolved.
        return "@" in path.name and path.name == str(path)
    return True


def read_published(reference: str, db: str | None, plugins: Plugins, settings: KernelSettings) -> Any:
    """Return the definition that a reference means now, checked as a file's is, and its graph.

    Raises NotPublished, PublishRefused, Refused.
    """
    try:
        found = read_store(db, lambda engine: engine.definitions.resolve(reference))
    except HarmoniaError:
        print(f"There is no file {reference}; it was taken for the name of a workflow.", file=sys.stderr)
        raise
    loaded = load_data(dict(found.definition))
    checked = check_loaded(loaded, plugins.registry.view("task_types"), env_allow=settings.env_allow)
    if checked.graph is None or loaded.definition is None:
        raise Refused(checked.problems, found.release.key)
    return loaded.definition, checked.graph
