"""Several engines on one store in this process, whose clock stands still and who die at a commit.

Everything that is chosen is drawn from one seed: what clients do, who dies when, who takes what over. What
runs beside it are coroutines of one loop, so a seed gives the same history again as far as no thread and
no time of the real world takes part.
"""

from collections.abc import Awaitable, Sequence
from random import Random
from typing import Any

import anyio
from anyio.abc import TaskGroup
from checked_flows import LIMITS, SECRET, effect_type
from client_programs import Attempt, Client
from surveyor import survey
from world_notes import Notes

from harmonia_core import HarmoniaError, StateUnavailable, Unit
from harmonia_core.engine.id_maker import IdMaker
from harmonia_core.host import Engine, KernelSettings, create_backend, load_plugins
from harmonia_core.testing.clock import FakeClock

ROUNDS = 400
"""Rounds of the last phase, in which nothing fails any more and everything is to come to its end."""


class Member:
    """One engine of a world, until it dies."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name, self.alive = world, name, True
        self.fuse: tuple[int, str] | None = None
        self.held: list[tuple[Sequence[Unit], Any]] | None = None
        self.scope = anyio.CancelScope()
        self.calls: set[anyio.CancelScope] = set()
        settings = KernelSettings(cancel_grace=0.05, freeze_at_start=False, store_patience=0.0)
        plugins = load_plugins(settings, extra=[effect_type(name, self._note, world.pace)])
        self.engine = Engine(create_backend(world.url, plugins, settings), plugins, settings, world.clock)
        self.engine._new_id = IdMaker(world.clock.now, world.random.randbytes)
        self.engine._starter._new_id = self.engine._new_id
        self.engine._driver._draws = world.random
        self._submit = self.engine.backend.submit
        self.engine.backend.submit = self.submit  # type: ignore[method-assign]
        self._deliver = self.engine._driver.dispatcher._deliver
        self.engine._driver.dispatcher._deliver = self.deliver

    def _note(self, type: str, **fields: Any) -> None:
        if self.alive:
            self.world.note(type, **fields)

    def submit(self, units: Sequence[Unit], done: Any) -> None:
        """Commit, unless this is the commit before or behind which the engine dies."""
        if not self.alive:
            return
        if self.held is not None:
            self.held.append((units, done))
            return
        fuse = self.fuse
        if fuse is None or fuse[0] > 0:
            self.fuse = None if fuse is None else (fuse[0] - 1, fuse[1])
            self._submit(units, lambda results: done(results) if self.alive else None)
            return
        if fuse[1] == "behind":
            self._submit(units, lambda results: None)
        self.die()

    def hold(self) -> None:
        """Let no commit reach the store, and no news from it this engine, until `let_go`."""
        self.held = []
        store = getattr(self.engine.backend, "_store", None)
        self._watcher = None if store is None else store.watchers.pop(id(self.engine.backend), None)

    def let_go(self) -> None:
        """Let reach the store what was held back."""
        held, self.held = self.held or [], None
        if self._watcher is not None and self.alive:
            self.engine.backend._store.watchers[id(self.engine.backend)] = self._watcher  # type: ignore[attr-defined]
        for units, done in held:
            self.submit(units, done)

    def deliver(self, outcome: Any) -> None:
        """Deliver an outcome, and now and then once more."""
        self._deliver(outcome)
        if self.world.faults and self.world.random.random() < 0.15:
            self.world.group.start_soon(self._once_more, outcome)

    async def _once_more(self, outcome: Any) -> None:
        await self.world.pace()
        if self.alive:
            self._deliver(outcome)

    def die(self) -> None:
        """Be gone: nothing of this engine is heard of any more."""
        if not self.alive:
            return
        self.alive = False
        self.world.note("fault", fault="kill", engine=self.name)
        self.world.deaths += 1
        store = getattr(self.engine.backend, "_store", None)
        if store is not None:
            store.alive.discard(self.engine.engine_id)
            self.engine.backend._opened = False  # type: ignore[attr-defined]
        self.scope.cancel()
        for call in self.calls:
            call.cancel()

    async def serve(self, *, task_status: Any) -> None:
        """Be an engine until it dies or the world ends."""
        try:
            with self.scope:
                async with self.engine:
                    task_status.started()
                    await anyio.sleep_forever()
        except (Exception, BaseExceptionGroup) as error:
            self.world.note("fault", fault="crash", engine=self.name, error=repr(error))
            self.die()


class World:
    """Hold the engines, the clients and whoever does harm. sizes: engines, clients, operations of each."""

    def __init__(
        self, seed: int, url: str, *, engines: int = 3, clients: int = 5, operations: int = 40
    ) -> None:
        self.random, self.url, self.clock, self.note = Random(seed), url, FakeClock(), Notes()
        self._sizes = engines, clients, operations
        self.members: list[Member] = []
        self.known: list[str] = []
        self.faults, self.whole, self.deaths, self._names = True, False, 0, 0
        self.group: TaskGroup

    @property
    def living(self) -> list[Member]:
        return [member for member in self.members if member.alive]

    async def pace(self) -> None:
        """Take a while, in turns of the loop."""
        for _ in range(self.random.randrange(8)):
            await anyio.sleep(0)

    async def run(self) -> None:
        """Let clients and faults do what they are going to do, bring all to an end, and survey the store."""
        engines, clients, operations = self._sizes
        async with anyio.create_task_group() as self.group:
            for _ in range(engines):
                await self.join()
            for name, most in LIMITS.items():
                await self.members[0].engine.set_limit("resource", name, most=most)
            async with anyio.create_task_group() as busy:
                busy.start_soon(self._harm)
                async with anyio.create_task_group() as group:
                    for number in range(clients):
                        group.start_soon(self._client, f"c{number}", operations)
                busy.cancel_scope.cancel()
            self.faults = False
            for member in self.living:
                member.fuse = None
            await self._close()
            await survey(self.living[0].engine, self.note, LIMITS, [SECRET[1]])
            for member in self.living:
                member.scope.cancel()

    async def join(self) -> None:
        """Let one more engine serve."""
        self._names += 1
        member = Member(self, f"e{self._names}")
        await self.group.start(member.serve)
        self.members.append(member)

    async def _client(self, name: str, operations: int) -> None:
        client = Client(name, Random(self.random.random()), self.note, self.carry, self.known)
        for _ in range(operations):
            await client.act()
            for _ in range(self.random.randrange(3)):
                await self.pace()

    async def carry(self, client: Client, attempt: Attempt) -> Any:
        """Bring an attempt to an engine; whoever waits for one that dies never hears of it."""
        while not self.living:
            await anyio.sleep(0)
        member = client.random.choice(self.living)
        with anyio.CancelScope() as call:
            member.calls.add(call)
            try:
                return await attempt(member.engine, {})
            finally:
                member.calls.discard(call)
        raise StateUnavailable("the engine has died")

    async def _harm(self) -> None:
        """Kill, take over, repeat and turn the clock on, until cancelled."""
        while True:
            for _ in range(self.random.randrange(20)):
                await anyio.sleep(0)
            kind = self.random.choices(["kill", "cut", "take", "time", "recover"], [4, 3, 1, 4, 2])[0]
            await getattr(self, f"_{kind}")()

    async def _kill(self) -> None:
        victim = self.random.choice(self.living)
        victim.fuse = self.random.randrange(4), self.random.choice(["before", "behind"])
        for _ in range(40):
            await anyio.sleep(0)
        victim.die()
        await self.join()
        await self._recover()

    async def _take(self) -> None:
        """Take an execution over from an engine that is alive."""
        if self.known:
            await self._taken(self.random.choice(self.known), self.random.choice(self.living))

    async def _taken(self, execution: str, taker: Member) -> None:
        # Until it is done its owner may begin attempts; from then on those are nobody's.
        self.note("fault", fault="adopt", execution=execution, by=taker.name)
        await self._heed(taker, taker.engine.adopt(execution, force=True))
        self.note("fault", fault="adopt", execution=execution, by=taker.name)

    async def _cut(self) -> None:
        """Cut an engine off from the store; what it drives is taken over meanwhile, before it is back."""
        one, *others = self.random.sample(self.living, len(self.living))
        if not others:
            return
        one.hold()
        try:
            for _ in range(self.random.randrange(10)):
                await anyio.sleep(0)
            for execution in list(one.engine._driver.lives)[-2:]:
                await self._taken(execution, others[0])
        finally:
            one.let_go()

    async def _recover(self) -> None:
        member = self.random.choice(self.living)
        await self._heed(member, member.engine.recover())

    async def _heed(self, member: Member, what: Awaitable[Any]) -> None:
        """Have a living engine do something; whether it can is its own business."""
        with anyio.move_on_after(5) as call:
            member.calls.add(call)
            try:
                await what
            except HarmoniaError:
                pass
            finally:
                member.calls.discard(call)

    async def _time(self) -> None:
        self.clock.advance(self.random.choice([0.1, 0.5, 2.0]))

    async def _close(self) -> None:
        """Bring everything to its end: nobody dies any more, what waits for somebody gets it."""
        closing = Client("closing", Random(0), self.note, self.carry, self.known)
        stood: Any = None
        still = 0
        for round in range(ROUNDS):
            rows = await self.living[0].engine.backend.unfinished()
            if not rows:
                break
            stands = [(row.execution_id, row.seq) for row in rows]
            still = still + 1 if stands == stood else 0
            if still > 60:
                break
            stood = stands
            if still:
                await anyio.sleep(0.001)  # for what is evaluated in threads
            await self._recover()
            for row in rows if round % 5 == 0 else ():
                await self._help(closing, row)
            self.clock.advance(1.0)
            for _ in range(30):
                await anyio.sleep(0)
        for execution in list(self.known):
            await closing.read(execution)

    async def _help(self, client: Client, row: Any) -> None:
        if row.status == "paused":
            await client.resume(row.execution_id)
        elif row.workflow == "mail":
            await client.signal(row.execution_id)
        elif row.workflow == "asking":
            await client.approve(row.execution_id)


async def play(seed: int, url: str, *, limit: float = 60.0, **sizes: int) -> World:
    """Run a world and return it. limit: seconds of real time, after which what it has noted must do."""
    world = World(seed, url, **sizes)
    with anyio.move_on_after(limit) as scope:
        await world.run()
    world.whole = not scope.cancelled_caught
    return world
