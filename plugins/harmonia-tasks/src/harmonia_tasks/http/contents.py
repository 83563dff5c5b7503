"""Bodies of requests: JSON, forms, multipart, text, bytes and artifacts, the last without holding them."""

import secrets
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic_core import PydanticSerializationError, to_json

from harmonia_core import ArtifactReader, PermanentError, TaskContext
from harmonia_net import query_pairs
from harmonia_tasks.http.models import Content, FormPart, HttpInput

TEXT, JSON_TYPE = "text/plain; charset=utf-8", "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
FORMS = ("json", "form", "multipart", "body")


@dataclass(frozen=True, slots=True)
class Payload:
    """Hold a body: segments one after the other, artifacts read when they are sent; may be sent again."""

    media_type: str
    segments: tuple[bytes | ArtifactReader, ...]

    @property
    def length(self) -> int:
        """Return how many bytes it has."""
        return sum(len(one) if isinstance(one, bytes) else one.size for one in self.segments)

    @property
    def is_held(self) -> bool:
        """Tell whether the bytes are all in memory."""
        return all(isinstance(one, bytes) for one in self.segments)

    @property
    def whole(self) -> bytes | None:
        """Return the bytes if they are all in memory."""
        held = [one for one in self.segments if isinstance(one, bytes)]
        return b"".join(held) if self.is_held else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for segment in self.segments:
            if isinstance(segment, bytes):
                yield segment
            else:
                async for piece in segment:
                    yield piece


def forms_given(input: HttpInput) -> list[str]:
    """Return the names of the body forms that an input uses."""
    optional = {"form": input.form, "multipart": input.multipart, "body": input.body}
    given = [name for name, value in optional.items() if value is not None]
    return ["json", *given] if input.has_json else given


def payload(ctx: TaskContext, input: HttpInput) -> Payload | None:
    """Return the body to send, None without one.

    input: sound (`check.require_sound`). Raises PermanentError `body-invalid`, `artifact-invalid`.
    """
    if input.has_json:
        return Payload(JSON_TYPE, (_json(input.json_),))
    if input.form is not None:
        return Payload(FORM_TYPE, (urlencode(list(query_pairs(input.form))).encode(),))
    if input.multipart is not None:
        return _multipart(ctx, input.multipart)
    if input.body is None:
        return None
    content = Content(text=input.body) if isinstance(input.body, str) else input.body
    segment = _segment(ctx, content)
    return Payload(content.media_type or _media_type(content, segment), (segment,))


def contradiction(given: Iterable[str]) -> str:
    """Return the message for several body forms at once."""
    return f"Only one of {', '.join(FORMS)} can be sent, not {' and '.join(given)}."


def _json(value: Any) -> bytes:
    try:
        return to_json(value, inf_nan_mode="constants")
    except (PydanticSerializationError, ValueError) as error:
        raise _invalid(f"The JSON body cannot be written: {error}.") from None


def _segment(ctx: TaskContext, content: Content) -> bytes | ArtifactReader:
    given = [name for name in ("text", "base64", "artifact") if getattr(content, name) is not None]
    if len(given) != 1:
        said = " and ".join(given) or "none"
        raise _invalid(f"A body needs exactly one of text, base64 and artifact; {said} was given.")
    if content.text is not None:
        return content.text.encode("utf-8", "surrogatepass")
    if content.base64 is not None:
        try:
            return b64decode(content.base64, validate=True)
        except (NotBase64, ValueError) as error:
            raise _invalid(f"The body is not base64: {error}.") from None
    return ctx.open_artifact(content.artifact)


def _media_type(content: Content, segment: bytes | ArtifactReader) -> str:
    if not isinstance(segment, bytes):
        return segment.media_type
    return TEXT if content.text is not None else "application/octet-stream"


def _multipart(ctx: TaskContext, parts: Iterable[FormPart]) -> Payload:
    boundary = secrets.token_hex(16)
    segments: list[bytes | ArtifactReader] = []
    for part in parts:
        segment = _segment(ctx, part)
        segments += (_part_head(boundary, part, segment), segment, b"\r\n")
    segments.append(f"--{boundary}--\r\n".encode())
    return Payload(f"multipart/form-data; boundary={boundary}", tuple(segments))


def _part_head(boundary: str, part: FormPart, segment: bytes | ArtifactReader) -> bytes:
    disposition = f'form-data; name="{_quoted(part.name)}"'
    filename = part.filename or ("" if isinstance(segment, bytes) else segment.name)
    if filename:
        disposition += f'; filename="{_quoted(filename)}"'
    plain = part.text is not None and not filename
    media_type = part.media_type or ("" if plain else _media_type(part, segment))
    kind = f"\r\nContent-Type: {_one_line(media_type)}" if media_type else ""
    return f"--{boundary}\r\nContent-Disposition: {disposition}{kind}\r\n\r\n".encode()


def _quoted(text: str) -> str:
    """Escape as HTML's form submission does."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _one_line(text: str) -> str:
    if "\r" in text or "\n" in text:
        raise _invalid("A media type is one line.")
    return text


def _invalid(message: str) -> PermanentError:
    return PermanentError(message, "body-invalid", category="validation")
