"""Workflows drawn as an author might write them: data, with every kind of task at any depth.

Drawn is what has one end, whatever is carried out first. Where tasks run side by side, either one of them
may fail, or all with the same error; nothing but what a task surely waits for is read; a race has a winner.
"""

from collections.abc import Callable
from typing import Any

import drawn_composites
from drawn_places import CODES, Definition, Drawing, Here, holds, results
from hypothesis import strategies as st

POLICY = {"jitter": 0, "initial_delay": 1}


class Author(Drawing):
    """Write one workflow. often_undone: how many of a hundred tasks can be undone."""

    often_undone = 15

    def workflow(self, here: Here, name: str | None = "drawn", timed: bool = True) -> Definition:
        """Write a workflow. name: None for one that is part of another."""
        found: Definition = {"name": name} if name else {}
        self.often_undone = self.one((15, 60))
        vars = {self.name("v"): self.number(0, 2) for _ in range(self.one((0, 1, 1, 2)))}
        if vars:
            found["vars"] = vars
        if timed and here.free and self.chance(12):
            found["timeout"] = self.number(1, 12) + 0.25
            here = here.but(timed=True)
        if self.chance(25):
            found["retry_policy"] = self.policy()
        within = here.but(numbers=(*here.numbers, *(f"vars.{one}" for one in vars)))
        handled = here.free and self.chance(12)
        tasks = self.graph(within.deeper() if handled else within, list(vars))
        found["tasks"] = tasks
        if handled:
            found |= self.handlers(within)
        if self.chance(70):
            found["output"] = self.gathered(tasks, within)
        if holds(found["tasks"], "compensate") and self.chance(70):
            found["on_failure"] = "compensate"
        return found

    def gathered(self, tasks: Definition, here: Here) -> Any:
        """Write an output that reads all tasks of a scope."""
        read = {id: f"${{tasks.{id}.{self.one(('output', 'output', 'status'))}}}" for id in tasks}
        return self.one((read, list(read.values()), {**read, "more": self.value(here.safe())}))

    def policy(self) -> Definition:
        """Write a retry policy."""
        found: Definition = {**POLICY, "max_retries": self.number(0, 2)}
        if self.chance(20):
            found[self.one(("retry_on", "no_retry_on"))] = [self.one(("odd", "server", "timeout"))]
        return found

    def graph(self, here: Here, vars: list[str] | None = None) -> Definition:
        """Write tasks with dependencies. vars: of the scope; its first task may write them."""
        count = max(1, min(self.left, self.number(1, max(1, 5 - here.depth))))
        places = self.side_by_side(here, count)
        tasks: Definition = {}
        seen: dict[str, Here] = {}
        writer = None
        if vars and self.chance(60):
            writer = self.name()
            tasks[writer] = self.set(here.safe().but(writable=tuple(vars)))
            seen[writer] = here
        chain = self.chance(35)
        for place in places:
            id = self.name()
            after = list(tasks)[-1:] if chain else self.some(list(tasks), 3)
            after = [writer, *(one for one in after if one != writer)] if writer else after
            loose = len(after) > 1 and not writer and self.chance(30)
            reads = here if loose else known(here, after, seen)
            place = place.but(numbers=reads.numbers, values=reads.values, writable=())
            task = self.task(place)
            if after:
                task["depends_on"] = after[0] if len(after) == 1 else after
                self.join(task, len(after), loose)
            tasks[id] = task
            seen[id] = reads
        return tasks

    def join(self, task: Definition, count: int, loose: bool) -> None:
        """Write how many dependencies must be done, and what is done."""
        done = self.one(("skipped", "success", "end"))
        if loose:
            task["join"] = self.one(("any", self.number(1, count), {"count": "any", "done": done}))
        elif done != "skipped":
            task["join"] = {"count": "all", "done": done}

    def side_by_side(self, here: Here, count: int) -> list[Here]:
        """Say of tasks of a graph how they may fail: none, all with one error, or one of them as it likes."""
        if count == 1 or not here.may_fail:
            return [here] * count
        how = self.one(("one", "same", "none"))
        if how == "same":
            return [here.but(codes=(self.one(here.codes),), free=False)] * count
        unruly = self.number(0, count - 1) if how == "one" else -1
        return [here if number == unruly else here.safe() for number in range(count)]

    def task(self, here: Here, bare: bool = False) -> Definition:
        """Write a task. bare: no condition and no handlers, as at the task of a map."""
        self.left -= 1
        if not bare and here.depth < 3 and self.chance(12):
            task = self.guarded(here)
        elif self.left > 0 and here.depth < 3 and self.chance(45):
            kind = self.one([one for one in drawn_composites.KINDS if not (bare and one == "map")])
            task = drawn_composites.KINDS[kind](self, here)
        else:
            task = self.leaf(here)
        if not bare and self.chance(15):
            task["when"] = self.condition(here)
        if task["type"] not in ("set", "wait", "fail") and self.chance(self.often_undone):
            task["compensate"] = self.undo(here)
        return task

    def undo(self, here: Here) -> Definition:
        """Write how a task is undone."""
        kind, input = self.one(("work", "noop")), {"undo": "${output}", "seen": self.value(here.safe())}
        undo: Definition = {"type": kind, "input": input}
        if kind == "work" and here.depth == 0 and self.chance(30):
            undo["retry_policy"], undo["input"]["bad"] = {**POLICY, "max_retries": 2}, self.number(1, 2)
        return undo

    def guarded(self, here: Here) -> Definition:
        """Write a task with `catch`, `finally` or both."""
        handlers = self.handlers(here)
        inner = here if "catch" not in handlers else here.unruly()
        return {**self.task(inner.deeper(), bare=True), **handlers}

    def handlers(self, here: Here) -> Definition:
        """Write what is done about errors, and in any case."""
        found: Definition = {}
        told = here.deeper().reading(values=("error.code", "error.category"))
        if self.chance(70):
            found["catch"] = [self.handler(told, bool(number)) for number in range(self.number(1, 2))][::-1]
            if not here.free:
                found["catch"][-1].pop("errors", None), found["catch"][-1].pop("when", None)
        if not found or self.chance(40):
            always = (
                here.deeper().reading(values=("error == null",)) if "catch" not in found else here.deeper()
            )
            found["finally"] = self.block(always if here.free else always.safe())
        return found

    def handler(self, here: Here, choosy: bool) -> Definition:
        """Write one handler. choosy: whether it takes some errors only."""
        found: Definition = {}
        if choosy:
            found["errors"] = self.one((*CODES, ["server", "timeout"], ["expression", "halt"]))
        elif here.free and self.chance(20):
            found["when"] = self.one(("error.code == 'odd'", "error.category != 'task'"))
        if self.chance(30):
            found["as"] = self.name("e")
            here = here.reading(values=(f"vars.{found['as']}.code",))
        return found | self.block(here)

    def block(self, here: Here, alone: bool = True) -> Definition:
        """Write what is to be done in one of the three forms. alone: nothing runs beside it."""
        here = here if alone else here.but(writable=())
        form = self.one(("task", "task", "steps", "tasks"))
        if form == "task" or self.left < 2:
            return {"task": self.task(here, bare=True)}
        if form == "tasks":
            return {"tasks": self.graph(here.deeper(writable=()))}
        return {"steps": drawn_composites.steps(self, here.deeper(), jumps=False)}

    def leaf(self, here: Here) -> Definition:
        """Write a task that holds no others."""
        kinds = ["work", "work", "work", "noop", "wait"] + ["set"] * 3 * bool(here.writable)
        kind = self.one(kinds + ["fail"] * ("halt" in here.codes))
        if kind == "noop":
            return {"type": "noop", "input": {"is": self.value(here), "and": self.value(here)}}
        if kind == "wait":
            return self.limited({"type": "wait", "input": {"duration": self.number(1, 9)}}, here)
        if kind == "fail":
            return {"type": "fail", "input": {"error": "halt", "message": "On purpose."}}
        return self.set(here) if kind == "set" else self.work(here)

    def work(self, here: Here) -> Definition:
        """Write a task that is given something, and fails as often as it says."""
        input: Definition = {"is": self.value(here)}
        task: Definition = {"type": "work", "input": input}
        if self.chance(10):
            input["secret"] = "${secrets.word}"
        codes = [code for code in here.codes if code != "halt"]
        if self.chance(30):
            task["retry_policy"] = {**POLICY, "max_retries": self.number(0, 2)}
            if self.chance(50) and task["retry_policy"]["max_retries"]:
                input["bad"], input["code"] = 1, self.one(("odd", "busy"))
                if here.free and self.chance(30):
                    del input["bad"], input["code"]
                    input["hang"], task["timeout"] = 1, self.number(2, 5)
        elif codes and self.chance(50):
            input["bad"] = self.one((9, 1, f"${{{self.count(here)}}}"))
            input["code"] = self.one(codes)
        return self.limited(task, here)

    def limited(self, task: Definition, here: Here) -> Definition:
        """Give a task a total time, if it may fail by it."""
        if here.free and self.chance(12):
            task["total_timeout"] = self.number(1, 8) + 0.5
        return task

    def set(self, here: Here) -> Definition:
        """Write variables."""
        names = self.some(here.writable, 2) or [self.one(here.writable)]
        numbers = here.but(numbers=(*here.numbers, *(f"vars.{name}" for name in names)))
        return {"type": "set", "input": {name: f"${{{self.count(numbers)}}}" for name in names}}


def known(here: Here, after: list[str], seen: dict[str, Here]) -> Here:
    """Return what a task may read that waits for others: what they are, and what they may read."""
    found = here
    for id in after:
        before = seen[id]
        own = [one for one in before.values if one.startswith("tasks.")]
        found = found.reading(before.numbers, [*own, *results(id)])
        found = found.reading([f"(tasks.{id}.status == 'succeeded' ? 1 : 2)"])
    return found


@st.composite
def workflows(
    draw: Callable[[st.SearchStrategy[Any]], Any], tasks: int = 10, timed: bool = True
) -> Definition:
    """Draw a workflow of about so many tasks. timed: whether it may be out of time as a whole."""
    return Author(draw, tasks).workflow(Here(), timed=timed)
