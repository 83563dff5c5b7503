"""Those who want something of executions: clients that start, people who interfere, who help at the end."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Any

import anyio
from sim_definitions import MESSAGES, MOST, RESOURCE
from sim_machine import Machine
from sim_plan import Decision

from harmonia_core.builtin.memory_store import FINAL
from harmonia_core.contracts.rows import ExecutionRow
from harmonia_core.errors import HarmoniaError

if TYPE_CHECKING:
    from sim_world import World

ANN = {"kind": "person", "id": "ann"}
ASKING = 15.0
"""Virtual seconds after which a client gives an answer up."""

PATIENCE = 40
"""Looks after which those who help have had enough."""


class People:
    """Carry out what a plan decides for clients.

    ids: of executions, by number of their start; keyed: by workflow and key. accepted: of all of which
    somebody was told that they have begun. signalled: messages that were accepted. tried: how often the same
    was helped with.
    """

    def __init__(self, world: "World", draws: Random) -> None:
        self._world, self._draws = world, draws
        self.ids: dict[int, str] = {}
        self.keyed: dict[tuple[str, str], str] = {}
        self.accepted: set[str] = set()
        self.signalled: list[tuple[str, str]] = []
        self.tried: dict[tuple[str, str], int] = {}

    def start(self, decision: Decision) -> None:
        """Let a client start an execution, and again if it gets no answer and has a key."""
        sketch, engine, key = decision.more
        definition, _ = self._world.plan.sketches[sketch]
        machine = self._world.machine(engine)
        if machine is not None:
            machine.ask(self._start(machine, decision.target, definition, key))

    async def _start(self, machine: Machine, number: int, definition: Any, key: str | None) -> None:
        note, input = self._world.ledger.note, {"n": number % 2}
        try:
            if key is None:
                found = await machine.engine.start(definition, input)
            else:
                found = (await machine.engine.start_once(definition, input, key=key)).execution_id
        except HarmoniaError as error:
            note("client", f"start {number} at {machine.name}: {error.code}")
            return
        self.accepted.add(found)
        self.ids.setdefault(number, found)
        note("client", f"start {number} at {machine.name}: {self._world.ledger.alias(found)}")
        if key is not None:
            before = self.keyed.setdefault((definition["name"], key), found)
            if before != found:
                self._world.ledger.wrong("key-twice", f"key {key} of {definition['name']} has two executions")

    def act(self, decision: Decision) -> None:
        """Let somebody do what is decided to one of the executions of a start."""
        machine = self._world.machine(int(decision.draw * 1000))
        if machine is None:
            return
        if decision.kind in ("publish", "limit"):
            machine.ask(self._tell(machine, decision, ""))
            return
        family = self._family(decision.target)
        if family:
            place = 0 if decision.draw < 0.6 else int(decision.draw * 997) % len(family)
            machine.ask(self._tell(machine, decision, family[place]))

    def _family(self, number: int) -> list[str]:
        """Return an execution and all that have come of it."""
        found = self.ids.get(number)
        if found is None:
            return []
        rows = self._world.store.executions.values()
        return [found, *(row.execution_id for row in rows if row.execution_id != found and _of(row, found))]

    async def _tell(self, machine: Machine, decision: Decision, execution_id: str) -> None:
        name = self._world.ledger.alias(execution_id) if execution_id else ""
        said = f"{decision.kind} {name} {' '.join(map(str, decision.more))}".rstrip()
        self._world.ledger.kinds[f"action {decision.kind}"] += 1
        said = await self._asked(machine, said, lambda: self._do(machine, decision, execution_id))
        self._world.ledger.note("client", said)

    async def _asked(self, machine: Machine, said: str, call: Callable[[], Awaitable[Any]]) -> str:
        try:
            with anyio.move_on_after(ASKING) as scope:
                await call()
        except HarmoniaError as error:
            return f"{said}: {error.code}"
        return f"{said}: {'no answer' if scope.cancelled_caught else 'done'}"

    async def _do(self, machine: Machine, decision: Decision, key: str) -> None:
        engine, kind, more, draw = machine.engine, decision.kind, decision.more, decision.draw
        if kind == "signal":
            sent = await engine.signal(key, more[0], 1, message_id=f"m{int(draw * 3)}")
            self.signalled.append((key, sent))
        elif kind == "publish":
            await engine.publish(more[0], 2, message_id=f"p{int(draw * 3)}")
        elif kind == "cancel":
            await engine.cancel(key, "enough", wait=draw < 0.3)
        elif kind == "pause":
            await engine.pause(key, timers=more[0])
        elif kind in ("resume", "terminate"):
            await getattr(engine, kind)(key)
        elif kind == "undo":
            await engine.undo(key, wait=False)
        elif kind == "set":
            await engine.set_variables(key, {"n": 7})
        elif kind == "priority":
            await engine.prioritise(key, int(draw * 20) - 10)
        elif kind == "take-over":
            await engine.adopt(key, force=True)
        elif kind == "limit":
            await engine.set_limit("resource", RESOURCE, most=more[0])
        elif kind == "rerun":
            self.accepted.add((await engine.rerun(key, key=f"r{int(draw * 2)}")).execution_id)
        elif kind == "fork":
            seq = 1 + int(draw * self._world.store.executions[key].seq)
            self.accepted.add((await engine.fork(key, seq)).execution_id)
        elif kind == "again":
            await self._again(machine, draw)
        elif kind == "upgrade":
            definition = self._world.plan.sketches[0][0]
            await engine.pause(key)
            self.accepted.add((await engine.upgrade(key, {**definition, "version": "2.0.0"})).execution_id)
        else:
            await self._about_a_task(machine, kind, key, draw)

    async def _again(self, machine: Machine, draw: float) -> None:
        """Bring a request a second time that was brought before, whatever has become of it."""
        seen = self._world.requests_seen
        if seen:
            await machine.engine._requests.put(seen[int(draw * len(seen))])

    async def _about_a_task(self, machine: Machine, kind: str, key: str, draw: float) -> None:
        rows = list(self._world.store.tasks.get(key, {}).values())
        urgent = [row for row in rows if row.status in ("attention", "backoff", "blocked", "running")]
        rows = urgent or rows
        if not rows:
            return
        path = rows[int(draw * 991) % len(rows)].path
        approvals = [row.path for row in rows if row.type == "approval"] or [path]
        if kind == "delegate":
            await machine.engine.delegate(key, approvals[0], "bob", actor=ANN)
        elif kind == "decide":
            how = "approved" if draw < 0.6 else "rejected"
            await machine.engine.decide(key, approvals[0], how, actor=ANN)
        elif kind == "skip":
            await machine.engine.skip(key, path)
        else:
            await machine.engine.resolve(key, path, kind)

    async def help(self, machine: Machine, row: ExecutionRow, looks: int) -> list[str]:
        """Do what an execution waits for; return the causes for which it does not go on.

        looks: how often one has looked. Who has to help without end has had enough, and terminates.
        """
        engine, key = machine.engine, row.execution_id
        if looks >= PATIENCE:
            await self._asked(machine, "", lambda: engine.terminate(key))
        causes = (await engine.explain(key))["causes"]
        for cause in causes[:3]:
            where, path, code = cause["execution"] or key, cause["path"], cause["code"]
            place = self._world.store.executions[where].root_id, f"{path} {code}"
            told = self.tried[place] = self.tried.get(place, 0) + 1
            action = self._remedy(engine, where, path, code, told)
            if action is not None:
                said = f"{code} of {self._world.ledger.alias(where)} {path or ''}".rstrip()
                self._world.ledger.note("helper", await self._asked(machine, said, action))
        return [cause["code"] for cause in causes]

    def _remedy(
        self, engine: Any, key: str, path: str | None, code: str, told: int
    ) -> Callable[[], Awaitable[Any]] | None:
        if code == "paused":
            return lambda: engine.resume(key)
        if code == "undo-failed" or (code.startswith("attention") and (path or "").endswith("~undo")):
            how = ("retry", "done", "skip")[min(told - 1, 2)]
            return lambda: engine.resolve(key, path, how)
        if code.startswith("attention"):
            how = ("retry", "fail", "skip")[min(told - 1, 2)]
            return lambda: engine.resolve(key, path, how)
        if code == "approval-open":
            return lambda: engine.decide(key, path, "approved", actor=ANN)
        if code == "event-awaited":
            name = MESSAGES[told % 2]
            return lambda: engine.signal(key, name, 3)
        if code == "limit-reached":
            return lambda: engine.set_limit("resource", RESOURCE, most=MOST)
        return None


def _of(row: ExecutionRow, root: str) -> bool:
    return row.parent_id == root or (row.origin is not None and root in row.origin)


def open_rows(world: "World") -> list[ExecutionRow]:
    """Return the executions that have not ended, and those whose successor has not begun."""
    return [row for row in world.store.executions.values() if row.status not in FINAL]
