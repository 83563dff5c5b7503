"""What the tests of every distribution get: Hypothesis without a deadline, for a machine may be busy."""

from hypothesis import settings

# On top of what Hypothesis chose by itself: it has a profile of its own for CI.
settings.register_profile("patient", settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("patient")
