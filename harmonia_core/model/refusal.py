"""Why something that a person wants is not possible."""

from typing import NamedTuple


class Refusal(NamedTuple):
    """Say it for programs (`code`, stable, kebab-case) and for people (`reason`, the rest of a sentence)."""

    code: str
    reason: str
