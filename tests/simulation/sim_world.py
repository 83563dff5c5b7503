"""Run a plan: machines, one store, people; then a quiet time in which everything has to come to its end."""

import logging
import os
from collections import Counter
from contextvars import copy_context
from functools import cache
from random import Random
from typing import Any
from unittest.mock import patch

import anyio
from sim_definitions import MOST, RESOURCE
from sim_judge import judge
from sim_ledger import Ledger, Violated
from sim_machine import Machine
from sim_patches import virtual
from sim_people import People, open_rows
from sim_plan import FAULTS, Decision, Plan
from sim_tasks import DEFERRED, SECRET, TYPES
from sim_weather import Weather
from virtual_loop import Stuck, VirtualLoop

from harmonia_core.builtin.memory import MemoryBackend
from harmonia_core.builtin.memory_store import MemoryStore, apply
from harmonia_core.contracts.rows import DocumentWrite, Unit
from harmonia_core.engine.limiting import LIMITS, PLACE, limit_key
from harmonia_core.errors import AlreadyCompleted, HarmoniaError
from harmonia_core.host import KernelSettings, Plugins, load_plugins

ACTIVE = 7.0
"""Virtual seconds in which everything that was decided happens."""
LOOKS = (1, 2, 4, 8, 15, 30, 60)
"""Virtual seconds between two looks of those who help; longer each time that nothing has moved in between."""
MOST_HELP = 120
"""Looks after which it is believed that there is no end."""


BEGINNING = ("start", "continue", "fork")
"""Kinds of requests that begin an execution; one of them left is one that nobody has begun."""


class Result:
    """What came of a plan. ends: status and output of each execution by number of its start."""

    def __init__(self, plan: Plan, ledger: Ledger, store: MemoryStore, people: People) -> None:
        self.plan, self.trace, self.violations = plan, ledger.trace, list(ledger.violations)
        self.kinds: Counter[str] = ledger.kinds
        self.store, self.ids = store, people.ids
        self.transitions: Counter[tuple[str, str, str]] = Counter()
        self.steps = 0
        self.seconds = 0.0


@cache
def plugins() -> Plugins:
    """Return what is plugged in, once for all seeds."""
    return load_plugins(KernelSettings(), extra=TYPES)


