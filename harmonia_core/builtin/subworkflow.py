"""The kernel's task type for tasks that are executions of their own."""

from harmonia_core import TaskType
from harmonia_core.model.child_spec import SUBWORKFLOW as NAME

SUBWORKFLOW = TaskType(
    NAME,
    None,
    kernel=True,
    words=frozenset(("workflow", "detach", "on_cancel")),
    description="Carry out a workflow as an execution of its own; gives its output.",
)
