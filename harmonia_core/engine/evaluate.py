"""Answer the core's questions: at once where the values are at hand and small, later otherwise.

Quick answers go back into `decide` before the commit and are never recorded; slow
ones are recorded as `Asked`, fetched and evaluated here, and come back as `Answered`.
"""

import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import anyio
import anyio.to_thread

from harmonia_core.engine.item_values import width_of
from harmonia_core.engine.reading import AtHand, NotAtHand, Ref, StateReader
from harmonia_core.engine.reducing import Reduction
from harmonia_core.engine.walks import visible
from harmonia_core.errors import ExpressionError
from harmonia_core.expressions.evaluator import condition, fill
from harmonia_core.expressions.schema import check_value
from harmonia_core.model.commands import Answer, Ask, Choice, Fold, Named
from harmonia_core.model.memo import Recall
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.state import ExecutionState
from harmonia_core.model.values import Expression, Template
from harmonia_core.settings import KernelSettings

Fetch = Callable[[ExecutionState, Ref], Awaitable[Any]]
Lookup = Callable[[ExecutionState, Recall, Any], Awaitable[Answer]]
NO_STORE = ErrorInfo("infrastructure", "value-unavailable", "Nobody can look that up here.")


class ValueCache:
    """Keep the values of references that were used last, bounded by the bytes of their JSON."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._values: OrderedDict[Any, tuple[Any, int]] = OrderedDict()

    def put(self, key: Any, value: Any, size: int) -> None:
        """Keep a value, forgetting the least used ones; one over the limit alone is kept until the next."""
        self._held += size - self._values.pop(key, (None, 0))[1]
        self._values[key] = value, size
        while self._held > self._limit and len(self._values) > 1:
            self._held -= self._values.popitem(last=False)[1][1]

    def get(self, key: Any) -> Any:
        """Return a value; raise KeyError if it is not held."""
        self._values.move_to_end(key)
        return self._values[key][0]


class Evaluator:
    """Evaluate templates and conditions on states.

    fetch: loads a reference's value from the store. now: gives epoch seconds. recall, resolve: look earlier
        results of tasks up, and what names of workflows mean, if somebody set them.
    """

    def __init__(self, settings: KernelSettings, fetch: Fetch, now: Callable[[], float]) -> None:
        self._settings, self._fetch, self._now = settings, fetch, now
        self._env = {name: _text(os.environ[name]) for name in settings.env_allow if name in os.environ}
        self.cache = ValueCache(32 * 1024 * 1024)
        self.recall: Lookup | None = None
        self.resolve: Callable[[ExecutionState, str], Awaitable[Answer]] | None = None

    def quick(self, state: ExecutionState, ask: Ask) -> Answer | None:
        """Return the answer, or None if values must be fetched or are over the quick limit."""
        if isinstance(ask.subject, Fold | Recall | Named):
            return None
        try:
            return self._answer(state, ask, self._at_hand)
        except NotAtHand:
            return None

    async def slowly(self, state: ExecutionState, ask: Ask) -> Answer:
        """Fetch what the question reads, then evaluate it in a thread."""
        if isinstance(ask.subject, Fold):
            limit = self._settings.output_limit
            return await Reduction(state, ask, self._now(), self._env, self.value, limit).answer()
        if isinstance(ask.subject, Recall):
            return await self._recalled(state, ask, ask.subject)
        if isinstance(ask.subject, Named):
            lookup = self.resolve
            return Answer(error=NO_STORE) if lookup is None else await lookup(state, ask.subject.reference)
        held: dict[Ref, Any] = {}

        def at_hand(ref: Ref, in_part: bool) -> Any:
            if ref not in held:
                raise NotAtHand(ref)
            return held[ref]

        while True:
            try:
                return await anyio.to_thread.run_sync(self._answer, state, ask, at_hand)
            except NotAtHand as missing:
                held[missing.ref] = await self.value(state, missing.ref)

    async def _recalled(self, state: ExecutionState, ask: Ask, recall: Recall) -> Answer:
        """Look an earlier result up, by the task's input or by what its author tells results apart by."""
        subject = recall.input if recall.memo.key is None else recall.memo.key
        told = await self.slowly(state, Ask(ask.path, "input", subject, 0, ask.node))
        if told.error is not None or self.recall is None:
            return Answer(error=told.error or NO_STORE)
        return await self.recall(state, recall, told.value)

    async def value(self, state: ExecutionState, ref: Ref) -> Any:
        """Return what a reference of a state stands for; raise StateBackendError if it cannot be read."""
        if not isinstance(ref, BlobRef):
            return await self._fetch(state, ref)
        try:
            return self.cache.get(ref.address)
        except KeyError:
            value = await self._fetch(state, ref)
            self.cache.put(ref.address, value, ref.size)
            return value

    def _at_hand(self, ref: Ref, in_part: bool) -> Any:
        # One item is read out of a long list: the list's size is no measure then.
        if isinstance(ref, ItemsRef) or (ref.size > self._settings.quick_limit and not in_part):
            raise NotAtHand(ref)
        try:
            return self.cache.get(ref.address)
        except KeyError:
            raise NotAtHand(ref) from None

    def _answer(self, state: ExecutionState, ask: Ask, at_hand: AtHand) -> Answer:
        reader = StateReader(state, ask.path, ask.place, self._now(), self._env, at_hand)
        try:
            if isinstance(ask.subject, Expression):
                return Answer(condition(ask.subject, reader))
            if isinstance(ask.subject, Choice):
                return Answer(_first_true(ask.subject, reader))
            assert isinstance(ask.subject, Template)
            value, holes = fill(ask.subject, reader)
        except ExpressionError as error:
            return Answer(error=ErrorInfo("expression", error.error_code, str(error), retryable=False))
        if ask.place == "output" and not ask.path:
            return _checked(state, value)
        node = ask.node
        width = width_of(value, node.batch) if node is not None and node.item is not None else None
        return Answer(value, holes, width=width)


def _first_true(choice: Choice, reader: StateReader) -> int | None:
    found = (place for place, one in enumerate(choice.conditions) if condition(one, reader))
    return next(found, None)


def _text(value: str) -> str:
    """Return a variable of the environment, whose bytes may be anything, as text that JSON can hold."""
    return value.encode("utf-8", "replace").decode()


def _checked(state: ExecutionState, output: Any) -> Answer:
    schema = state.graph.output_schema
    problems = check_value(schema, output, "output") if schema is not None else []
    if not problems:
        return Answer(output)
    message = "The workflow's output does not match its output_schema: " + "; ".join(map(str, problems))
    return Answer(error=ErrorInfo("validation", "output-invalid", message, retryable=False))


def ask_id(state: ExecutionState, ask: Ask) -> str:
    """Return the id of a question: over its place and the youngest value that it reads."""
    seqs = [0]
    scopes = visible(state, ask.path, ask.place)
    for read in ask.subject.reads:
        if read.root == "tasks" and read.steps:
            name = str(read.steps[0])
            found = next((level for level in reversed(scopes) if name in level.nodes.index), None)
            if found is not None:
                seqs.append(found.graph.task(found.nodes.index[name]).ended_seq or 0)
    parts = f"{ask.path}|{ask.attempt}|{ask.place}|{max(seqs)}"
    return sha256(parts.encode()).hexdigest()[:32]
