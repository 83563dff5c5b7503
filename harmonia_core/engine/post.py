"""Bring published messages to those who wait for them: one message, one execution.

Who publishes writes the message, then looks for somebody who waits; who begins to wait writes that, then
looks for a message. So at least one of the two sees the other, and whoever does moves the message by one
conditional write. What a crash leaves half done stands in the list of outgoing messages, or with the tasks
that wait, and is looked after again.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import anyio
from pydantic_core import from_json

from harmonia_core.clock import Clock
from harmonia_core.contracts.rows import Document, Unit
from harmonia_core.contracts.state_backend import DocumentQuery, StateBackend
from harmonia_core.engine import subscriptions as s
from harmonia_core.engine.driver import Driver
from harmonia_core.engine.live import Live
from harmonia_core.engine.messages import NOT_AWAITED
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.postings import MESSAGE, Post, post_of, posted
from harmonia_core.engine.settle import Batch
from harmonia_core.errors import StateBackendError, VersionConflict
from harmonia_core.model.events import ExecutionAdopted, MessageEmitted, MessageRefused
from harmonia_core.model.statuses import FINAL_EXECUTION

LOG = logging.getLogger("harmonia.engine")
INTERVAL = 60.0
"""Seconds, of real time, between two looks for what others left half done, and for what has expired."""
PARTING = 5.0
"""Seconds after which a process that leaves lets another one bring what it has published."""
PAGE = 100

Job = Callable[[], Awaitable[None]]


class PostOffice:
    """Move published messages for one engine.

    idle: called when nothing is left to be looked for, if somebody set it.
    """

    def __init__(self, backend: StateBackend, driver: Driver, clock: Clock, patience: Patience) -> None:
        self._backend, self._driver, self._clock, self._patience = backend, driver, clock, patience
        self._jobs: deque[Job] = deque()
        self._subscribed: set[str] = set()
        self._wake, self._rest = anyio.Event(), anyio.Event()
        self.idle: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Tell whether something is still to be looked for."""
        return bool(self._jobs)

    def recorded(self, live: Live, batch: Batch) -> None:
        """Note what a committed batch has published, and who has begun to wait."""
        state, adopted = batch.state, False
        for record in batch.recorded:
            event = record.event
            if type(event) is MessageEmitted and event.to is None:
                key = s.outgoing_key(live.execution_id, record.seq)
                self._do(partial(self._forward, key, live.namespace, post_of(record)))
            elif type(event) is MessageRefused and event.reason == NOT_AWAITED:
                key = s.outgoing_key(live.execution_id, record.seq)
                self._do(partial(self._take_back, key, live.namespace, event.message_id, live.execution_id))
            adopted = adopted or type(event) is ExecutionAdopted
        waiting = state.inbox.waiting
        for path in waiting if adopted else s.begun(batch.first, state):
            if waiting[path].shared:
                self._subscribed.add(live.execution_id)
                for key, wish in s.wishes(state, path, waiting[path], live.namespace):
                    self._do(partial(self._seek, key, wish))
        if state.status in FINAL_EXECUTION and live.execution_id in self._subscribed:
            self._subscribed.discard(live.execution_id)
            self._do(partial(self._clear, live.execution_id))

    def _do(self, job: Job) -> None:
        if not self._jobs:
            self._rest = anyio.Event()
        self._jobs.append(job)
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        look = 0.0
        while True:
            self._wake = anyio.Event()
            if anyio.current_time() >= look:
                await self._carefully(self.sweep)
                look = anyio.current_time() + INTERVAL
            while self._jobs:
                await self._carefully(self._jobs[0])
                self._jobs.popleft()
            self._rest.set()
            if self.idle is not None:
                self.idle()
            with anyio.move_on_after(look - anyio.current_time()):
                await self._wake.wait()

    async def drain(self) -> None:
        """Wait a moment until what was published here has been brought to whoever waits."""
        with anyio.move_on_after(PARTING):
            if self._jobs:
                await self._rest.wait()

    async def _carefully(self, work: Job) -> None:
        """Do some work as long as there is patience; what is left is found by the next look or adoption."""
        try:
            await self._patience.ask(work)
        except StateBackendError as error:
            LOG.warning("Published messages were left for later: %s", error)

    async def publish(self, namespace: str, post: Post, key: str) -> None:
        """Publish a message, unless one of its id is there, and bring it to whoever waits for it.

        key: under which it is listed until then, should this process die in between.
        """
        documents = [s.published(post, namespace, self._clock.now()), s.outgoing(post, namespace, key)]
        with suppress(VersionConflict):  # of that id there is one
            await self._backend.commit(Unit(documents=documents))
            await self._forward(key, namespace, post)

    async def _forward(self, key: str, namespace: str, post: Post) -> None:
        """Bring an outgoing message to whoever waits, and take it off the list."""
        message = s.published(post, namespace, self._clock.now())
        with suppress(VersionConflict):  # it is there already: what is left to do is to look for somebody
            await self._backend.commit(Unit(documents=[message]))
        while await self._deliver(message.key):
            pass
        await self._backend.commit(Unit(documents=[s.settled(key)]))

    async def _take_back(self, key: str, namespace: str, message_id: str, by: str) -> None:
        """Bring a message that an execution has not taken to another one, and take it off the list."""
        await self._hand_on(namespace, message_id, by)
        await self._backend.commit(Unit(documents=[s.settled(key)]))

    async def _hand_on(self, namespace: str, message_id: str, by: str) -> None:
        key = f"{namespace}/{message_id}"
        message = await self._backend.document(s.PLACE, s.MESSAGES, key)
        if message is not None and message.value["taken_by"] == by:
            with suppress(VersionConflict):  # somebody else hands it on
                await self._backend.commit(Unit(documents=[s.open_again(message)]))
        while await self._deliver(key):
            pass

    async def _clear(self, execution_id: str) -> None:
        """Hand on what was on its way to an execution that has ended."""
        for request in await self._backend.requests([execution_id]):
            body = from_json(request.body)
            if request.kind == MESSAGE and body.get("published"):
                await self._hand_on(request.namespace, body["id"], execution_id)

    async def _deliver(self, key: str) -> bool:
        """Look once for somebody who waits for a message; tell whether to look again."""
        message = await self._backend.document(s.PLACE, s.MESSAGES, key)
        if message is None or message.value["taken_by"] is not None or await self._expired(message):
            return False
        namespace, post = s.post_in(message)
        found = [await self._first(query) for query in s.wishes_for(namespace, post)]
        waiting = [document for document in found if document is not None]
        if not waiting:
            return False
        # Both begin with the moment at which the wait began.
        first = min(waiting, key=lambda document: (document.value["at"], document.key))
        return not await self._move(message, first.key, s.wish_in(first))

    async def _seek(self, key: str, wish: s.Subscription) -> None:
        """Look for messages for one who has begun to wait; each goes to whoever has waited for it longest."""
        while True:
            message = await self._first(s.messages_for(wish))
            if message is None:
                return
            if await self._expired(message):
                continue
            while await self._deliver(message.key):
                pass
            if await self._backend.document(s.PLACE, s.WAITING, key) is None:
                return  # it has been given one, or waits no more

    async def _move(self, message: Document, key: str, wish: s.Subscription) -> bool:
        """Give a message to one who waits; False if one of the two has been given to another."""
        namespace, post = s.post_in(message)
        row = posted(post, wish.execution, namespace, self._clock.now(), published=True)
        try:
            await self._backend.commit(Unit(documents=s.moved(message, key, wish), requests=[row]))
        except VersionConflict:
            return False
        self._driver.hand_over(row)
        return True

    async def _expired(self, message: Document) -> bool:
        """Delete a message whose time has passed; tell whether it was one."""
        expires = s.post_in(message)[1].expires
        if expires is None or expires > self._clock.now():
            return False
        try:
            await self._backend.commit(Unit(documents=[s.swept(message)]))
        except VersionConflict:
            LOG.debug("Message %s was moved while it expired.", message.key)
        return True

    async def _first(self, query: DocumentQuery) -> Document | None:
        found, _ = await self._backend.find_documents(query)
        return found[0] if found else None

    async def sweep(self) -> None:
        """Look after the messages that somebody left half done, and delete those that have expired."""
        cursor: str | None = None
        while True:
            query = DocumentQuery(s.PLACE, s.OUTGOING, limit=PAGE, cursor=cursor)
            page, cursor = await self._backend.find_documents(query)
            for document in page:
                if "by" in document.value:
                    value = document.value
                    await self._take_back(document.key, value["namespace"], value["id"], value["by"])
                else:
                    await self._forward(document.key, *s.post_in(document))
            if cursor is None:
                break
        oldest = DocumentQuery(s.PLACE, s.MESSAGES, (), "expires", PAGE)
        while True:
            page, _ = await self._backend.find_documents(oldest)
            gone = [await self._expired(document) for document in page]
            if not gone or not all(gone):
                return
