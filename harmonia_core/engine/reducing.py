"""Fold the outputs of a map's items into one value, a page at a time, beside the core.

Only what an expression reads of a page is at hand; how far it came is not recorded, so that an engine
which takes over begins with the first item again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import anyio.to_thread
from pydantic_core import to_json

from harmonia_core.engine.item_values import item_at
from harmonia_core.engine.reading import AtHand, NotAtHand, Ref, StateReader
from harmonia_core.engine.walks import node_of
from harmonia_core.errors import ExpressionError
from harmonia_core.expressions.evaluator import evaluate_expression, fill
from harmonia_core.expressions.paths import resolve
from harmonia_core.model.commands import Answer, Ask, Fold
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.paths import Path
from harmonia_core.model.refs import REFS, ItemsRef
from harmonia_core.model.state import ExecutionState

PAGE = 256
"""Outputs that are held at once."""

Value = Callable[[ExecutionState, Ref], Awaitable[Any]]


class Reduction:
    """Answer one question for a map's reduced output.

    at: epoch seconds. value: fetches what a reference stands for. limit: bytes of JSON that it may have.
    """

    def __init__(
        self, state: ExecutionState, ask: Ask, at: float, env: Mapping[str, str], value: Value, limit: int
    ) -> None:
        assert isinstance(ask.subject, Fold)
        self._state, self._ask, self._fold = state, ask, ask.subject
        self._at, self._env, self._value, self._limit = at, env, value, limit
        self._held: dict[Ref, Any] = {}
        node, task = node_of(state.graph, ask.path), state.task(ask.path)
        self._batch, self._input = node.batch, None if task is None else task.input
        self._prior = None if task is None or task.items is None else task.items.prior

    async def answer(self) -> Answer:
        """Return what it comes to; an error names the item."""
        result = await self._with_values(self._begin)
        for first in range(0, self._fold.items, PAGE):
            if result.error is not None:
                break
            page = ItemsRef(self._ask.path, min(PAGE, self._fold.items - first), None, first, self._prior)
            outputs = await self._value(self._state, page)
            result = await self._with_values(self._page, result.value, first, outputs)
        return result

    async def _with_values(self, work: Callable[..., Answer], *given: Any) -> Answer:
        """Do a piece of work in a thread, again whenever a value has had to be fetched for it."""
        while True:
            try:
                return await anyio.to_thread.run_sync(work, *given)
            except NotAtHand as missing:
                self._held[missing.ref] = await self._value(self._state, missing.ref)

    def _at_hand(self, ref: Ref, in_part: bool) -> Any:
        if ref not in self._held:
            raise NotAtHand(ref)
        return self._held[ref]

    def _reader(self) -> StateReader:
        at_hand: AtHand = self._at_hand
        return StateReader(self._state, self._ask.path, self._ask.place, self._at, self._env, at_hand)

    def _begin(self) -> Answer:
        try:
            return Answer(fill(self._fold.initial, self._reader()).value)
        except ExpressionError as error:
            return _failed(error, "initial", {})

    def _page(self, result: Any, first: int, outputs: Sequence[Any]) -> Answer:
        reader = self._reader()
        given = self._at_hand(self._input, True) if isinstance(self._input, REFS) else self._input
        for index, output in enumerate(outputs, first):
            roots = {"result": result, "output": output, "index": index}
            roots["item"] = item_at(given, index, self._batch)

            def read(path: Path, roots: Mapping[str, Any] = roots) -> Any:
                return resolve(roots[path.root], path.steps) if path.root in roots else reader(path)

            try:
                result = evaluate_expression(self._fold.value, read)
            except ExpressionError as error:
                return _failed(error, f"item {index}", {"item": index})
        size = len(to_json(result))
        return Answer(result) if size <= self._limit else _too_large(size, self._limit, first + len(outputs))


def _failed(error: ExpressionError, where: str, details: dict[str, Any]) -> Answer:
    message = f"reduce, {where}: {error}"
    return Answer(
        error=ErrorInfo("expression", error.error_code, message, retryable=False, details=details or None)
    )


def _too_large(size: int, limit: int, items: int) -> Answer:
    message = f"reduce: {size:,} bytes after {items:,} items are over the limit of {limit:,}"
    return Answer(error=ErrorInfo("validation", "output-too-large", message, retryable=False))
