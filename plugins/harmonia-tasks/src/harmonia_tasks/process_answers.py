"""What a child of `python` says to its attempt's context, carried out on the engine's side."""

import json
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread

from harmonia_core import ArtifactReader, ArtifactWriter, TaskContext
from harmonia_tasks.failures import to_json
from harmonia_tasks.process_frames import BYTES, NUMBER, BadFrame, message
from harmonia_tasks.processes import Channel


class Answers:
    """Carry out one frame after the other. answer: the child's last word, once it has come."""

    def __init__(self, ctx: TaskContext, channel: Channel) -> None:
        self._ctx, self._channel = ctx, channel
        self._writers: dict[int, ArtifactWriter] = {}
        self._refused: dict[int, Exception] = {}
        self._readers: dict[int, ArtifactReader] = {}
        self._pieces: dict[int, AsyncIterator[bytes]] = {}
        self.answer: dict[str, Any] | None = None

    async def take(self, kind: int, body: bytes) -> None:
        """Carry a frame out; raise BadFrame for one that means nothing, or what the context raises."""
        if kind == BYTES:
            await self._write(NUMBER.unpack_from(body)[0], body[NUMBER.size :])
            return
        found = _object(body)
        if "output" in found or "error" in found:
            self.answer = found
        elif "ask" in found:
            await self._channel.send(message(await self._reply(found)))
        elif "discard" in found:
            self._discard(found["discard"])
        else:
            self._say(found)

    def close(self) -> None:
        """Throw away artifacts that were not sealed."""
        for number in list(self._writers):
            self._discard(number)

    def _say(self, found: dict[str, Any]) -> None:
        match found:
            case {"log": str(level), "text": str(text), "fields": dict(fields)}:
                self._ctx.log(level, text, **fields)
            case {"progress": fraction, "text": text, "value": value}:
                self._ctx.progress(fraction, text, value)
            case {"heartbeat": details}:
                self._ctx.heartbeat(details)
            case _:
                raise BadFrame("an unknown message")

    async def _reply(self, found: dict[str, Any]) -> dict[str, Any]:
        number = found["ask"]
        try:
            return {"reply": number, "value": await self._asked(found)}
        except Exception as error:
            return {"reply": number, "error": to_json(error, traceback.format_exc())}

    async def _asked(self, found: dict[str, Any]) -> Any:
        match found:
            case {"artifact": name, "media_type": media_type}:
                writer = self._ctx.artifact(name, media_type)
                self._writers[found["ask"]] = writer.__enter__()
                return found["ask"]
            case {"seal": number}:
                if number in self._refused:
                    raise self._refused[number]
                writer = self._writers.pop(number)
                await anyio.to_thread.run_sync(writer.__exit__, None, None, None)
                return writer.reference
            case {"open": reference}:
                return self._open(found["ask"], reference)
            case {"rewind": number}:
                self._pieces[number] = aiter(self._readers[number])
                return None
            case {"next": number}:
                piece = await anext(self._pieces[number], None)
                return None if piece is None else b64encode(piece).decode()
            case {"mask": values}:
                return self._ctx.mask(*values)
            case {"defer": True}:
                return self._ctx.defer()
        raise BadFrame("an unknown question")

    def _open(self, number: int, reference: Any) -> dict[str, Any]:
        reader = self._readers[number] = self._ctx.open_artifact(reference)
        described = {"name": reader.name, "size": reader.size, "media_type": reader.media_type}
        return {"number": number, **described}

    async def _write(self, number: int, data: bytes) -> None:
        writer = self._writers.get(number)
        if writer is None:  # refused before; the child will hear of it
            return
        try:
            await anyio.to_thread.run_sync(writer.write, data)
        except Exception as error:
            self._discard(number)
            self._refused[number] = error
            shape = to_json(error, traceback.format_exc())
            await self._channel.send(message({"spoiled": number, "error": shape}))

    def _discard(self, number: int) -> None:
        writer = self._writers.pop(number, None)
        if writer is not None:
            error = RuntimeError("thrown away")
            writer.__exit__(RuntimeError, error, None)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadFrame("no JSON object")
    return found
