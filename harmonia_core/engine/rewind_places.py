"""Put the blobs that outputs are kept as into the state that an execution begins with. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from harmonia_core.engine.walks import inside_path
from harmonia_core.ids import item_path
from harmonia_core.model.graph import Scope, TaskNode
from harmonia_core.model.refs import BlobRef, ItemsRef
from harmonia_core.model.rewinding import Rewound
from harmonia_core.model.state import GraphState, TaskState
from harmonia_core.model.statuses import FINAL_TASK
from harmonia_core.model.undo import Owed


def placed(rewound: Rewound, addresses: Mapping[str, BlobRef]) -> Rewound:
    """Return it with the blobs of its needs, by path of the map; nothing of the origin is needed then."""
    if not rewound.needs:
        return rewound
    state = rewound.state
    scope = _scope(state.graph.root, state.scope, "", addresses)
    state = state._replace(scope=scope)
    if state.undo.owed:
        owed = tuple(_owed(one, addresses) for one in state.undo.owed)
        state = state._replace(undo=state.undo._replace(owed=owed))
    return replace(rewound, state=state, needs=())


def _owed(owed: Owed, addresses: Mapping[str, BlobRef]) -> Owed:
    address = addresses.get(owed.path)
    return owed if address is None or type(owed.output) is not ItemsRef else owed._replace(output=address)


def _scope(nodes: Scope, graph: GraphState, prefix: str, addresses: Mapping[str, BlobRef]) -> GraphState:
    rest, pages = iter(nodes.tasks), []
    for page in graph.pages:
        pages.append(
            tuple(
                _task(node, task, prefix + node.id, addresses) for task, node in zip(page, rest, strict=False)
            )
        )
    return graph._replace(pages=tuple(pages))


def _task(node: TaskNode, task: TaskState, path: str, addresses: Mapping[str, BlobRef]) -> TaskState:
    address, items, inside = addresses.get(path), task.items, task.inside
    if address is not None and type(task.output) is ItemsRef:
        task = task._replace(output=address)
    if items is not None and node.item is not None and task.status not in FINAL_TASK:
        flight = {
            index: _task(node.item, item, item_path(path, index), addresses)
            for index, item in items.flight.items()
        }
        task = task._replace(items=items._replace(flight=flight, prior=address or items.prior))
    if inside is not None and node.scope is not None:
        within = f"{inside_path(path, node.scope, inside)}/"
        task = task._replace(
            inside=inside._replace(graph=_scope(node.scope, inside.graph, within, addresses))
        )
    return task
