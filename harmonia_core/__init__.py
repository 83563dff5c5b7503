"""Harmonia's first door: everything a plugin author needs, and nothing else.

Names are imported on first use, so that a process pays only for what it touches. Rows, queries
and store errors are for authors of state backends; a task type needs two names.
Programs that run an engine use the second door, `harmonia_core.host`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonia_core.contracts.activity import ActivityQuery
    from harmonia_core.contracts.composite import (
        END,
        GraphScope,
        Handling,
        Inner,
        SequenceScope,
        Step,
        Way,
    )
    from harmonia_core.contracts.composite_type import composite_type, inner, refuse
    from harmonia_core.contracts.definition_format import DefinitionFormat, ParsedDocument
    from harmonia_core.contracts.dispatcher import CompletionSink, Dispatcher
    from harmonia_core.contracts.endpoint import (
        PUBLIC,
        Access,
        AsgiMount,
        Capability,
        CliCommand,
        Endpoint,
        Faces,
        HealthCheck,
        Limits,
        Request,
        Response,
        StaticMount,
    )
    from harmonia_core.contracts.engine import Engine
    from harmonia_core.contracts.expression_language import ExpressionLanguage
    from harmonia_core.contracts.notifier import Notice, Notifier
    from harmonia_core.contracts.rows import (
        ActivityRow,
        BlobRow,
        Document,
        DocumentWrite,
        EngineRow,
        EventRow,
        ExecutionRow,
        HeadWrite,
        HeartbeatRow,
        RequestRow,
        SlotRow,
        SnapshotRow,
        StreamAppend,
        TaskRow,
        TimerRow,
        TokenRow,
        Unit,
    )
    from harmonia_core.contracts.secret_provider import SecretProvider
    from harmonia_core.contracts.slots import (
        Limit,
        Promotion,
        SlotQuery,
        SlotTable,
        limit_key,
        mending,
        promote,
        read_limit,
    )
    from harmonia_core.contracts.state_backend import (
        BackendType,
        DocumentQuery,
        ExecutionQuery,
        StateBackend,
        StateConflict,
    )
    from harmonia_core.contracts.task_type import (
        ArtifactReader,
        ArtifactWriter,
        TaskContext,
        TaskType,
        task_type,
    )
    from harmonia_core.contracts.trigger import Trigger, TriggerType
    from harmonia_core.contracts.upkeep import FinishedQuery, Holding, Pruned
    from harmonia_core.errors import (
        BackupRefused,
        HarmoniaError,
        PermanentError,
        Problem,
        RetryableError,
        SchemaMismatch,
        StateBackendError,
        StateCorrupt,
        StateFull,
        StateLocked,
        StateReadOnly,
        StateUnavailable,
        TaskError,
        VersionConflict,
    )
    from harmonia_core.model.events import Event, Recorded
    from harmonia_core.model.task_spec import WorkSpec
    from harmonia_core.plugins.hookspecs import hookimpl

__version__ = "0.1.0"
PLUGIN_API = (1, 0)

__all__ = [
    "END",
    "PLUGIN_API",
    "PUBLIC",
    "Access",
    "ActivityQuery",
    "ActivityRow",
    "ArtifactReader",
    "ArtifactWriter",
    "AsgiMount",
    "BackendType",
    "BackupRefused",
    "BlobRow",
    "Capability",
    "CliCommand",
    "CompletionSink",
    "DefinitionFormat",
    "Dispatcher",
    "Document",
    "DocumentQuery",
    "DocumentWrite",
    "Endpoint",
    "Engine",
    "EngineRow",
    "Event",
    "EventRow",
    "ExecutionQuery",
    "ExecutionRow",
    "ExpressionLanguage",
    "Faces",
    "FinishedQuery",
    "GraphScope",
    "Handling",
    "HarmoniaError",
    "HeadWrite",
    "HealthCheck",
    "HeartbeatRow",
    "Holding",
    "Inner",
    "Limit",
    "Limits",
    "Notice",
    "Notifier",
    "ParsedDocument",
    "PermanentError",
    "Problem",
    "Promotion",
    "Pruned",
    "Recorded",
    "Request",
    "RequestRow",
    "Response",
    "RetryableError",
    "SchemaMismatch",
    "SecretProvider",
    "SequenceScope",
    "SlotQuery",
    "SlotRow",
    "SlotTable",
    "SnapshotRow",
    "StateBackend",
    "StateBackendError",
    "StateConflict",
    "StateCorrupt",
    "StateFull",
    "StateLocked",
    "StateReadOnly",
    "StateUnavailable",
    "StaticMount",
    "Step",
    "StreamAppend",
    "TaskContext",
    "TaskError",
    "TaskRow",
    "TaskType",
    "TimerRow",
    "TokenRow",
    "Trigger",
    "TriggerType",
    "Unit",
    "VersionConflict",
    "Way",
    "WorkSpec",
    "__version__",
    "composite_type",
    "hookimpl",
    "inner",
    "limit_key",
    "mending",
    "promote",
    "read_limit",
    "refuse",
    "task_type",
]

_HOMES = {
    "contracts.activity": "ActivityQuery",
    "contracts.composite": "END GraphScope Handling Inner SequenceScope Step Way",
    "contracts.composite_type": "composite_type inner refuse",
    "contracts.definition_format": "DefinitionFormat ParsedDocument",
    "contracts.dispatcher": "CompletionSink Dispatcher",
    "contracts.endpoint": """
        PUBLIC Access AsgiMount Capability CliCommand Endpoint Faces HealthCheck Limits Request
        Response StaticMount
    """,
    "contracts.engine": "Engine",
    "contracts.expression_language": "ExpressionLanguage",
    "contracts.notifier": "Notice Notifier",
    "contracts.secret_provider": "SecretProvider",
    "contracts.rows": """
        ActivityRow BlobRow Document DocumentWrite EngineRow EventRow ExecutionRow HeadWrite HeartbeatRow
        RequestRow SlotRow SnapshotRow StreamAppend TaskRow TimerRow TokenRow Unit
    """,
    "contracts.queries": "DocumentQuery ExecutionQuery",
    "contracts.state_backend": "BackendType StateBackend StateConflict",
    "contracts.slots": "Limit Promotion SlotQuery SlotTable limit_key mending promote read_limit",
    "contracts.task_type": "ArtifactReader ArtifactWriter TaskContext TaskType task_type",
    "contracts.trigger": "Trigger TriggerType",
    "contracts.upkeep": "FinishedQuery Holding Pruned",
    "errors": """
        BackupRefused HarmoniaError PermanentError Problem RetryableError SchemaMismatch StateBackendError
        StateCorrupt StateFull StateLocked StateReadOnly StateUnavailable TaskError
        VersionConflict
    """,
    "model.events": "Event Recorded",
    "model.task_spec": "WorkSpec",
    "plugins.hookspecs": "hookimpl",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
