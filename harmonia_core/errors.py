"""Errors of the kernel: one root, one stable code per class, data as attributes.

A host maps codes to exits or HTTP statuses; nothing here knows either. What an
author of a task type raises stands at the end (`TaskError` and its two
short forms).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """Describe one fault of an input: what, where, and what would be right.

    path: place in the document, dotted, list positions in brackets
        (`tasks.fetch.input.url`, `tasks[3].type`); empty for the whole.
    line, column: 1-based place in the source text, if the format knows it.
    suggestion: the nearest known name or the mend, if there is one.
    """

    code: str
    path: str
    message: str
    line: int | None = None
    column: int | None = None
    suggestion: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the problem in its public JSON shape."""
        return asdict(self)

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}: " if self.line else ""
        where = f"{self.path}: " if self.path else ""
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{place}{where}{self.message}{hint} [{self.code}]"


class HarmoniaError(Exception):
    """Root of every error that Harmonia raises on purpose."""

    code: ClassVar[str] = "harmonia-error"

    def details(self) -> dict[str, Any]:
        """Return the error's data as JSON-able attributes."""
        return {}


class ProblemsError(HarmoniaError):
    """Refuse an input with everything that is wrong with it at once."""

    code = "invalid"
    subject: ClassVar[str] = "The input"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{self.subject} has {len(self.problems)} problem(s):\n{lines}")

    def details(self) -> dict[str, Any]:
        return {"problems": [problem.as_json() for problem in self.problems]}


class DefinitionInvalid(ProblemsError):
    """Refuse a workflow definition; nothing of it has run."""

    code = "definition-invalid"
    subject = "The workflow definition"


class InputInvalid(ProblemsError):
    """Refuse the input of an execution; nothing has been recorded."""

    code = "input-invalid"
    subject = "The workflow input"


class ExecutionNotFound(HarmoniaError):
    """Report an execution id that the state backend does not know."""

    code = "execution-not-found"

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"There is no execution {execution_id}.")


class ExecutionFinished(HarmoniaError):
    """Refuse a request for an execution that has already ended otherwise."""

    code = "execution-finished"

    def __init__(self, execution_id: str, status: str) -> None:
        self.execution_id, self.status = execution_id, status
        super().__init__(f"Execution {execution_id} has already ended as {status}.")


class KeyReused(HarmoniaError):
    """Refuse a key that stands for another request; nothing was begun."""

    code = "key-reused"

    def __init__(self, key: str, workflow: str, execution_id: str) -> None:
        self.key, self.workflow, self.execution_id = key, workflow, execution_id
        super().__init__(
            f"The key {key!r} was used for {workflow} with another definition, input or labels: "
            f"execution {execution_id}. Take another key for another request."
        )

    def details(self) -> dict[str, Any]:
        return {"key": self.key, "workflow": self.workflow, "execution_id": self.execution_id}


class ExecutionNotAdoptable(HarmoniaError):
    """Say why an orphan cannot be continued by this installation."""

    code = "execution-not-adoptable"

    def __init__(self, execution_id: str, reason: str) -> None:
        self.execution_id, self.reason = execution_id, reason
        super().__init__(f"Execution {execution_id} cannot be adopted: {reason}")


class RequestNotConsumed(HarmoniaError):
    """Report a request that the execution's living owner has not taken in time."""

    code = "request-not-consumed"

    def __init__(self, execution_id: str, engine: str, pid: int | None, host: str | None) -> None:
        self.execution_id, self.engine, self.pid, self.host = execution_id, engine, pid, host
        super().__init__(
            f"Engine {engine} (pid {pid} on {host}) owns execution {execution_id} but has not "
            f"answered. If it hangs, run: harmonia recover --take-over {execution_id}"
        )


class AlreadyCompleted(HarmoniaError):
    """Refuse a second completion of a deferred attempt."""

    code = "already-completed"

    def __init__(self, subject: str = "This attempt") -> None:
        super().__init__(f"{subject} has already been completed, or its token is unknown.")


class PluginError(HarmoniaError):
    """Root of errors about finding and loading plugins."""

    code = "plugin-error"


class PluginNotFound(PluginError):
    """Report a name that no plugin provides."""

    code = "plugin-not-found"

    def __init__(self, kind: str, name: str, known: Sequence[str], hint: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        names = ", ".join(sorted(known)) or "none"
        super().__init__(f"No plugin provides the {kind} {name!r}; known: {names}. {hint}".rstrip())


class PluginsRefused(PluginError):
    """Stop a start in strict mode because plugins could not be used."""

    code = "plugins-refused"

    def __init__(self, rows: Sequence[str]) -> None:
        self.rows = tuple(rows)
        super().__init__("Strict mode: plugins could not be used:\n  " + "\n  ".join(rows))


class StateBackendError(HarmoniaError):
    """Root of errors about the store."""

    code = "store-error"


class StateUnavailable(StateBackendError):
    """Report a store that cannot be used now; nothing was written."""

    code = "store-unavailable"


class StateFull(StateUnavailable):
    """Report a store without room; nothing was written."""

    code = "store-full"


class StateReadOnly(StateUnavailable):
    """Report a store that refuses writes; nothing was written."""

    code = "store-read-only"


class StateLocked(StateUnavailable):
    """Report a store that another process keeps locked; nothing was written."""

    code = "store-locked"


class StateCorrupt(StateBackendError):
    """Report a store or a record in it that cannot be read."""

    code = "store-corrupt"


class BackupRefused(StateBackendError):
    """Refuse to write a backup: its target exists or cannot be made, or a program for it is missing."""

    code = "backup-refused"


class SchemaMismatch(StateBackendError):
    """Report a store whose schema this version does not know."""

    code = "store-schema"


class Fenced(StateBackendError):
    """Tell an engine that another engine has taken the execution over."""

    code = "fenced"

    def __init__(self, execution_id: str, epoch: int) -> None:
        self.execution_id, self.epoch = execution_id, epoch
        super().__init__(
            f"Execution {execution_id} was taken over by another engine (this one held epoch "
            f"{epoch}); its attempts here are stopped and nothing more is written for it."
        )


class VersionConflict(StateBackendError):
    """Refuse a document write whose expected version has moved."""

    code = "version-conflict"


class InvariantViolated(HarmoniaError):
    """Report a bug in Harmonia; never caught on purpose."""

    code = "invariant-violated"


class ExpressionError(HarmoniaError):
    """Report an expression that has no value on the data given.

    error_code: `path-missing`, `not-evaluable`, `not-boolean`, `too-large`.
    """

    code = "expression"

    def __init__(self, error_code: str, message: str) -> None:
        self.error_code = error_code
        super().__init__(message)


class TaskError(HarmoniaError):
    """Fail an attempt with a chosen code, category and retryability.

    code: stable, kebab-case; `retry_on`, `no_retry_on` and `catch` match it.
    retry_after: seconds before the next attempt at the earliest (at most 24 h).
    details: JSON-able data for people and handlers.
    """

    code = "task-error"

    def __init__(
        self,
        message: str,
        code: str = "task-error",
        category: str = "task",
        retryable: bool = True,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.error_code, self.category, self.retryable = code, category, retryable
        self.retry_after, self.data = retry_after, dict(details or {})

    def details(self) -> dict[str, Any]:
        return self.data


class RetryableError(TaskError):
    """Fail an attempt that is worth another try."""


class PermanentError(TaskError):
    """Fail a task for good: another attempt would fail the same way."""

    def __init__(self, message: str, code: str = "task-error", **rest: Any) -> None:
        super().__init__(message, code, **{**rest, "retryable": False})
