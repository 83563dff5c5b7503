"""Door 2: for programs that run an engine. Names here are public; where they come from is not."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from harmonia_core.clock import Clock, SystemClock, parse_rfc3339, rfc3339
from harmonia_core.contracts.endpoint import CliCommand
from harmonia_core.contracts.registration import KIND_STABILITY, KINDS
from harmonia_core.contracts.rows import DocumentWrite, ExecutionRow
from harmonia_core.contracts.state_backend import BackendType, DocumentQuery, ExecutionQuery, StateBackend
from harmonia_core.definitions.changes import Change
from harmonia_core.definitions.errors import KeyReused, NotPublished, PublishRefused
from harmonia_core.definitions.files import Files, Opened
from harmonia_core.definitions.load import Loaded, check_loaded, load_data, load_text
from harmonia_core.definitions.named import VersionDiff
from harmonia_core.definitions.presenting import as_text, plain_text
from harmonia_core.definitions.publishing import Published
from harmonia_core.definitions.records import Draft, Release, Workflow
from harmonia_core.definitions.running import Running
from harmonia_core.definitions.versions import read_reference
from harmonia_core.engine.activity import ActivityEntry
from harmonia_core.engine.compile import check_definition
from harmonia_core.engine.deciding import NothingToResolve
from harmonia_core.engine.explaining import TaskNotFound
from harmonia_core.engine.fork_plan import Forked, ForkPlan
from harmonia_core.engine.inspection import Checked, Inspector, Rebuilt
from harmonia_core.engine.limiting import LimitInvalid, LimitNotFound
from harmonia_core.engine.operating import ActionRefused, Steered
from harmonia_core.engine.pruner import Pruner
from harmonia_core.engine.recovery import Recovery
from harmonia_core.engine.runner import Engine
from harmonia_core.engine.starting import Start
from harmonia_core.engine.views import event_view
from harmonia_core.errors import (
    DefinitionInvalid,
    ExecutionFinished,
    ExecutionNotAdoptable,
    ExecutionNotFound,
    Fenced,
    InputInvalid,
    PluginNotFound,
    PluginsRefused,
    ProblemsError,
    RequestNotConsumed,
)
from harmonia_core.expressions.schema import check_value
from harmonia_core.model.addresses import split_item, undone_by
from harmonia_core.model.checkpoints import CheckpointExists, PointUnknown
from harmonia_core.model.events import ExecutionContinued, Recorded, SlotsRequested
from harmonia_core.model.message_errors import (
    AlreadyDecided,
    ApprovalNotOpen,
    DecisionInvalid,
    MessageInvalid,
    NotAnAssignee,
)
from harmonia_core.model.retention import RetentionRule
from harmonia_core.model.statuses import FINAL_EXECUTION, FINAL_TASK, ExecutionStatus, TaskStatus
from harmonia_core.plugins.load import Plugins, load_plugins
from harmonia_core.plugins.report import PluginReport, PluginRow
from harmonia_core.settings import KernelSettings

__all__ = (
    "FINAL_EXECUTION",
    "FINAL_TASK",
    "KINDS",
    "KIND_STABILITY",
    "ActionRefused",
    "ActivityEntry",
    "AlreadyDecided",
    "ApprovalNotOpen",
    "BackendType",
    "Change",
    "Checked",
    "CheckpointExists",
    "CliCommand",
    "Clock",
    "DecisionInvalid",
    "DefinitionInvalid",
    "DocumentQuery",
    "DocumentWrite",
    "Draft",
    "Engine",
    "ExecutionContinued",
    "ExecutionFinished",
    "ExecutionNotAdoptable",
    "ExecutionNotFound",
    "ExecutionQuery",
    "ExecutionRow",
    "ExecutionStatus",
    "Fenced",
    "Files",
    "ForkPlan",
    "Forked",
    "InputInvalid",
    "Inspector",
    "KernelSettings",
    "KeyReused",
    "LimitInvalid",
    "LimitNotFound",
    "Loaded",
    "MessageInvalid",
    "NotAnAssignee",
    "NotPublished",
    "NothingToResolve",
    "Opened",
    "PluginNotFound",
    "PluginReport",
    "PluginRow",
    "Plugins",
    "PluginsRefused",
    "PointUnknown",
    "ProblemsError",
    "Pruner",
    "PublishRefused",
    "Published",
    "Rebuilt",
    "Recorded",
    "Recovery",
    "Release",
    "RequestNotConsumed",
    "RetentionRule",
    "Running",
    "SlotsRequested",
    "Start",
    "StateBackend",
    "Steered",
    "SystemClock",
    "TaskNotFound",
    "TaskStatus",
    "VersionDiff",
    "Workflow",
    "as_text",
    "check_definition",
    "check_loaded",
    "check_value",
    "create_backend",
    "event_view",
    "load_data",
    "load_plugins",
    "load_text",
    "parse_rfc3339",
    "plain_text",
    "read_reference",
    "rfc3339",
    "split_item",
    "undone_by",
)

_HINTS: Mapping[str, str] = {
    "sqlite": "Install the distribution harmonia-sql.",
    "postgresql": "Run: pip install 'harmonia-sql[postgres]'",
    "postgres": "Run: pip install 'harmonia-sql[postgres]'",
}


def create_backend(url: str, plugins: Plugins, settings: KernelSettings) -> StateBackend:
    """Return the state backend of a URL, not opened yet; its scheme chooses the plugin.

    Raises PluginNotFound, naming the distribution to install where one is known.
    """
    scheme = urlsplit(url).scheme
    found = plugins.registry.find("state_backends", scheme)
    if found is None:
        raise PluginNotFound(
            "state backend", scheme, plugins.registry.names("state_backends"), _HINTS.get(scheme, "")
        )
    backend: StateBackend = found.create(url, settings.commit_in_place)
    return backend
