"""What clients do: operations drawn from a seed, each noted when it is invoked and when its end is known."""

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

import anyio
from checked_flows import FLOWS

from harmonia_core import HarmoniaError, StateBackendError
from harmonia_core.errors import DefinitionInvalid, ExecutionNotAdoptable, RequestNotConsumed
from harmonia_core.host import Engine

Note = Callable[..., None]
Attempt = Callable[[Engine, dict[str, str]], Awaitable[Any]]
Carry = Callable[["Client", Attempt], Awaitable[Any]]
KINDS = {"start": 8, "read": 8, "signal": 4, "pause": 2, "resume": 2, "approve": 2, "cancel": 1.5,
         "terminate": 0.5, "rerun": 1}  # fmt: skip
OPEN = (StateBackendError, RequestNotConsumed, ExecutionNotAdoptable)
"""Errors that leave open whether something has happened; every other one says that nothing has."""


class Client:
    """One client. carry: brings an attempt to some engine. known: executions that clients know of, shared."""

    def __init__(
        self, name: str, random: Random, note: Note, carry: Carry, known: list[str], keys: int = 6
    ) -> None:
        self.name, self.random, self._note, self._carry, self.known = name, random, note, carry, known
        self._number, self._keys = 0, keys

    async def act(self) -> None:
        """Carry out one operation that is drawn."""
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        if kind == "start" or not self.known:
            await self.start()
            return
        execution = self.random.choice(self.known)
        await getattr(self, kind)(execution)

    async def operate(self, kind: str, args: Mapping[str, Any], attempt: Attempt) -> Any:
        """Note an operation, carry it out, note what is known of its end; return its value if it is ok."""
        self._number += 1
        op = f"{self.name}-{self._number}"
        self._note("invoke", op=op, client=self.name, kind=kind, args=dict(args))
        try:
            with anyio.fail_after(20):
                value = await self._carry(
                    self, lambda engine, _: attempt(engine, {"kind": "client", "id": op})
                )
        except OPEN as error:
            self._note("unknown", op=op, value=error.code)
        except DefinitionInvalid:
            raise
        except HarmoniaError as error:
            self._note("fail", op=op, value=error.code)
        except (TimeoutError, ConnectionError):
            self._note("unknown", op=op, value="no answer")
        except Exception as error:  # nobody is told anything like that
            self._note("unknown", op=op, value=repr(error))
            self._note("fault", fault="crash", engine=f"the call of {op}", error=repr(error))
        else:
            self._note("ok", op=op, value=value)
            return value
        return None

    async def start(self) -> None:
        """Start a workflow; often under a key that others use, now and then for something else."""
        random = self.random
        workflow = random.choice([*FLOWS, "limited", "family"])
        key = f"k{random.randrange(self._keys)}" if random.random() < 0.7 else None
        n = 1 if key is not None and random.random() < 0.85 else random.randrange(2, 100)
        labels = {} if key is None else {"key": f"{workflow} {key}"}

        async def attempt(engine: Engine, actor: dict[str, str]) -> Any:
            if key is None:
                return {"execution": await engine.start(FLOWS[workflow], {"n": n}, actor=actor)}
            begun = await engine.start_once(FLOWS[workflow], {"n": n}, key=key, labels=labels, actor=actor)
            return {"execution": begun.execution_id, "changed": not begun.existing}

        args = {"workflow": workflow, "key": key, "input": {"n": n}}
        value = await self.operate("start", args, attempt)
        if value is not None and value["execution"] not in self.known:
            self.known.append(value["execution"])

    async def read(self, execution: str) -> Any:
        """Read an execution."""

        async def attempt(engine: Engine, actor: dict[str, str]) -> Any:
            view = await engine.get(execution)
            return {name: view[name] for name in ("id", "status", "seq", "output")}

        return await self.operate("read", {"execution": execution}, attempt)

    async def signal(self, execution: str) -> None:
        """Send a message; now and then one of an id that has been used."""
        number = self._number if self.random.random() < 0.9 else max(0, self._number - 3)
        message_id = f"{self.name}-m{number}"

        async def attempt(engine: Engine, actor: dict[str, str]) -> Any:
            return await engine.signal(execution, "mail", message_id=message_id, actor=actor)

        await self.operate("signal", {"execution": execution, "message_id": message_id}, attempt)

    async def pause(self, execution: str) -> None:
        """Pause an execution."""
        timers = self.random.choice(["run", "hold"])
        await self._steer("pause", execution, timers=timers)

    async def resume(self, execution: str) -> None:
        """Resume an execution."""
        await self._steer("resume", execution)

    async def terminate(self, execution: str) -> None:
        """End an execution at once."""
        await self._steer("terminate", execution)

    async def _steer(self, kind: str, execution: str, **more: Any) -> None:
        async def attempt(engine: Engine, actor: dict[str, str]) -> Any:
            done = await getattr(engine, kind)(execution, actor=actor, **more)
            return {"execution": done.execution_id, "changed": done.changed}

        await self.operate(kind, {"execution": execution}, attempt)

    async def cancel(self, execution: str) -> None:
        """Have an execution cancelled, and do not wait for that."""

        async def attempt(engine: Engine, actor: dict[str, str]) -> Any:
            await engine.cancel(execution, actor=actor, wait=False)

        await self.operate("cancel", {"execution": execution}, attempt)

    async def approve(self, execution: str) -> None:
        """Approve what an execution asks for."""

        async def attempt(engine: Engine, actor: dict[str, str]) -> Any:
            await engine.decide(execution, "ask", "approved", actor=actor)

        await self.operate("approve", {"execution": execution}, attempt)

    async def rerun(self, execution: str) -> None:
        """Begin an ended execution again."""

        async def attempt(engine: Engine, actor: dict[str, str]) -> Any:
            forked = await engine.rerun(execution, actor=actor)
            return {"execution": forked.execution_id}

        value = await self.operate("rerun", {"origin": execution}, attempt)
        if value is not None:
            self.known.append(value["execution"])
