"""Small workflows, drawn: every kind of task, nested a little, with policies, limits and what undoes them."""

from random import Random
from typing import Any

Task = dict[str, Any]
RETRY = {"max_retries": 2, "initial_delay": 0.5, "max_delay": 2}
RESOURCE, MOST = "gpu", 2
MESSAGES = ("red", "blue")


class Sketch:
    """Draw one workflow. exact: what it comes to does not depend on who was quicker."""

    def __init__(self, draws: Random, name: str, depth: int = 0) -> None:
        self.draws, self.name, self.depth = draws, name, depth
        self.exact = True
        self._left = draws.choice((2, 3, 4, 5, 7)) if depth == 0 else 2
        self._count = self._undos = 0

    def definition(self) -> dict[str, Any]:
        """Return the whole workflow."""
        draw = self.draws.random
        found: dict[str, Any] = {"name": self.name, "vars": {"n": 0}, "tasks": self._graph("", 0)}
        last = next(reversed(found["tasks"]))
        if draw() < 0.5:
            found["output"] = "${tasks." + last + ".status}"
        if draw() < 0.3:
            found["on_failure"] = "compensate" if self._undos else "hold"
            self.exact = self.exact and found["on_failure"] != "hold"
        if draw() < 0.08:
            found["timeout"] = self.draws.choice((2, 6))
            self.exact = False
        if draw() < 0.15 and not self.depth:
            policy = self.draws.choice(("queue", "queue", "skip", "cancel-older"))
            found["concurrency"] = {"max": 1, "policy": policy}
            self.exact = self.exact and policy == "queue"
        if draw() < 0.08:
            found["finally"] = {"task": self._work()}
        return found

    def _id(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def _graph(self, around: str, level: int) -> dict[str, Task]:
        """Return tasks with dependencies; at least one."""
        tasks: dict[str, Task] = {}
        for _ in range(self.draws.choice((1, 2, 2, 3)) if level else 7):
            task = self._task(level)
            before = list(tasks)
            if before and self.draws.random() < 0.7:
                chosen = self.draws.sample(before, min(len(before), self.draws.choice((1, 1, 2))))
                self._depend(task, chosen)
            tasks[self._id()] = task
            if self._left <= 0:
                break
        return tasks

    def _depend(self, task: Task, on: list[str]) -> None:
        task["depends_on"] = sorted(on)
        draw = self.draws.random()
        if draw < 0.1:
            task["join"] = "any"
            self.exact = self.exact and len(on) == 1
        elif draw < 0.2:
            task["join"] = {"count": "all", "done": "end"}
        elif draw < 0.3:
            task["when"] = f"tasks.{on[0]}.status == '{self.draws.choice(('succeeded', 'failed'))}'"
        if task["type"] in ("work", "plain", "charge") and self.draws.random() < 0.5:
            task["input"]["v"] = "${tasks." + on[0] + ".output}"

    def _task(self, level: int) -> Task:
        self._left -= 1
        if level < 2 and self.draws.random() < 0.4:
            return self._composite(level)
        task = self._leaf()
        self._policies(task)
        return task

    def _work(self, type: str = "work", **more: Any) -> Task:
        input = {"takes": self.draws.choice((0, 0, 0.1, 0.5, 1.5)), **more}
        return {"type": type, "input": {key: value for key, value in input.items() if value}}

    def _leaf(self) -> Task:
        draws = self.draws
        kind = draws.choices(
            ("work", "charge", "plain", "later", "wait", "event", "approval", "emit", "set", "noop"),
            (12, 3, 3, 2, 3, 2, 2, 1, 1, 1),
        )[0]
        if kind in ("work", "charge", "plain"):
            return self._labour(kind)
        if kind == "later":
            after, fails = draws.choice((0.2, 1.0, 8.0)), int(draws.random() < 0.2)
            return {
                "type": "later",
                "input": {"after": after, "twice": draws.random() < 0.5, "declined": fails},
            }
        if kind == "wait":
            return {"type": "wait", "input": {"duration": draws.choice((0.2, 1, 3))}}
        if kind == "event":
            wants = {"name": draws.choice(MESSAGES)}
            both = {"all": [{"name": name} for name in MESSAGES]}
            return {"type": "event", "input": wants if draws.random() < 0.7 else both}
        if kind == "approval":
            self.exact = False
            overdue = {"deadline": 2, "on_deadline": draws.choice(("fail", "reject", "approve"))}
            escalates = {"escalation": {"after": 1, "to": ["bob"]}, "assignees": ["ann"]}
            more: dict[str, Any] = draws.choice(({}, overdue, escalates))
            return {"type": "approval", "input": {"title": "Go on?", **more}}
        if kind == "emit":
            to = {"to": "${context.execution}"} if draws.random() < 0.5 else {}
            return {"type": "emit", "input": {"name": draws.choice(MESSAGES), "data": 1, **to}}
        if kind == "set":
            return {"type": "noop", "input": {"n": "${vars.n}"}}
        return {"type": "noop", "input": {"n": 1}}

    def _labour(self, kind: str) -> Task:
        draws = self.draws
        more: dict[str, Any] = {}
        chance = draws.random()
        if chance < 0.2:
            more["fails"] = draws.choice((1, 1, 2, 9))
        elif chance < 0.28:
            more["broken"] = True
        if draws.random() < 0.12:
            more["auth"] = "Bearer ${secrets.api_token}"
        if draws.random() < 0.1:
            more["pad"] = 300
        if kind != "plain" and draws.random() < 0.1:
            more["deaf" if draws.random() < 0.5 else "beats"] = True
        self.exact = self.exact and kind != "charge"
        return self._work(kind, **more)

    def _policies(self, task: Task) -> None:
        draws, labour = self.draws, task["type"] in ("work", "charge", "plain", "later")
        if labour and draws.random() < 0.4:
            task["retry_policy"] = dict(RETRY)
        if labour and draws.random() < 0.08:
            task["timeout"] = draws.choice((0.3, 2))
            self.exact = False
        if labour and draws.random() < 0.04:
            task["heartbeat_timeout"] = 1
            self.exact = False
        if task["type"] not in ("set", "emit", "noop") and draws.random() < 0.1:
            task["total_timeout"] = draws.choice((0.7, 3))
            self.exact = False
        if labour and draws.random() < 0.35:
            undo = self._work(fails=draws.choice((0, 0, 0, 1, 9)), v="${output}")
            undo["input"].pop("takes", None)
            self._undos += 1
            task["compensate"] = {**undo, "retry_policy": dict(RETRY)}
            self.exact = self.exact and undo["input"].get("fails") != 9
        if labour and draws.random() < 0.22:
            task["limits"] = {RESOURCE: draws.choice((1, 1, 2))}
        if labour and draws.random() < 0.06:
            task["on_failure"] = "hold"
            self.exact = False
        if draws.random() < 0.08:
            task["catch"] = [{"task": self._work()}]

    def _composite(self, level: int) -> Task:
        kind = self.draws.choice(
            (
                "group",
                "map",
                "map",
                "loop",
                "try",
                "race",
                "sequence",
                "decision",
                "subworkflow",
                "subworkflow",
            )
        )
        task: Task = getattr(self, f"_{kind}")(level + 1)
        if kind not in ("map", "race") and self.draws.random() < 0.1:
            task["retry_policy"] = dict(RETRY)
        if self.draws.random() < 0.06:
            task["total_timeout"] = 3
            self.exact = False
        return task

    def _inner(self, level: int) -> Task:
        """Return what stands inside, in one of the three forms."""
        form = self.draws.random()
        if form < 0.5 or self._left <= 0:
            return {"task": self._task(level)}
        if form < 0.75:
            return {"tasks": self._graph("", level)}
        return {"steps": self._graph_of_steps(level)}

    def _graph_of_steps(self, level: int) -> dict[str, Task]:
        return {self._id(): self._task(level) for _ in range(2)}

    def _group(self, level: int) -> Task:
        task: Task = {"type": "group", "tasks": self._graph("", level)}
        if self.draws.random() < 0.2:
            task["max_concurrency"] = 1
        return task

    def _map(self, level: int) -> Task:
        count = self.draws.choice((0, 2, 3, 4))
        item = self._task(level)
        if item["type"] == "map":
            item = {"type": "group", "tasks": {self._id(): item}}
        item.pop("catch", None)
        task: Task = {"type": "map", "input": {"range": {"stop": count}}, "task": item}
        if self.draws.random() < 0.3:
            task["input"] = {"items": list(range(count))}
        if self.draws.random() < 0.4:
            task["max_concurrency"] = self.draws.choice((1, 2))
        if self.draws.random() < 0.2:
            task["tolerate"] = 1
        if self.draws.random() < 0.1:
            task["enough"] = 1
            self.exact = False
        if "max_concurrency" in task or "tolerate" in task:
            self.exact = self.exact and "tolerate" not in task
        return task

    def _loop(self, level: int) -> Task:
        if self.draws.random() < 0.5:
            steps: dict[str, Task] = {
                self._id(): self._task(level),
                self._id(): {"type": "set", "input": {"k": "${vars.k + 1}"}},
            }
            return {"type": "loop", "vars": {"k": 0}, "while": "vars.k < 2", "steps": steps}
        return {"type": "loop", "times": self.draws.choice((1, 2, 3)), "task": self._task(level)}

    def _try(self, level: int) -> Task:
        task: Task = {"type": "try", **self._inner(level)}
        if self.draws.random() < 0.6:
            task["catch"] = [{"task": self._work()}]
        if self.draws.random() < 0.6 or "catch" not in task:
            task["finally"] = {"task": self._work(fails=self.draws.choice((0, 0, 0, 9)))}
        return task

    def _race(self, level: int) -> Task:
        self.exact = False
        return {"type": "race", "branches": {self._id(): self._inner(level), self._id(): self._inner(level)}}

    def _sequence(self, level: int) -> Task:
        first, second = self._id(), self._id()
        steps: dict[str, Task] = {
            first: {"type": "set", "input": {"k": "${vars.k + 1}"}},
            second: self._task(level),
        }
        if self.draws.random() < 0.5:
            steps[second]["next"] = [{"to": first, "when": "vars.k < 2"}]
        return {"type": "sequence", "vars": {"k": 0}, "steps": steps}

    def _decision(self, level: int) -> Task:
        cases = [{"when": f"input.n > {self.draws.randrange(3)}", **self._inner(level)}]
        return {"type": "decision", "cases": cases, "default": {"task": self._work()}}

    def _subworkflow(self, level: int) -> Task:
        inner = Sketch(self.draws, f"{self.name}-{self._count}", self.depth + 1)
        if self.depth >= 1:
            return self._labour("work")
        workflow = inner.definition()
        self._count += 1
        self.exact = self.exact and inner.exact
        task: Task = {"type": "subworkflow", "workflow": workflow, "input": {"n": 1}}
        if self.draws.random() < 0.15:
            task["detach"] = True
        elif self.draws.random() < 0.15:
            task["on_cancel"] = "abandon"
        return task
