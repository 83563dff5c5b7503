"""What the tests of every distribution get.

Hypothesis without a deadline, for a machine may be busy. And programs that start as they do anywhere,
with their modules compiled once: an environment that forbids that would have each process of the
acceptance tests compile some three hundred modules. What is compiled is kept beside pytest's own cache.
"""

import os
from pathlib import Path

from hypothesis import settings

# On top of what Hypothesis chose by itself: it has a profile of its own for CI.
settings.register_profile("patient", settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("patient")

if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).parent / ".pytest_cache" / "compiled")
