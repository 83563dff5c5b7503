"""Whether this system can run commands under a guard that ends them with all they started."""

import os


def missing() -> str | None:
    """Return what a guard needs and does not have here, None if it has everything."""
    if os.name != "posix":
        return "a POSIX system"
    if not hasattr(os, "waitid"):
        return "`os.waitid`, which Python has on macOS from 3.13 on"
    return None
