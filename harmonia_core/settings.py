"""Kernel settings as a value. Only a host reads the environment."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harmonia_core.model.retention import Rules


class KernelSettings(BaseModel):
    """Hold what an engine may be told; every default is the safe one.

    adopt_orphans: take executions whose owner is gone, and go on looking for such (`serve`).
    adopt_interval: seconds between two looks; an owner is gone after two that do not find it.
    commit_in_place: let a lone, quick, local commit run on the loop's thread.
    inline_limit, output_limit: bytes; larger outputs become blobs, larger ones yet are refused.
    quick_limit: bytes of a value up to which expressions over it are evaluated on the loop.
    roll_over_after: events of one log, after which a long loop or sequence goes on in a log of its own
        (docs/control-flow.md); 0 for never.
    snapshot_every: events at least between two snapshots of an execution.
    cancel_grace: seconds an attempt has to answer its cancellation.
    request_timeout: seconds before an unanswered request is reported.
    store_patience: seconds that a store which does not answer (a restart, a full disk) is waited for
        before executions are let go; `recover` goes on with them then.
    retention: rules for ended executions, the first that matches decides; none prunes nothing.
    prune_interval: seconds between two looks for what has become too old.
    activity_keep: log lines and signs of progress that are stored per execution, the last ones; about a
        tenth more until the oldest are deleted; 0 stores none.
    activity_text_limit: characters of one stored line, and bytes of its fields or of a partial result.
    activity_rate: log lines a second that are stored per attempt, ten times as many at once; a long
        line counts once per 1,024 characters; 0 for any number.
    max_running: attempts that this engine runs at once, others wait in their order; 0 for any number.
    threads: plain functions that may run at once.
    freeze_at_start: take what is alive when an engine opens (modules, plugins) out of the
        garbage collector's sight; measured, a wide graph costs a fifth less CPU.
    plugins: settings per plugin, by plugin name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    adopt_orphans: bool = False
    adopt_interval: float = Field(default=1.0, gt=0)
    commit_in_place: Literal["auto", "never"] = "auto"
    graph_window: int = Field(default=1000, ge=1)
    map_window: int = Field(default=100, ge=1)
    inline_limit: int = Field(default=64 * 1024, ge=0)
    output_limit: int = Field(default=16 * 1024 * 1024, ge=1)
    artifact_limit: int = Field(default=1024 * 1024 * 1024, ge=1)
    quick_limit: int = Field(default=1024 * 1024, ge=0)
    roll_over_after: int = Field(default=20_000, ge=0)
    snapshot_every: int = Field(default=500, ge=1)
    cancel_grace: float = Field(default=5.0, gt=0)
    request_timeout: float = Field(default=10.0, gt=0)
    store_patience: float = Field(default=30.0, ge=0)
    observer_timeout: float = Field(default=5.0, gt=0)
    observer_failures: int = Field(default=5, ge=1)
    retention: Rules = ()
    prune_interval: float = Field(default=60.0, gt=0)
    max_running: int = Field(default=0, ge=0)
    threads: int = Field(default=32, ge=1)
    activity_keep: int = Field(default=10_000, ge=0)
    activity_text_limit: int = Field(default=16 * 1024, ge=16)
    activity_rate: float = Field(default=500.0, ge=0)
    log_ring: int = Field(default=1000, ge=1)
    print_limit: int = Field(default=1024 * 1024, ge=1)
    env_allow: tuple[str, ...] = ()
    strict_plugins: bool = False
    freeze_at_start: bool = True
    disabled_plugins: tuple[str, ...] = ()
    plugin_files: tuple[Path, ...] = ()
    plugins: dict[str, dict[str, Any]] = Field(default_factory=dict)
