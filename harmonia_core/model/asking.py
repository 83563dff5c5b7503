"""Questions that `decide` asks beside the state, and their answers."""

from typing import NamedTuple

from harmonia_core.model.events import Place
from harmonia_core.model.graph import TaskNode
from harmonia_core.model.memo import Recall, Reused
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.paths import Path
from harmonia_core.model.refs import Stored
from harmonia_core.model.values import Expression, Hole, Template


class Choice(NamedTuple):
    """Conditions of which the first that holds is wanted: the answer is its position, None if none does."""

    conditions: tuple[Expression, ...]

    @property
    def reads(self) -> tuple[Path, ...]:
        """Return what the conditions read."""
        return tuple(read for condition in self.conditions for read in condition.reads)


class Fold(NamedTuple):
    """A map's outputs to be folded into one value: `items` of them, in the order of the items."""

    initial: Template
    value: Expression
    items: int

    @property
    def reads(self) -> tuple[Path, ...]:
        """Return what it reads beside the items."""
        return (*self.initial.reads, *self.value.reads)


class Named(NamedTuple):
    """What a reference to a published workflow means: the answer is the definition's hash."""

    reference: str

    @property
    def reads(self) -> tuple[Path, ...]:
        """Return nothing: no data is read."""
        return ()


class Ask(NamedTuple):
    """Evaluate something beside the core; answered by (path, place).

    attempt: of the task, 0 before its first. subject: the template, condition, choice or fold.
    node: of the task whose input or condition it is.
    """

    path: str
    place: Place
    subject: Template | Expression | Choice | Fold | Recall | Named
    attempt: int = 0
    node: TaskNode | None = None


class Answer(NamedTuple):
    """Hold what an Ask evaluated to; an error is an answer.

    width: number of items, when the question was a map's input. memo: under which a result is kept;
        reused: where the value comes from, if it is an earlier result.
    """

    value: Stored = None
    holes: tuple[Hole, ...] = ()
    error: ErrorInfo | None = None
    width: int | None = None
    memo: str | None = None
    reused: Reused | None = None


AnswerKey = tuple[str, str]
Answers = dict[AnswerKey, Answer]
