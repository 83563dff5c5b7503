"""One attempt of `http`: a request, and what becomes of the answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from harmonia_core import ArtifactWriter, PermanentError, TaskContext
from harmonia_tasks.artifact_sink import Passed
from harmonia_tasks.http import addresses, statuses
from harmonia_tasks.http.answers import EXCERPT, unexpected, value_of
from harmonia_tasks.http.check import require_sound
from harmonia_tasks.http.contents import Payload, payload
from harmonia_tasks.http.headers import authorization, request_headers, shown
from harmonia_tasks.http.models import GIB, HttpInput, HttpOutput
from harmonia_tasks.http.outbound import Outbound, as_task_error

if TYPE_CHECKING:
    from harmonia_net import Request, Response, Streaming, Timeouts

REPORT_EVERY = 1.0
"""Seconds between two reports of progress while bytes arrive."""
QUICK = 256 * 1024
"""Bytes of a body that may be read as JSON or text on the loop; more goes to a thread."""
EXCERPT_SECONDS = 5.0
"""How long the body of a refused request is waited for."""
TOTAL = 300.0
"""Seconds after which a request ends, however busily it drips, unless the task says otherwise."""
HARMLESS = frozenset(("accept", "accept-language", "content-type", "user-agent"))


class Exchange:
    """Carry out the requests of one attempt.

    base: URL of the connection. limit: bytes of bodies that may be held.
    """

    def __init__(self, ctx: TaskContext, input: HttpInput, outbound: Outbound) -> None:
        require_sound(input)
        self.ctx, self.input, self._outbound = ctx, input, outbound
        self._connection = outbound.connection(input.connection)
        self.base = self._connection.base_url if self._connection else None
        self.spec = input.answer
        self.limit = min(self.spec.max_bytes or outbound.output_limit, outbound.output_limit)
        self._begun = self._reported = anyio.current_time()
        self._hide()

    async def one(self) -> HttpOutput:
        """Send the one request and return what came back."""
        async with self.answered(self.input, addresses.resolve(self.input.url, self.base)) as answer:
            if self.spec.to == "artifact":
                return await self._kept(answer)
            if self.spec.as_ == "none":
                await self._excerpt(answer)  # a connection whose short body was read is kept
                return self.output(answer)
            response = await self.read(answer)
        return self.output(response, body=await self.value(response, self.spec.as_))

    @asynccontextmanager
    async def answered(self, input: HttpInput, url: str, key: str = "") -> "AsyncIterator[Streaming]":
        """Send a request; yield the answer with an expected status, its body still to come.

        key: appended to the idempotency key, for all but the first request of a task.
        Raises TaskError: `http-status`, and what harmonia_net reports.
        """
        from harmonia_net import NetError

        client = await self._outbound.client(input.connection)
        try:
            async with client.stream(self._request(input, url, key)) as answer:
                if not statuses.is_expected(answer.status, input.expect):
                    raise unexpected(input.method, url.partition("?")[0], await self._excerpt(answer))
                yield answer
        except NetError as error:
            raise as_task_error(error) from error

    async def read(self, answer: "Streaming") -> "Response":
        """Return an answer with its body; raise PermanentError `output-too-large` past the limit."""
        if (answer.length or 0) > self.limit:
            raise too_large(self.limit)
        data = bytearray()
        async for piece in answer.aiter_bytes():
            data += piece
            if len(data) > self.limit:
                raise too_large(self.limit)
            self._report(len(data), answer)
        return _whole(answer, bytes(data))

    async def value(self, response: "Response", form: str) -> Any:
        """Return a body in a form; raise TaskError `response-undecodable`."""
        from harmonia_net import NetError

        try:
            if len(response.content) <= QUICK:
                return value_of(form, response)
            return await anyio.to_thread.run_sync(value_of, form, response, abandon_on_cancel=True)
        except NetError as error:
            raise as_task_error(error) from None

    def artifact(self, name: str, media_type: str) -> ArtifactWriter:
        """Open the artifact that the task asks for; what is given here stands in for what it leaves open."""
        return self.ctx.artifact(self.spec.name or name, self.spec.media_type or media_type)

    def output(self, answer: "Streaming | Response", **more: Any) -> HttpOutput:
        """Return the output for the last answer."""
        elapsed = round(anyio.current_time() - self._begun, 6)
        headers = shown(answer.headers.pairs, self.spec.headers)
        # What a service redirects to often holds a signature that is as good as a password.
        url = answer.url.partition("?")[0] if answer.redirects else answer.url
        return HttpOutput(
            **{"status": answer.status, "headers": headers, "url": url, "elapsed": elapsed, **more}
        )

    async def _kept(self, answer: "Streaming") -> HttpOutput:
        most, done = self.spec.max_bytes or GIB, 0
        media_type = answer.headers.get("content-type") or "application/octet-stream"
        with self.artifact(addresses.file_name(answer.url), media_type) as writer:
            sink = Passed(writer)
            async for piece in answer.aiter_bytes():
                done += len(piece)
                if done > most:
                    message = f"The response is larger than max_bytes, {most:,}; nothing of it is kept."
                    raise PermanentError(message, "response-too-large", category="validation")
                await sink.take(piece)
                self._report(done, answer)
            await sink.finish()
        return self.output(answer, artifact=writer.reference)

    def _report(self, done: int, answer: "Streaming") -> None:
        """Tell, at most once a second, that bytes arrive."""
        now = anyio.current_time()
        if now - self._reported < REPORT_EVERY:
            return
        self._reported = now
        self.ctx.heartbeat({"bytes": done})
        length = None if "content-encoding" in answer.headers else answer.length
        self.ctx.progress(done / length if length else None, f"{done:,} bytes")

    def _request(self, input: HttpInput, url: str, key: str) -> "Request":
        from harmonia_net import Request

        connection, body = self._connection, payload(self.ctx, input)
        sent = connection.sent() if connection else {}
        media_type = body.media_type if body else None
        stable = f"{self.ctx.idempotency_key}{key}"
        return Request(
            method=input.method,
            url=url,
            headers=request_headers(input, sent, media_type, stable, self.ctx.attempt),
            params=input.query,
            content=None if body is None else body if (held := body.whole) is None else held,
            length=body.length if body else None,
            secret_headers=self._secret_names(),
            follow_redirects=input.redirects > 0,
            max_redirects=input.redirects,
            timeouts=self._timeouts(input, body),
            max_bytes=GIB,
            trusted=connection is not None,
        )

    def _timeouts(self, input: HttpInput, body: Payload | None) -> "Timeouts":
        """Return the limits of one request; whole files may take as long as the attempt has."""
        from harmonia_net import Timeouts

        given = input.timeouts
        is_file = (self.spec.to == "artifact" and not input.paginate) or (
            body is not None and not body.is_held
        )
        total = given.total or (None if is_file else max(TOTAL, 2 * given.read))
        return Timeouts(**{**dict(given), "total": total})

    def _secret_names(self) -> frozenset[str]:
        """Return the headers that a redirect to another origin drops: all of the task's but harmless ones."""
        own = {name for name in self.input.headers if name.lower() not in HARMLESS}
        return frozenset(own | (self._connection.secret_names() if self._connection else set()))

    def _hide(self) -> None:
        """Mask what the engine does not know as secrets: the connection's, and credentials joined here."""
        if self._connection is not None:
            self.ctx.mask(*self._connection.secrets())
        self.ctx.mask(*self._outbound.proxy_secrets())
        auth = self.input.auth
        if auth is not None and auth.basic is not None and (value := authorization(auth)):
            self.ctx.mask(value.partition(" ")[2])

    async def _excerpt(self, answer: "Streaming") -> "Response":
        from harmonia_net import NetError

        data = bytearray()
        # The status says more than that its body broke off or drips.
        with suppress(NetError), anyio.move_on_after(EXCERPT_SECONDS):
            async for piece in answer.aiter_bytes():
                data += piece
                if len(data) >= EXCERPT:
                    break
        return _whole(answer, bytes(data[:EXCERPT]))


def too_large(limit: int) -> PermanentError:
    """Return the error for bodies that are too much to be held."""
    return PermanentError(
        f"The response is larger than {limit:,} bytes. Keep it as a file by `response: {{to: artifact}}`; "
        "pages are written to it as JSON Lines.",
        "output-too-large",
        category="validation",
    )


def _whole(answer: "Streaming", data: bytes) -> "Response":
    from harmonia_net import Response

    return Response(answer.status, answer.headers, answer.url, data, redirects=answer.redirects)
