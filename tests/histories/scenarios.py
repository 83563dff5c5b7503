"""What is recorded: workflows, the lives of the engines that carry them, and how each goes on."""

from scenarios_base import (
    BEGUN,
    DECLINED,
    FINISH,
    LONG,
    PERSON,
    RECOVER,
    RETRY,
    SMALL,
    Life,
    Scenario,
    killed,
    task,
)
from scenarios_chains import CHAINS
from scenarios_children import ENDED_CHILDREN, OPEN_CHILDREN
from scenarios_control import ENDED_CONTROL, OPEN_CONTROL
from scenarios_forks import FORKS
from scenarios_limits import ENDED_LIMITS, OPEN_LIMITS
from scenarios_messages import ENDED_MESSAGES, OPEN_MESSAGES
from scenarios_scopes import ENDED_SCOPES, OPEN_SCOPES
from scenarios_undo import ENDED_UNDOS, OPEN_UNDOS

CHAIN = {"first": task("add", n="${input.n}"), "held": task("hold", "first", value="${tasks.first.output.n}")}
OUTPUT = {"output": "${tasks.held.output}"}
ITEMS = [10, 11, 12, 13, 14, 15, 16, 17]
AGAIN = killed("TaskScheduled", "held", 1, *RECOVER)

ENDED = (
    Scenario(
        "chain", "Completed without trouble; begun by a person, with labels, variables and a schema.",
        {"first": task("add", n="${input.n}"), "second": task("add", "first", n="${tasks.first.output.n}")},
        input={"n": 1}, labels={"team": "ä→"}, actor=PERSON,
        more={
            "output": {"n": "${tasks.second.output.n}", "greeting": "${vars.greeting}"},
            "vars": {"greeting": "Dear"}, "labels": {"kind": "test"}, "version": "2.1.0",
            "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
        },
    ),
    Scenario(
        "branches", "Failed: a skipped branch, a chain behind it, a join that goes on, one that cannot.",
        {
            "ask": task("noop", value=1), "no": task("add", "ask", n=1, when="tasks.ask.output.value > 5"),
            "behind": task("noop", "no"), "bad": task("broken", "ask"), "never": task("noop", "bad"),
            "any": task("noop", "bad", "ask", join="any"), "joined": task("noop", "no", "any"),
            "unclear": task("noop", "any", when="tasks.any.output.x == 1"),
        },
        more={"output": "${tasks.any.output}"},
    ),
    Scenario(
        "retries", "Completed after two retries with jitter, one of them later than the policy says.",
        {"t": task("flaky", fails=2, after="${input.after}", retry_policy=RETRY)},
        input={"after": 15}, more={"output": "${tasks.t.output}"},
    ),
    Scenario(
        "given-up", "Failed after its retries; the task behind it cannot be reached.",
        {"t": task("flaky", fails=9, retry_policy=RETRY), "u": task("noop", "t")},
    ),
    Scenario(
        "out-of-time", "Failed by its deadline while a task waited and another was deferred.",
        {"wait": task("wait", duration=3600), "later": task("later"), "after": task("noop", "wait")},
        more={"timeout": 600},
    ),
    Scenario(
        "cancelled", "Cancelled by a person while a task waited and an attempt was in flight.",
        {"wait": task("wait", duration=3600), "held": task("hold"), "after": task("noop", "wait")},
        (Life(steps=({"do": "cancel", "reason": "enough", "actor": PERSON}, FINISH)),),
    ),
    Scenario(
        "map", "Completed: the items of a map, one of them retried, read as a whole afterwards.",
        {
            "each": task("map", items="${input.items}", max_concurrency=3,
                         task=task("flaky", fails="${item % 2}", retry_policy=RETRY)),
            "sum": task("noop", "each", value="${tasks.each.output.map(n, n * 10)}"),
        },
        input={"items": ITEMS[:4]}, more={"output": "${tasks.sum.output}"},
    ),
    Scenario(
        "map-failed", "Failed: an item of a map failed for good, so those behind it never began.",
        {"each": task("map", items=ITEMS[:5], max_concurrency=2, task=task("flaky", fails="${index % 2}"))},
    ),
    Scenario(
        "large", "Failed: input, outputs and answers as blobs, answers from beside the core, one an error.",
        {
            "repeat": task("text", letter="é", size="${input.text.size()}"),
            "count": task("text", "repeat", "odd", of="${tasks.repeat.output + input.text}"),
            "odd": task("noop", "repeat", when="tasks.repeat.output.size() == 1"),
            "wrong": task("noop", "count", when="tasks.repeat.output[0] == 1"),
        },
        input=LONG, settings=SMALL,
    ),
    Scenario(
        "late", "Failed: a deferred attempt timed out and was completed all the same; another was declined.",
        {"late": task("later", timeout=60, retry_policy=RETRY | {"max_retries": 1}), "other": task("later")},
        (
            Life(steps=(
                {"do": "see", "type": "TaskDeferred"},
                {"do": "pass", "seconds": 61.0}, {"do": "see", "type": "RetryScheduled"},
                {"do": "complete", "path": "late", "output": 1}, {"do": "see", "type": "LateResultRefused"},
                {"do": "complete", "path": "other", "actor": PERSON, "error": DECLINED},
                FINISH,
            )),
        ),
    ),
    Scenario(
        "outlived", "Completed by a second engine, after the first had died with an attempt in flight.",
        CHAIN, (killed("TaskScheduled", "held"), Life(steps=RECOVER, holding=False)),
        input={"n": 1}, more=OUTPUT,
    ),
)  # fmt: skip

