"""`harmonia version`."""

import platform

from harmonia_api.cli.printing import print_json


def print_version(json: bool) -> int:
    """Print the version of Harmonia; with `json` beside that of Python."""
    from harmonia_core import __version__

    if json:
        print_json({"harmonia": __version__, "python": platform.python_version()})
    else:
        print(f"harmonia {__version__}")
    return 0
