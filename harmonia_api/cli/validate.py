"""`harmonia validate FILE`."""

from pathlib import Path

from harmonia_api.cli.files import allow_files
from harmonia_api.cli.local import allow_local
from harmonia_api.cli.modules import allow_modules, modules_beside
from harmonia_api.cli.printing import print_json
from harmonia_api.cli.source import read_definition
from harmonia_api.settings import read_settings
from harmonia_core.host import load_plugins


def validate_file(path: Path, json: bool) -> int:
    """Check a definition as `run` would, and print what it is; raise Refused with every problem."""
    settings = allow_local(allow_modules(read_settings(), modules_beside(path).names))
    settings = allow_files(settings, [path.absolute().parent])
    _, graph = read_definition(path, load_plugins(settings), settings)
    tasks = len(graph.root.tasks)
    if json:
        known = {"name": graph.name, "version": graph.version, "hash": graph.definition_hash, "tasks": tasks}
        print_json({"problems": [], "workflow": known})
    else:
        print(f"{path}: valid: {graph.name} {graph.version}, {tasks} task{'' if tasks == 1 else 's'}")
    return 0
