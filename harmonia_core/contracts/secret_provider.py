"""Contract of a secret provider: a name in, a secret text out, after the intent is recorded. Provisional."""

from typing import Protocol

KIND_STABILITY = "provisional"


class SecretProvider(Protocol):
    """Fill the holes of task inputs; called by the dispatcher alone, once per attempt and name."""

    @property
    def name(self) -> str:
        """Return the provider's name, by which settings choose it."""
        ...

    def get(self, namespace: str, name: str) -> str | None:
        """Return the secret, or None if there is no such secret.

        May block for some seconds: it is called in a thread. An exception counts as a loss of
        infrastructure: the attempt fails and may be retried. The value is never logged.
        """
        ...
