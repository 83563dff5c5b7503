"""Secrets from the environment: `${secrets.api-key}` is `HARMONIA_SECRET_API_KEY`."""

import os

PREFIX = "HARMONIA_SECRET_"


class EnvironmentSecrets:
    """Read secrets from variables of this process, at the moment they are needed.

    The namespace makes no difference: whoever may set the environment may set every secret.
    """

    name = "environment"

    def get(self, namespace: str, name: str) -> str | None:
        """Return the variable for a name (upper case, `-` as `_`, or the name as it is), or None."""
        upper = PREFIX + name.upper().replace("-", "_")
        return os.environ.get(upper, os.environ.get(PREFIX + name))


ENVIRONMENT = EnvironmentSecrets()