OPEN = (
    Scenario(
        "in-flight", "An attempt in flight behind one that has succeeded.",
        CHAIN, (killed("TaskScheduled", "held"),), RECOVER, {"n": 1}, OUTPUT,
    ),
    Scenario(
        "in-flight-secret", "An attempt in flight whose input has a hole for a secret.",
        {"held": task("hold", auth="Bearer ${secrets.api_token}", value=1)},
        (killed("TaskScheduled", "held"),), RECOVER, None, OUTPUT,
    ),
    Scenario(
        "first-question", "Nothing has begun: the input of the first task is still being evaluated.",
        {"count": task("text", of="${input.text}"),
         "next": task("noop", "count", value="${tasks.count.output}")},
        (killed("Asked"),), RECOVER, LONG, {"output": "${tasks.next.output}"}, SMALL,
    ),
    Scenario(
        "last-question", "Every task has ended; the output of the workflow is still being evaluated.",
        {"each": task("map", items=[1, 2, 3], task=task("add", n="${item}"))},
        (killed("Asked"),), RECOVER, None, {"output": "${tasks.each.output}"},
    ),
    Scenario(
        "answered", "A condition has been answered and used, a question about an input is open.",
        {"t": task("text", letter="x", size=250),
         "u": task("text", "t", of="${tasks.t.output}", when="tasks.t.output.size() > 9")},
        (killed("Asked", "u", 2),), RECOVER, None, {"output": "${tasks.u.output}"}, SMALL,
    ),
    Scenario(
        "backoff", "A retry is due later; another task waits for a time.",
        {"t": task("flaky", fails=1, retry_policy=RETRY),
         "wait": task("wait", duration=90, total_timeout=900)},
        (killed("RetryScheduled", "t"),), RECOVER, None, {"output": "${tasks.t.output}"},
    ),
    Scenario(
        "deferred", "A deferred attempt with a timeout; its token is used later.",
        {"later": task("later", timeout=3600)},
        (killed("TaskDeferred"),),
        ({"do": "recover"}, {"do": "complete", "path": "later", "output": {"ok": True}}, FINISH),
        None, {"output": "${tasks.later.output.ok}"},
    ),
    Scenario(
        "deferred-forgotten", "A deferred attempt whose token nobody uses before its timeout.",
        {"later": task("later", timeout=3600)}, (killed("TaskDeferred"),), RECOVER,
    ),
    Scenario(
        "completed-unowned", "The last task was completed while nobody drove the execution: no decision yet.",
        {"later": task("later")},
        (killed("TaskDeferred"), Life(steps=({"do": "complete", "path": "later", "output": 7},))),
        RECOVER, None, {"output": "${tasks.later.output}"},
    ),
    Scenario(
        "map-middle", "Items of a map have ended, are in flight, and have not begun.",
        {"each": task("map", items=ITEMS[:6], max_concurrency=3, task={
            "type": "hold", "input": {"value": "${item}", "hold": "${index > 1}"}, "retry_policy": RETRY}),
         "sum": task("noop", "each", value="${tasks.each.output.map(n, n + 1)}")},
        (killed("TaskScheduled", "each[4]"),), RECOVER, None, {"output": "${tasks.sum.output}"},
    ),
    Scenario(
        "map-backoff", "An item has failed for good, the other waits for its retry.",
        {"each": task("map", items=["again", "bad"], task=task(
            "flaky", fails=1, code="${item}", retry_policy=RETRY | {"no_retry_on": ["bad"]}))},
        (killed("TaskFailed", "each[1]"),), RECOVER,
    ),
    Scenario(
        "cancelling", "Cancelling was asked for; an attempt in flight has not ended yet.",
        {"held": task("hold"), "wait": task("wait", duration=3600)},
        (killed("CancelRequested", "", 1, {"do": "cancel", "reason": "enough", "actor": PERSON}),), RECOVER,
    ),
    Scenario(
        "request-waiting", "A cancel waits as a row: its living owner died before taking it.",
        {"held": task("hold")},
        (killed("TaskScheduled", "held", lingers=True), Life(steps=({"do": "cancel", "reason": "late"},))),
        RECOVER,
    ),
    Scenario(
        "total-timeout", "A task is out of time; the attempt that is interrupted has not ended yet.",
        {"held": task("hold", total_timeout=50), "after": task("noop", "held")},
        (killed("TimerFired", "held", 1, BEGUN, {"do": "pass", "seconds": 51.0}),), RECOVER,
    ),
    Scenario(
        "adopted-twice", "Two engines died with the same attempt; the first had got something done.",
        CHAIN, (killed("TaskScheduled", "held"), AGAIN, AGAIN), RECOVER, {"n": 1}, OUTPUT,
    ),
    Scenario(
        "attention", "An attempt that must not be repeated was lost: a person decides, others have ended.",
        {"held": task("charge", value=5), "other": task("noop"), "after": task("noop", "held")},
        (killed("TaskScheduled", "held"), Life(steps=RECOVER)),
        ({"do": "recover", "retry_lost": True}, FINISH), None, OUTPUT,
    ),
    Scenario(
        "lost-repeatedly", "Three engines that ended nothing died with the same attempt.",
        {"held": task("hold", value=5)},
        (killed("TaskScheduled", "held"), AGAIN, AGAIN, Life(steps=RECOVER)),
        ({"do": "recover", "retry_lost": True}, FINISH), None, OUTPUT,
    ),
    Scenario(
        "lost-twice", "Two engines that ended nothing died with an attempt: after one more a person decides.",
        {"held": task("hold", value=5)},
        (killed("TaskScheduled", "held"), AGAIN, AGAIN), RECOVER, None, OUTPUT,
    ),
    Scenario(
        "taken-over", "Taken over from an engine that lives but does not answer.",
        CHAIN,
        (killed("TaskScheduled", "held", lingers=True),
         killed("TaskScheduled", "held", 1, {"do": "take-over"}, FINISH)),
        RECOVER, {"n": 1}, OUTPUT,
    ),
    Scenario(
        "snapshot", "A map in its middle, with a snapshot of the state some events ago.",
        {"each": task("map", items=ITEMS, max_concurrency=2, task={
            "type": "hold", "input": {"value": "${item}", "hold": "${index > 5}"}}),
         "sum": task("noop", "each", value="${tasks.each.output.map(n, n + 1)}")},
        (killed("TaskScheduled", "each[7]"),), RECOVER, None, {"output": "${tasks.sum.output}"},
        {"snapshot_every": 12},
    ),
)  # fmt: skip

ENDED += ENDED_SCOPES + ENDED_LIMITS + ENDED_MESSAGES + ENDED_CHILDREN + ENDED_UNDOS + CHAINS[:1]
OPEN += OPEN_SCOPES + OPEN_LIMITS + OPEN_MESSAGES + OPEN_CHILDREN + OPEN_UNDOS + CHAINS[1:]
ENDED += ENDED_CONTROL + FORKS[1:]
OPEN += OPEN_CONTROL + FORKS[:1]
SCENARIOS = ENDED + OPEN
