"""Executions that operators steer from other processes, through kill -9 and without an owner."""

from programs import Place, task, until

ABC = {"a": task("hold"), "b": task("mark", ["a"], args={"value": 7}), "c": task("mark", ["b"])}


def test_paused_killed_recovered_and_resumed_it_completes(place: Place) -> None:
    program = place.start("run", place.define(ABC, output="${tasks.b.output}"))
    place.begun("a", program)
    id = place.execution()
    paused = place.call("executions", "pause", id, "--reason", "the database moves")
    assert (paused.code, paused.stdout.split("; ")[:2]) == (
        0, [f"{id}: paused", "attempts in flight end first"],
    )  # fmt: skip
    program.process.kill()
    program.ended()
    again = place.ask("executions", "pause", id, "--json")
    assert again.documents() == [{"id": id, "status": "paused", "changed": False}]

    recovered = place.start("recover")
    assert recovered.ended() == 1, recovered.stderr
    assert recovered.stdout.splitlines()[0] == f"{id}: paused"
    assert "executions resume" in recovered.stdout.splitlines()[1]
    kinds = [kind for _, kind, _ in place.events()]
    assert kinds[-1] == "AttemptLost" and kinds.count("TaskScheduled") == 1
    left = place.ask("recover", "--json")
    assert left.code == 0 and left.documents()[-1]["paused"] == [id]
    assert [kind for _, kind, _ in place.events()] == kinds, "run twice it does nothing"

    resumed = place.start("executions", "resume", id)
    place.begun("a", resumed)
    place.let_through(resumed)
    assert resumed.ended() == 0, resumed.stderr
    assert resumed.stdout == f"{id}: completed\n"
    view = place.show(id)
    assert (view["status"], view["output"]) == ("completed", 7) and "paused" not in view
    assert [(mark.path, mark.attempt) for mark in place.marks()] == [("a", 1), ("a", 1), ("b", 1), ("c", 1)]
    assert place.ask("executions", "resume", id).code == 1
    assert place.ask("db", "check", "--deep").code == 0


def test_a_paused_run_rests_says_how_to_go_on_and_what_is_deaf_is_terminated(place: Place) -> None:
    tasks = {"a": task("hold"), "b": task("ignore", ["a"])}
    program = place.start("run", place.define(tasks))
    place.begun("a", program)
    id = place.execution()
    assert place.ask("executions", "pause", id, "--no-wait").code == 0
    until(lambda: place.events()[-1][1] == "ExecutionPaused", about="for the pause")
    place.let_through(program)
    assert program.ended() == 5
    assert (
        program.stderr.splitlines()[-1]
        == f"`harmonia executions resume {id} --db {place.url}` lets it go on."
    )
    assert place.show(id)["tasks"][0]["status"] == "succeeded"

    recorded = place.ask("executions", "resume", id, "--no-wait", "--json")
    assert recorded.documents() == [{"type": "resumed", "id": id, "status": "running", "changed": True}]
    deaf = place.start("recover")
    place.begun("b", deaf)
    ended = place.ask("executions", "terminate", id, "--reason", "it hangs")
    assert (ended.code, ended.stdout) == (0, f"{id}: terminated\n")
    assert place.ask("executions", "terminate", id).code == 0
    assert place.ask("executions", "cancel", id).code == 1
    events = place.events()
    place.let_through(deaf)
    assert deaf.ended() == 1 and deaf.stdout == f"{id}: terminated\n"
    assert place.events() == events, "what is final never changes"


def test_steered_without_an_owner(place: Place) -> None:
    tasks = {**ABC, "d": {"type": "noop", "depends_on": ["c"], "input": {"limit": "${vars.limit}"}}}
    file = place.define(tasks, vars={"limit": 1}, output="${tasks.d.output}")
    program = place.start("run", file, "--priority", "7")
    place.begun("a", program)
    program.process.kill()
    program.ended()
    id = place.execution()
    for words, code in (
        (("set", id, "limit=2"), 1),
        (("pause", id, "--timers", "hold"), 0),
        (("set", id, "limit=2"), 0),
        (("set", id, "limt=2"), 1),
        (("skip", id, "a", "--output", '{"given": true}'), 0),
        (("skip", id, "b", "--output", "{"), 2),
        (("skip", id, "b", "--output", "2"), 0),
        (("retry", id, "c"), 1),
        (("priority", id, "-3"), 0),
        (("priority", id, "300"), 2),
    ):
        answer = place.ask("executions", *words)
        assert answer.code == code, (words, answer)
    shown = place.ask("executions", "actions", id, "--json").documents()[0]
    assert shown["status"] == "paused" and shown["tasks"]["c"]["retry"]["code"] == "task-not-stopped"
    assert place.show(id)["priority"] == -3
    resumed = place.ask("executions", "resume", id, "--json")
    assert resumed.code == 0 and resumed.documents()[-1]["status"] == "completed"
    assert place.show(id)["output"] == {"limit": 2}
    assert [mark.path for mark in place.marks()] == ["a", "c"]
