"""Begin tasks whose workflow is named: what the name means is looked up for each attempt, then recorded."""

from collections.abc import Awaitable, Callable

from harmonia_core.contracts.state_backend import StateBackend
from harmonia_core.definitions.errors import NotPublished, PublishRefused
from harmonia_core.definitions.named import Definitions
from harmonia_core.definitions.shelf import Shelf, content_text
from harmonia_core.engine.patience import Patience
from harmonia_core.model.asking import Answer
from harmonia_core.model.outcomes import ErrorInfo
from harmonia_core.model.state import ExecutionState

NOT_PUBLISHED = "not-published"


async def published(backend: StateBackend, namespace: str, address: str) -> bytes | None:
    """Return the text of a definition that is published and that perhaps no execution has used yet."""
    shelf = Shelf(backend, namespace)
    return content_text(await shelf.content(address)) if await shelf.has_content(address) else None


def resolver(
    definitions: Definitions, patience: Patience, namespace: Callable[[ExecutionState], str]
) -> Callable[[ExecutionState, str], Awaitable[Answer]]:
    """Return what looks a reference up in an execution's namespace: the answer is a definition's hash."""

    async def resolve(state: ExecutionState, reference: str) -> Answer:
        try:
            found = await patience.ask(definitions.resolve, reference, namespace(state))
        except (NotPublished, PublishRefused) as error:
            details = {"workflow": reference, "reason": error.code}
            fault = ErrorInfo("validation", NOT_PUBLISHED, str(error), retryable=False, details=details)
            return Answer(error=fault)
        return Answer(found.release.hash)

    return resolve
