"""What the testing kit refuses: each says what is wrong in a test, and what to write instead."""


class KitError(Exception):
    """Root of what is wrong with a test of a workflow, not with the workflow."""


class TargetInvalid(KitError, ValueError):
    """Refuse a text that names no task of the workflow, or an answer that no task could give."""


class NotMocked(KitError):
    """Refuse to let a task touch the world that is neither mocked nor allowed."""


class NotUsed(KitError):
    """Report mocks and moments that the test declares and no execution came to."""


class MomentRefused(KitError):
    """Report that the engine refused what a test wanted done at a moment."""


class TooLong(KitError, TimeoutError):
    """Report an execution that does not come to rest in the real time that a test gives it."""


class UnknownTask(KitError, LookupError):
    """Report that an execution has no such task, or more than one."""
