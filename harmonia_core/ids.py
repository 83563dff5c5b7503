"""Identifiers: time-ordered execution ids, task paths, stable keys. Pure."""

import re
from hashlib import sha256
from typing import NewType

ExecutionId = NewType("ExecutionId", str)
EngineId = NewType("EngineId", str)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def is_name(text: str) -> bool:
    """Tell whether text may name a task, a variable or a workflow."""
    return NAME.fullmatch(text) is not None


def uuid7(unix_ms: int, entropy: bytes) -> str:
    """Return a UUIDv7 (RFC 9562, 5.7) from a time in milliseconds and 10 random bytes."""
    high = unix_ms.to_bytes(6, "big")
    rand = bytearray(entropy[:10])
    rand[0] = rand[0] & 0x0F | 0x70
    rand[2] = rand[2] & 0x3F | 0x80
    text = (high + bytes(rand)).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def successor_id(execution_id: str, seq: int, unix_ms: int) -> str:
    """Return the id of the execution that goes on where another one ended; made once and then recorded."""
    return uuid7(unix_ms, sha256(f"{execution_id}:{seq}".encode()).digest())


def item_path(path: str, index: int) -> str:
    """Return the path of one item of a map: `items` and 17 give `items[17]`."""
    return f"{path}[{index}]"


def stable_key(root_id: str, path: str) -> str:
    """Return the key that names one side effect over all attempts and roll-overs."""
    return f"{root_id}:{path}"