class World:
    """One run of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.loop, self.store = plan, VirtualLoop(), MemoryStore()
        self._draws = Random(f"noise {plan.seed}")
        self.weather = Weather(Random(f"weather {plan.seed}"), plan.slow, plan.faulty)
        self.names: dict[str, str] = {}
        self.ledger = Ledger(self.store, self.loop.time, self.names)
        self.people = People(self, Random(f"people {plan.seed}"))
        self.requests_seen: list[Any] = []
        self.transitions: Counter[tuple[str, str, str]] = Counter()
        self.compiled = _COMPILED
        self._slots: list[Machine] = []
        self._gone: list[Machine] = []
        self._boots = 0
        self._owed: list[tuple[str, dict[str, Any], int]] = []
        self._completing: list[Any] = []

    def machine(self, number: int) -> Machine | None:
        """Return a machine that serves, the one of that number if it does."""
        up = [one for one in self._slots if one.up and not one.process.held]
        return up[number % len(up)] if up else None

    async def run(self) -> None:
        """Carry the plan out, then let everything come to its end."""
        DEFERRED.set(self._deferred)
        self._context = copy_context()
        self._set_up()
        for number in range(self.plan.engines):
            self._boot(number)
        for decision in self.plan.decisions:
            self.loop.call_at(decision.at, self._carry_out, decision)
        await anyio.sleep(ACTIVE)
        self._calm()
        causes = await self._come_to_rest()
        await judge(self, causes)
        await self._take_apart()

    def _set_up(self) -> None:
        """Put the limit of the resource where engines read it."""
        if not self.plan.limited:
            return
        key = limit_key("default", f"resource:{RESOURCE}")
        apply(self.store, Unit(documents=[DocumentWrite(PLACE, LIMITS, key, f'{{"max":{MOST}}}')]))

    @property
    def plugins(self) -> Plugins:
        """Return what every engine has plugged in."""
        return plugins()

    def judge_door(self) -> MemoryBackend:
        """Return the store as it is, without delays and failures."""
        door = MemoryBackend("memory://")
        door._store, door._opened = self.store, True
        return door

    def _boot(self, number: int) -> None:
        self._boots += 1
        name = f"{'ABC'[number]}{1 + sum(one.name[0] == 'ABC'[number] for one in self._gone)}"
        offset = self._draws.choice((0.0, 0.0, -1.5, 2.0)) if self.plan.faulty else 0.0
        machine = Machine(self.loop, name, Random(f"{self.plan.seed} {name}"), offset, self.plan.doubled)
        settings = KernelSettings(
            adopt_orphans=True, adopt_interval=1.0, cancel_grace=0.8, request_timeout=5, threads=2,
            freeze_at_start=False, **self.plan.settings,
        )  # fmt: skip
        machine.boot(self.store, self.weather, self._watch, plugins(), settings, self._begun)
        if number < len(self._slots):
            self._slots[number] = machine
        else:
            self._slots.append(machine)

    def _begun(self, machine: Machine) -> None:
        self.names[machine.engine.engine_id] = machine.name
        machine.engine._catalog._compiled = _COMPILED
        self.ledger.note(machine.name, "starts")

    def _watch(self, engine_id: str, unit: Unit, error: Any) -> None:
        self.ledger.watch(engine_id, unit, error)
        self.requests_seen += unit.requests

    def _carry_out(self, decision: Decision) -> None:
        if decision.kind == "start":
            self.people.start(decision)
        elif decision.kind in FAULTS:
            self._fault(decision)
        else:
            self.people.act(decision)

    def _fault(self, decision: Decision) -> None:
        machine, length = self._slots[decision.target], decision.more[0]
        if machine.dead or machine.process.held:
            return
        self.ledger.kinds[f"fault {decision.kind}"] += 1
        self.ledger.note(machine.name, f"{decision.kind} {' '.join(map(str, decision.more))}")
        now = self.loop.time()
        if decision.kind == "crash":
            self._crash(machine, decision)
        elif decision.kind == "cut":
            machine.door.cut(
                decision.more[1], decision.more[2] == "before", lambda: self._crash(machine, decision)
            )
        elif decision.kind in ("freeze", "zombie"):
            machine.freeze(lost=decision.kind == "zombie")
            self.loop.call_later(length, machine.go_on)
        elif decision.kind == "outage":
            self.weather.outages.append((now, now + length))
        elif decision.kind == "jump":
            machine.offset += length

    def _crash(self, machine: Machine, decision: Decision) -> None:
        self.ledger.note(machine.name, "is gone")
        machine.crash()
        self._gone.append(machine)
        self.loop.call_later(decision.more[0], self._boot, decision.target, context=self._context)

    def _calm(self) -> None:
        """End all faults; every machine serves from here on."""
        self.ledger.note("", "quiet from here on")
        self.weather.calm = True
        for machine in self._slots:
            machine.doubled = 0.0

    async def _come_to_rest(self) -> dict[str, list[str]]:
        """Help until everything has ended; return what hinders the rest."""
        causes: dict[str, list[str]] = {}
        idle = 0
        for look in range(MOST_HELP):
            begun = self.loop.time()
            while (self._open() or self._owed) and self.loop.time() < begun + LOOKS[idle]:
                await anyio.sleep(0.5)
            if not self._open() and not self._owed:
                return {}
            idle = idle + 1 if self.ledger.moved < begun else 0
            if idle == len(LOOKS):
                break
            causes = {row.execution_id: await self._helped(row, look) for row in open_rows(self)}
        return causes

    async def _helped(self, row: Any, look: int) -> list[str]:
        machine = self.machine(0)
        if machine is None:
            return ["no engine is there"]
        try:
            return await self.people.help(machine, row, look)
        except HarmoniaError as error:
            return [error.code]

    def _open(self) -> bool:
        left = any(row.kind in BEGINNING for row in self.store.requests.values())
        return left or bool(open_rows(self))

    def _deferred(self, token: str, input: dict[str, Any], attempt: int) -> None:
        """Have an attempt completed later, by whoever it was left to."""
        owed = (token, input, attempt)
        self._owed.append(owed)
        self.loop.call_later(input.get("after", 1.0), self._complete, owed, context=self._context)

    def _complete(self, owed: Any) -> None:
        self._completing.append(self.loop.spawn(None, self._completed(owed)))

    async def _completed(self, owed: tuple[str, dict[str, Any], int]) -> None:
        """Complete an attempt through any engine, again until somebody says that it is done."""
        token, input, attempt = owed
        error = {"code": "declined"} if input.get("declined") else None
        answers = 1 + bool(input.get("twice"))
        while answers:
            machine = self.machine(answers + attempt)
            if machine is not None:
                outcome: list[str] = []
                machine.ask(self._use(machine, token, error, outcome))
                await anyio.sleep(1.0)
                answers -= bool(outcome)
            else:
                await anyio.sleep(1.0)
        self._owed.remove(owed)

    async def _use(self, machine: Machine, token: str, error: Any, outcome: list[str]) -> None:
        try:
            await machine.engine.complete(token, {"v": 1}, error)
        except AlreadyCompleted:
            outcome.append("already")
        except HarmoniaError as problem:
            self.ledger.note("client", f"complete: {problem.code}")
        else:
            outcome.append("done")

    async def _take_apart(self) -> None:
        for task in self._completing:
            task.cancel()
        for machine in [*self._gone, *self._slots]:
            for error in await machine.bury():
                self.ledger.wrong("task-died", f"{machine.name}: {error}")


_COMPILED: dict[str, Any] = {}


def run(plan: Plan) -> Result:
    """Run a plan in a world of its own; nothing of the machine's clock or chance gets in."""
    world = World(plan)
    silent = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    if len(_COMPILED) > 200:
        _COMPILED.clear()
    try:
        texts = Random(f"texts {plan.seed}")
        with (
            virtual(world.loop.time, texts, plan.slow, world.ledger.took),
            patch.dict(os.environ, dict([SECRET])),
        ):
            world.loop.run(world.run())
    except (Stuck, Violated) as error:
        world.ledger.wrong("stuck", str(error))
    finally:
        logging.disable(silent)
    for failure in world.loop.failed:
        world.ledger.wrong("task-died", failure)
    result = Result(plan, world.ledger, world.store, world.people)
    result.transitions = world.transitions
    result.steps, result.seconds = world.loop.steps, world.loop.time()
    return result
