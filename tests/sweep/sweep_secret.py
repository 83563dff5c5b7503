"""The secret of the corpus, and where it must not be: in no byte of a store, in nothing that is logged."""

import logging
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sweep_world import World

NAME, SECRET = "HARMONIA_SECRET_API", "p4ss/W0rd+horse~battery"
FORMS = (SECRET, quote(SECRET, safe=""), b64encode(SECRET.encode()).decode().rstrip("="), "horse~battery")
SAID: list[str] = []
"""What was logged in this process."""


class Listener(logging.Handler):
    """Remember what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        SAID.append(record.getMessage())


def leaks(store: Any, world: World) -> list[str]:
    """Return where a form of the secret is found."""
    places = {"the log": "\n".join(SAID), "the journal": str(world.lines), **_stored(store)}
    return [
        f"{place} holds the secret: {form}"
        for place, text in places.items()
        for form in FORMS
        if form in text
    ]


def _stored(store: Any) -> dict[str, str]:
    """Return all that a store holds, as text: a file by its bytes, memory by what stands in it."""
    memory = getattr(store, "_store", None)
    if memory is not None:
        return {name: repr(getattr(memory, name)) for name in memory.__slots__}
    path = getattr(store._database, "address", None) and getattr(store._database.address, "path", None)
    if path is None:
        return {}
    files = Path(path).parent.glob(f"{Path(path).name}*")
    return {file.name: file.read_bytes().decode("latin-1") for file in files if file.is_file()}
