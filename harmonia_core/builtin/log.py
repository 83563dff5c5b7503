"""The simplest notifier: one line of the log for each notice."""

import logging

from harmonia_core.contracts.notifier import Notice

LOG = logging.getLogger("harmonia.notices")
_BAD = frozenset({"execution-failed", "attention"})


class LogNotifier:
    """Write notices to stdlib logging; what needs a person stands at level warning."""

    name = "log"

    def notify(self, notice: Notice) -> None:
        """Write one line; fields are attached as `extra` for structured handlers."""
        level = logging.WARNING if notice.subject in _BAD else logging.INFO
        fields = {"subject": notice.subject, "namespace": notice.namespace, "execution": notice.execution}
        LOG.log(level, "%s %s: %s", notice.subject, notice.execution, notice.text, extra=fields)


LOG_NOTIFIER = LogNotifier()
