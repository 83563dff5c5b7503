"""One branch of a parallel task is carried out again; what the others did stays."""

from building import Play, composite, graph, scope, task

from harmonia_core.engine.rewind import FromTasks, Origin, rewind
from harmonia_core.model.state import begin


def two_branches() -> Play:
    """Return an execution whose second branch has failed, beside a first that has succeeded."""
    left = composite("left", inside=scope(task("a"), task("b", "a")))
    right = composite("right", inside=scope(task("c"), task("d", "c"), task("e")))
    play = Play(graph(composite("both", inside=scope(right, left)), task("after", "both"), task("beside")))
    for path in ("beside", "both/left/a", "both/left/b", "both/right/c", "both/right/e"):
        play.end(path, output=path)
    play.fail("both/right/d")
    assert play.final and play.statuses()["after"] == "unreachable"
    return play


def re_run_of_one_branch() -> None:
    """Assert what runs again of it, and what does not, from the middle of the second branch."""
    play = two_branches()
    origin = Origin(play.graph, begin(play.graph, "x"), tuple(play.log))
    rewound = rewind(origin, FromTasks(("both/right/c",)))
    assert set(rewound.again) == {"both/right/c", "both/right/d", "after"}
    assert set(rewound.reopened) == {"both", "both/right"}
    assert set(rewound.reused) == {"both/left", "both/right/e", "beside"}
    assert {one.path for one in rewound.repeats} == {"both/right/c", "both/right/d"}
    found = {path: rewound.state.task(path) for path in (*rewound.again, *rewound.reused)}
    statuses = {path: found_.status.value for path, found_ in found.items() if found_ is not None}
    assert [statuses[path] for path in ("both/right/c", "both/right/d", "after")] == [
        "ready",
        "waiting",
        "waiting",
    ]
    assert statuses["both/left"] == "succeeded"
