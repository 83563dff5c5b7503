"""A context that remembers, and the folder of functions that tests call by name."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

CALLABLES = Path(__file__).parent / "callables"
sys.path.insert(0, str(CALLABLES))  # for the tests and, by way of the tasks, for their children


@dataclass
class MemoryArtifact:
    """Keep the bytes of one artifact."""

    name: str
    media_type: str
    data: bytearray = field(default_factory=bytearray)
    sealed: bool = False
    ended: bool = False

    @property
    def reference(self) -> dict[str, Any]:
        if not self.sealed:
            raise RuntimeError("not sealed")
        return {"$artifact": {"name": self.name, "size": len(self.data), "media_type": self.media_type}}

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.sealed, self.ended = kind is None, True


class MemoryContext:
    """Stand in for the context of an attempt; remember what was logged and kept."""

    execution = "e1"
    path = "task"
    attempt = 1
    idempotency_key = "e1:task"
    deadline = None
    cancelled = False
    last_heartbeat = None

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.artifacts: dict[str, MemoryArtifact] = {}
        self.fields: list[dict[str, Any]] = []
        self.said: list[tuple[Any, ...]] = []

    def log(self, level: str, text: str, **fields: Any) -> None:
        self.lines.append((level, text))
        self.fields.append(fields)

    def progress(self, fraction: float | None = None, text: str | None = None, value: Any = None) -> None:
        self.said.append(("progress", fraction, text, value))

    def heartbeat(self, details: Any = None) -> None:
        self.said.append(("heartbeat", details))

    def defer(self) -> str:
        return "the-token"

    def artifact(self, name: str, media_type: str = "application/octet-stream") -> MemoryArtifact:
        self.artifacts[name] = MemoryArtifact(name, media_type)
        return self.artifacts[name]

    @property
    def printed(self) -> str:
        return "\n".join(text for _, text in self.lines)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def ctx() -> MemoryContext:
    return MemoryContext()
