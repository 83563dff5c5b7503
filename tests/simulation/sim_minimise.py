"""Make a violation small: leave out what it does not need, as long as the same invariant is violated."""

from collections.abc import Callable
from dataclasses import replace

from sim_plan import Decision, Plan
from sim_world import Result, run

MOST_RUNS = 200


def minimised(plan: Plan, code: str, runner: Callable[[Plan], Result] = run) -> Plan:
    """Return the smallest plan found that still violates an invariant; at most 200 runs."""
    found = Search(code, runner)
    for simpler in (
        replace(plan, slow=0.0, faulty=0.0, doubled=0.0),
        replace(plan, slow=0.0),
        replace(plan, faulty=0.0),
        replace(plan, doubled=0.0),
    ):
        if simpler != plan and found.fails(simpler):
            plan = simpler
    plan = found.shortest(plan)
    while plan.engines > 1:
        fewer = replace(plan, engines=plan.engines - 1, decisions=_below(plan.decisions, plan.engines - 1))
        if not found.fails(fewer):
            break
        plan = fewer
    return plan


def _below(decisions: tuple[Decision, ...], engines: int) -> tuple[Decision, ...]:
    """Let decisions about engines that are not there concern one that is."""
    return tuple(replace(one, target=one.target % engines) if one.about_engine else one for one in decisions)


class Search:
    """Try plans. left: how many more may be tried."""

    def __init__(self, code: str, runner: Callable[[Plan], Result]) -> None:
        self._code, self._runner, self.left = code, runner, MOST_RUNS

    def fails(self, plan: Plan) -> bool:
        """Tell whether a plan violates the invariant, too."""
        if self.left <= 0:
            return False
        self.left -= 1
        return any(one.code == self._code for one in self._runner(plan).violations)

    def shortest(self, plan: Plan) -> Plan:
        """Leave out decisions, halves first, then ever smaller parts, until none can be missed."""
        size = max(1, len(plan.decisions) // 2)
        while True:
            shorter = self._without_a_part(plan, size)
            if shorter is not None:
                plan = shorter
            elif size > 1:
                size //= 2
            else:
                return plan

    def _without_a_part(self, plan: Plan, size: int) -> Plan | None:
        for place in range(0, len(plan.decisions), size):
            left = plan.decisions[:place] + plan.decisions[place + size :]
            shorter = replace(plan, decisions=left)
            if left and self.fails(shorter):
                return shorter
        return None
