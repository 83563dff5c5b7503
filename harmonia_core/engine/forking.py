"""Begin executions from others: fork, run again, restore, upgrade; the part of an engine that does so."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from harmonia_core.contracts.rows import DocumentWrite, ExecutionRow
from harmonia_core.definitions.errors import KeyReused
from harmonia_core.definitions.named import Definitions
from harmonia_core.engine.actions import refused
from harmonia_core.engine.catalog import Catalog, Compiled
from harmonia_core.engine.fork_plan import Forked, ForkPlan, ForkWish, changed
from harmonia_core.engine.forks import Forks
from harmonia_core.engine.id_maker import IdMaker
from harmonia_core.engine.lineage import Lineage
from harmonia_core.engine.operating import ActionRefused
from harmonia_core.engine.points import Found, find_point
from harmonia_core.engine.points import Point as Where
from harmonia_core.engine.rewind import AtSeq, Changes, FromTasks, Point
from harmonia_core.engine.start_keys import StartKeys, check_key, fingerprint
from harmonia_core.engine.waiting import Waiting
from harmonia_core.errors import InputInvalid, StateCorrupt, VersionConflict
from harmonia_core.expressions.schema import check_value
from harmonia_core.model.definition import WorkflowDefinition
from harmonia_core.model.fork_events import ForkKind
from harmonia_core.model.refs import BlobRef, Stored
from harmonia_core.model.rewinding import UNCHANGED

Version = str | WorkflowDefinition | Mapping[str, Any]
"""`same`, `latest`, a published version (`1.4.0`, `^1.4`, `order@1.4.0`), or a definition itself."""


class Forking(Lineage, Waiting):
    """Take the wishes for forks."""

    definitions: Definitions
    _catalog: Catalog
    _new_id: IdMaker
    _forks: Forks
    _keys: StartKeys

    async def fork(
        self,
        execution_id: str,
        at: Where = None,
        *,
        input: Any = UNCHANGED,
        variables: Mapping[str, Any] | None = None,
        version: Version = "same",
        labels: Mapping[str, str | None] | None = None,
        comment: str | None = None,
        key: str | None = None,
        actor: Mapping[str, str] | None = None,
        dry_run: bool = False,
        drive: bool = True,
    ) -> Forked:
        """Begin an execution from the state that another one had at a point, without one the newest.

        at: a seq, a checkpoint's name, or a time. What was in flight then begins anew; the other one goes
        on as it would have. input, variables: in the place of those it had. labels: added to its labels,
        None takes one away. key: as for `start_once`. dry_run: only plan it. drive: go on with it here;
        otherwise it is left to be adopted. Raises ExecutionNotFound, PointUnknown, RewindRefused,
        InputInvalid, DefinitionInvalid, NotPublished, KeyReused; then nothing has been recorded.
        """
        found = await self._found(execution_id, at)
        wish = self._wish("fork", found.seq, _changes(input, variables), labels, comment, actor, found.name)
        return await self._forked(found.row, wish, version, key, dry_run, drive, [execution_id, at])

    async def rerun(
        self,
        execution_id: str,
        from_: Sequence[str] = (),
        *,
        input: Any = UNCHANGED,
        inputs: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        version: Version = "same",
        labels: Mapping[str, str | None] | None = None,
        comment: str | None = None,
        key: str | None = None,
        actor: Mapping[str, str] | None = None,
        dry_run: bool = False,
        drive: bool = True,
    ) -> Forked:
        """Begin an ended execution again from tasks and all behind them; what they do not lead to is reused.

        from_: their paths; without any from what failed, or from the start if nothing did. inputs: of
        single tasks, by path. version: the origin's definition unless another one is asked for.
        Raises as `fork`, and ActionRefused if it has not ended.
        """
        row = await self._owner.succession.end(execution_id)
        await self._allow(row, "rerun")
        changes = _changes(input, variables, inputs)
        wish = self._wish("rerun", FromTasks(tuple(from_)), changes, labels, comment, actor)
        return await self._forked(row, wish, version, key, dry_run, drive, [execution_id, *from_])

    async def restore(
        self,
        execution_id: str,
        checkpoint: Where,
        *,
        labels: Mapping[str, str | None] | None = None,
        comment: str | None = None,
        key: str | None = None,
        actor: Mapping[str, str] | None = None,
        dry_run: bool = False,
        drive: bool = True,
    ) -> Forked:
        """Begin an execution from a checkpoint of another one, or from any point. Raises as `fork`."""
        found = await self._found(execution_id, checkpoint)
        wish = self._wish("restore", found.seq, _changes(), labels, comment, actor, found.name)
        return await self._forked(found.row, wish, "same", key, dry_run, drive, [execution_id, checkpoint])

    async def input(self, execution_id: str) -> Any:
        """Return the input of an execution whole, however large. Raises ExecutionNotFound."""
        row = await self._owner.succession.end(execution_id)
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        return await self._value(row, state.input)

    async def _value(self, row: ExecutionRow, value: Stored) -> Any:
        if not isinstance(value, BlobRef):
            return value
        data = await self.backend.blob(row.namespace, value.address)
        if data is None:
            raise StateCorrupt(f"The value {value.address} of execution {row.execution_id} is missing.")
        return from_json(data)

    async def _allow(self, row: ExecutionRow, action: str) -> None:
        """Raise ActionRefused if an execution does not take an action as it stands."""
        state, _ = await self._loader.state(row, await self._loader.graph(row, strict=False))
        found = refused(state, action)
        if found is not None:
            raise ActionRefused(row.execution_id, action, found)

    async def _found(self, execution_id: str, at: Where) -> Found:
        """Return where in its chain a point of an execution lies; raise PointUnknown."""
        return await find_point(self.backend, await self._owner.succession.chain(execution_id), at)

    def _wish(
        self, kind: ForkKind, point: Point | int, changes: Changes, labels: Mapping[str, str | None] | None,
        comment: str | None, actor: Mapping[str, str] | None, checkpoint: str | None = None,
    ) -> ForkWish:  # fmt: skip
        who = None if actor is None else to_json(dict(actor)).decode()
        point = AtSeq(point) if isinstance(point, int) else point
        return ForkWish(kind, point, changes, dict(labels or {}), comment, who, checkpoint)

    async def _forked(
        self, row: ExecutionRow, wish: ForkWish, version: Version, key: str | None, dry_run: bool,
        drive: bool, asked: Sequence[Any],
    ) -> Forked:  # fmt: skip
        """Begin what is wished for unless its key says that it was, or only plan it.

        asked: what tells the request from others, beside changes and labels.
        """
        if key is not None:
            check_key(key)
        plan = await self._forks.plan(row, wish, await self._target(row, version))
        await self._check_input(plan)
        if dry_run:
            return Forked(None, plan)
        if key is None:
            return Forked(await self._begin(plan, drive), plan)
        found = await self._once(plan, drive, key, [wish.kind, *asked, list(changed(wish.changes))])
        await self._keys.sweep(row.namespace)
        return found

    async def _once(self, plan: ForkPlan, drive: bool, key: str, asked: Sequence[Any]) -> Forked:
        namespace, graph, changes = plan.row.namespace, plan.graph, plan.wish.changes
        labels = {name: value or "" for name, value in plan.wish.labels.items()}
        print_ = fingerprint(graph.definition_hash, [asked, as_asked(changes)], labels)
        while True:
            held = await self.patience.ask(self._keys.held, namespace, graph.name, key)
            if held is not None and not self._keys.is_over(held):
                if held.fingerprint != print_:
                    raise KeyReused(key, graph.name, held.execution_id)
                return Forked(held.execution_id, plan, existing=True)
            new = self._new_id()
            taking = self._keys.taking(namespace, graph.name, key, new, print_, held)
            try:
                return Forked(await self._begin(plan, drive, new, taking), plan)
            except VersionConflict:  # somebody else took it meanwhile: nothing of ours was written
                continue

    async def _begin(
        self, plan: ForkPlan, drive: bool, execution_id: str = "", *documents: DocumentWrite
    ) -> str:
        live = await self._forks.begin(plan, execution_id or self._new_id(), documents, driven=drive)
        return live.execution_id

    async def _target(self, row: ExecutionRow, version: Version) -> Compiled | None:
        """Return the definition to go on by, None for that of the origin."""
        if version == "same":
            return None
        if isinstance(version, str):
            reference = version_of(row.workflow, version)
            found = await self.patience.ask(self.definitions.resolve, reference, row.namespace)
            version = found.definition
        compiled = self._catalog.compile(version)
        return None if compiled.graph.definition_hash == row.definition_hash else compiled

    async def _check_input(self, plan: ForkPlan) -> None:
        """Raise InputInvalid if the definition to go on by does not take the input."""
        schema = plan.graph.input_schema
        if schema is None or (plan.text is None and plan.wish.changes.input is UNCHANGED):
            return
        problems = check_value(schema, await self._value(plan.row, plan.rewound.state.input), "input")
        if problems:
            raise InputInvalid(problems)


def version_of(workflow: str, version: str) -> str:
    """Return a version as a reference; one without a name is of the workflow."""
    if version == "latest":
        return workflow
    return version if "@" in version else f"{workflow}@{version}"


def upgrade_changes(adopt_compensation: bool) -> Changes:
    """Return what an upgrade changes beside the definition."""
    return Changes(adopt_compensation=adopt_compensation)


def _changes(
    input: Any = UNCHANGED,
    variables: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Changes:
    return Changes(input, dict(inputs or {}), dict(variables or {}))


def as_asked(changes: Changes) -> list[Any]:
    """Return changes as JSON, so that equal ones are equal."""
    given = [] if changes.input is UNCHANGED else [changes.input]
    return [given, dict(changes.vars), dict(changes.inputs)]
