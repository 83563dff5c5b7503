"""Compile a definition into a graph, or say everything that is wrong with it. Pure.

Shape has been checked by the model; here come dependencies, task types, inputs,
expressions and schemas. Same definition and same task types give the same graph.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from harmonia_core.contracts.task_type import TaskType
from harmonia_core.engine.checkpoint_policy import checkpoint_policy
from harmonia_core.engine.limit_words import any_limits, concurrency
from harmonia_core.engine.memo_nodes import any_memo
from harmonia_core.engine.scopes import Whole, root_scope
from harmonia_core.engine.subworkflows import Subworkflows
from harmonia_core.engine.task_types import TypeCatalog
from harmonia_core.engine.undo_nodes import any_undo, flags, nothing_to_undo
from harmonia_core.errors import DefinitionInvalid, Problem
from harmonia_core.expressions.schema import check_schema
from harmonia_core.model.checkpoints import CheckpointPolicy
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.graph import Concurrency, Graph, Scope, TaskNode
from harmonia_core.model.placing import Positions, place_problems
from harmonia_core.model.values import Template

GRAPH_FORMAT = 1
"""Part of the graph hash; raised when the same node comes to mean something else."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """Hold the result: a graph, or problems; never both."""

    graph: Graph | None
    problems: tuple[Problem, ...] = field(default=())


def compile_definition(
    definition: WorkflowDefinition,
    task_types: Mapping[str, TaskType],
    *,
    positions: Positions | None = None,
    env_allow: Collection[str] | None = None,
    graph_window: int = 1000,
    map_window: int = 100,
) -> Graph:
    """Return the graph; raise DefinitionInvalid with every problem.

    positions: of the text, by pointer, to give problems line and column.
    env_allow: names that `env` may read; None leaves that to the run.
    """
    found = check_definition(
        definition, task_types, env_allow=env_allow, graph_window=graph_window, map_window=map_window
    )
    if found.graph is None:
        raise DefinitionInvalid(place_problems(found.problems, positions))
    return found.graph


def check_definition(
    definition: WorkflowDefinition,
    task_types: Mapping[str, TaskType],
    *,
    env_allow: Collection[str] | None = None,
    graph_window: int = 1000,
    map_window: int = 100,
) -> Compilation:
    """Return the graph or the problems, which carry no line and column yet; raises nothing."""
    problems: list[Problem] = []
    catalog = TypeCatalog(task_types, problems)
    compiled = partial(
        check_definition, task_types=task_types, env_allow=env_allow, graph_window=graph_window,
        map_window=map_window,
    )  # fmt: skip
    children = Subworkflows(definition, compiled, catalog, problems)
    whole = Whole(definition, catalog, problems, env_allow, graph_window, map_window, children)
    scope, output = root_scope(whole)
    for key in ("input_schema", "output_schema"):
        schema = getattr(definition, key)
        problems += check_schema(schema, key) if schema is not None else ()
    if definition.on_failure == "compensate" and not problems and not any_undo(scope.tasks):
        problems.append(nothing_to_undo("on_failure"))
    checkpoints = checkpoint_policy(definition.checkpoints, scope, problems)
    limit = concurrency(definition, problems)
    if problems:
        return Compilation(None, tuple(problems))
    try:
        definition_hash = definition.content_hash()
    except (ValueError, TypeError) as error:
        message = f"the definition cannot be stored as JSON: {error}"
        return Compilation(None, (Problem("not-json", "", message),))
    return Compilation(_graph(definition, scope, output, definition_hash, catalog, limit, checkpoints))


def _graph(
    definition: WorkflowDefinition,
    scope: Scope,
    output: Template | None,
    definition_hash: str,
    catalog: TypeCatalog,
    limit: Concurrency | None,
    checkpoints: CheckpointPolicy | None,
) -> Graph:
    undoes, holds = flags(scope.tasks)
    return Graph(
        name=definition.name,
        version=definition.version,
        definition_hash=definition_hash,
        graph_hash=_graph_hash(definition_hash, scope),
        root=scope,
        vars=MappingProxyType(definition.vars),
        input_schema=_frozen(definition.input_schema),
        output_schema=_frozen(definition.output_schema),
        output=output,
        timeout=definition.timeout,
        labels=MappingProxyType(definition.labels),
        task_types=catalog.used(),
        on_failure=definition.on_failure or "fail",
        undoes=undoes,
        holds=holds,
        checkpoints=checkpoints,
        priority=definition.priority,
        concurrency=limit,
        limited=limit is not None or any_limits(scope.tasks),
        memoises=any_memo(scope.tasks),
    )


def _frozen(schema: dict[str, Any] | None) -> Mapping[str, Any] | None:
    return None if schema is None else MappingProxyType(schema)


def _graph_hash(definition_hash: str, scope: Scope) -> str:
    """Hash what was compiled. Inputs and conditions stand for themselves in the definition's own hash.

    In what order the author wrote names makes no difference: the stored definition has them sorted.
    """
    rows = [_row(node) for node in scope.tasks]
    text = json.dumps([GRAPH_FORMAT, definition_hash, rows], separators=(",", ":"), sort_keys=True)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _row(node: TaskNode) -> tuple[Any, ...]:
    retry = node.retry
    return (
        node.id,
        node.type,
        node.kernel,
        node.idempotent,
        node.depends_on,
        (node.join.count, node.join.done),
        None if retry is None else [getattr(retry, name) for name in retry.__slots__],
        (node.timeout, node.total_timeout, node.heartbeat_timeout),
        None if node.item is None else _row(node.item),
        *((node.batch, node.tolerate, node.enough) if node.batch or node.tolerate or node.enough else ()),
        *(("reduce",) if node.reduce else ()),
        # Nothing where there is nothing, so that older graphs keep their hash.
        *(() if node.scope is None else (_inside(node.scope),)),
        *(() if node.on_failure == "fail" else (node.on_failure,)),
        *(() if not node.limits else ({"limits": node.limits},)),
        *(() if node.undo is None else ({"undo": _row(node.undo)},)),
        *(() if node.memo is None else ({"memo": [node.memo.ttl, node.memo.scope, node.memo.key is None]},)),
    )


def _inside(scope: Scope) -> tuple[Any, ...]:
    order = scope.order
    moves = None
    if order is not None:
        ways = (order.enter, *((rule.then, rule.caught) for rule in order.rules))
        moves = [_ways(ways), order.last, order.limit, order.counted]
    return [_row(node) for node in scope.tasks], moves, scope.enough, scope.repeats, dict(scope.vars)


def _ways(value: Any) -> Any:
    """Return jumps and catches as JSON, conditions left to the definition's own hash."""
    if isinstance(value, tuple):
        return [_ways(one) for one in value]
    return [value.to, value.when is not None, *(getattr(value, name, None) for name in ("errors", "name"))]
