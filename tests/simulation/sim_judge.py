"""What must hold of a store once everything has come to its end."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim_world import World


async def judge(world: "World", causes: dict[str, list[str]]) -> None:
    """Note every invariant that does not hold."""
    for key, codes in causes.items():
        row = world.store.executions[key]
        world.ledger.wrong("no-end", f"{world.ledger.alias(key)} is {row.status}: {', '.join(codes)}")
