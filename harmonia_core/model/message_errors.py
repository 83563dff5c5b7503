"""Why a message or a decision is refused, before anything is recorded. Pure."""

from collections.abc import Sequence

from harmonia_core.errors import HarmoniaError, ProblemsError


class MessageInvalid(ProblemsError):
    """Refuse a message that no execution could keep."""

    code = "message-invalid"
    subject = "The message"


class DecisionInvalid(ProblemsError):
    """Refuse a decision whose data is not what the approval's form asks for."""

    code = "decision-invalid"
    subject = "The decision"


class ApprovalNotOpen(HarmoniaError):
    """Refuse a decision on what waits for none. open: paths of what does."""

    code = "approval-not-open"

    def __init__(self, execution_id: str, path: str, open: Sequence[str]) -> None:
        self.execution_id, self.path, self.open = execution_id, path, tuple(open)
        waiting = f"these do: {', '.join(open)}" if open else "nothing does"
        super().__init__(f"{path!r} of execution {execution_id} waits for no approval; {waiting}.")


class AlreadyDecided(HarmoniaError):
    """Refuse a second decision on the same approval."""

    code = "already-decided"

    def __init__(self, execution_id: str, path: str) -> None:
        self.execution_id, self.path = execution_id, path
        super().__init__(f"{path!r} of execution {execution_id} has already been decided, or waits no more.")


class NotAnAssignee(HarmoniaError):
    """Refuse a decision by somebody who is not asked for it."""

    code = "not-an-assignee"

    def __init__(self, path: str, who: str | None, people: Sequence[str]) -> None:
        self.path, self.who, self.people = path, who, tuple(people)
        super().__init__(f"{who or 'nobody'} may not decide on {path!r}; asked are {', '.join(people)}.")
