"""What the backups of both databases share: commits that go on while a copy is written."""

import anyio
from anyio.lowlevel import checkpoint

from harmonia_core.testing.state_backend_rows import step


async def copied_at_work(backend, target, shares):
    """Back up while execution 1 goes on; return what the backup says, and its seq before and after."""
    seqs = [1]

    async def go_on():
        while True:
            await backend.commit(step(1, seqs[-1]))
            seqs.append(seqs[-1] + 1)
            # A commit in place comes back without a turn of the loop, which others need.
            await checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(go_on)
        while len(seqs) < 5:
            await anyio.sleep(0)
        before = seqs[-1]
        made = await backend.backup(str(target), shares.append)
        group.cancel_scope.cancel()
    return made, before, seqs[-1]
