"""Wait for executions, whoever drives them."""

from harmonia_core.engine.families import waited_for
from harmonia_core.engine.listening import Listening
from harmonia_core.engine.live import Live
from harmonia_core.engine.patience import Patience
from harmonia_core.engine.recovery import HELD_UP
from harmonia_core.model.statuses import FINAL_EXECUTION, ExecutionStatus

_OVER = FINAL_EXECUTION - {ExecutionStatus.CONTINUED}


class Waiting(Listening):
    """Wait for ends; the part of an engine that does nothing else."""

    patience: Patience

    async def wait(self, execution_id: str) -> str:
        """Return the status once an execution is final, or paused or in attention with nothing else to do.

        One that goes on in another log has not ended: it is waited for the end of the chain.
        For an execution that another engine drives, wait for its end. Raises Fenced if this
        engine has lost it, ExecutionNotFound, StateBackendError.
        """
        while True:
            live = self._driver.live(execution_id)
            if live is not None:
                await live.rest.wait()
                if live.trouble is not None:
                    raise live.trouble
                if live.successor is None and not await self._family_at_work(live):
                    paused = live.state.status is ExecutionStatus.PAUSED
                    return "attention" if live.stuck and not paused else live.state.status.value
                continue
            row = await self.patience.ask(self._owner.succession.end, execution_id)
            execution_id = row.execution_id
            for one in (execution_id, await self._owner.succession.successor(row)):
                if one in self._driver.troubles:
                    raise self._driver.troubles[one]
            if row.status in _OVER or (row.status in HELD_UP and not await self._owner.alive(row)):
                return row.status
            if self._driver.live(execution_id) is None:
                await self._requests.next_change(0.5)

    async def _family_at_work(self, live: Live) -> bool:
        """Wait for an execution that a paused one waits for, if one is at work here; tell whether one was."""
        if live.state.status is not ExecutionStatus.PAUSED:
            return False
        for _, _, task in waited_for(live.state):
            child = self._driver.live(task.child or "")
            if child is not None and not child.resting:
                await child.rest.wait()
                return True
        return False

    @property
    def driving(self) -> tuple[str, ...]:
        """Return the executions that are driven here and not at rest."""
        return tuple(key for key, live in self._driver.lives.items() if not live.resting)

    async def rest(self) -> None:
        """Wait until nothing that is driven here goes on; detached executions outlast their parents."""
        while driving := self.driving:
            await self._driver.lives[driving[0]].rest.wait()
