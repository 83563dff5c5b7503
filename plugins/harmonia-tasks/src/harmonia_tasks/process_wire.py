"""The child's end of its socket to the engine."""

import json
import os
from collections.abc import Mapping
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from harmonia_tasks.failures import from_child
from harmonia_tasks.process_frames import HEAD, message


class Wire:
    """Send frames and ask for answers; any thread may. spoiled: errors of artifacts, by number."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._sending, self._asking = Lock(), Lock()
        self._replies: dict[int, SimpleQueue[dict[str, Any]]] = {}
        self._asked = 0
        self.spoiled: dict[int, dict[str, Any]] = {}

    def receive(self) -> dict[str, Any]:
        """Return the next message; raise EOFError if the engine is gone."""
        _, size = HEAD.unpack(self._read(HEAD.size))
        found: dict[str, Any] = json.loads(self._read(size))
        return found

    def send(self, frame: bytes) -> None:
        """Send a frame whole."""
        with self._sending:
            view = memoryview(frame)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def ask(self, shape: Mapping[str, Any]) -> Any:
        """Ask the engine for something and return it; raise what went wrong there."""
        replies: SimpleQueue[dict[str, Any]] = SimpleQueue()
        with self._asking:
            if not self._asked:
                Thread(target=self._listen, daemon=True).start()
            self._asked += 1
            number = self._asked
            self._replies[number] = replies
        self.send(message({**shape, "ask": number}))
        answer = replies.get()
        if "error" in answer:
            raise from_child(answer["error"], "In the engine")
        return answer["value"]

    def _listen(self) -> None:
        try:
            while True:
                found = self.receive()
                if "spoiled" in found:
                    self.spoiled[found["spoiled"]] = found["error"]
                else:
                    self._replies.pop(found["reply"]).put(found)
        except (OSError, EOFError):
            return  # the engine is gone, and the guard ends this process

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = os.read(self._descriptor, size - len(data))
            if not piece:
                raise EOFError("The engine is gone.")
            data += piece
        return bytes(data)
