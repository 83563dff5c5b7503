"""Earlier results as documents: how they are told apart, written and read. Pure.

One document holds the newest result of a key. It refers to a large output by its address and not as an owner:
when the execution that made it is pruned, the result is gone, and whoever looks for it does the work.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from harmonia_core.contracts.rows import DocumentWrite
from harmonia_core.engine.walks import node_of
from harmonia_core.model.codec import canonical
from harmonia_core.model.events import Recorded, TaskSucceeded
from harmonia_core.model.memo import Recall
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.state import ExecutionState

COLLECTION = "harmonia.memo"
ARTIFACT = "$artifact"


def key_of(recall: Recall, version: str, value: Any) -> str:
    """Return what tells a result from others. version: of what carries the task out. value: input or key."""
    kind = "input" if recall.memo.key is None else "key"
    return sha256(canonical([1, recall.type, version, recall.workflow, kind, value])).hexdigest()


def documents(state: ExecutionState, recorded: Iterable[Recorded], namespace: str) -> Iterator[DocumentWrite]:
    """Yield what is kept of the results of a batch; of two under one key the later one stays."""
    for record in recorded:
        event = record.event
        if type(event) is TaskSucceeded and event.memo is not None and _keepable(event.output):
            yield _document(state, record, event, event.memo, namespace)


def _keepable(output: Any) -> bool:
    """Tell whether an output can be kept: one that names artifacts belongs with them to its execution."""
    return not isinstance(output, ItemsRef) and not has_artifact(output)


def has_artifact(value: Any) -> bool:
    """Tell whether a value names a file that is kept with an execution."""
    if isinstance(value, Mapping):
        return ARTIFACT in value or any(map(has_artifact, value.values()))
    return isinstance(value, list | tuple) and any(map(has_artifact, value))


def _document(
    state: ExecutionState, record: Recorded, event: TaskSucceeded, key: str, namespace: str
) -> DocumentWrite:
    node, output = node_of(state.graph, event.path), event.output
    assert node.memo is not None
    value = {
        "type": node.type,
        "workflow": state.graph.name,
        "execution": record.execution_id,
        "path": event.path,
        "at": record.at,
        "expires": record.at + node.memo.ttl,
        **({"output@": output.as_json()} if isinstance(output, BlobRef) else {"output": output}),
    }
    fields = {"expires": value["expires"], "type": node.type, "workflow": state.graph.name}
    return DocumentWrite(namespace, COLLECTION, key, to_json(value).decode(), None, fields)
