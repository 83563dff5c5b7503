"""`harmonia run` and `harmonia validate` as a person and as a program meet them."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from programs import HARMONIA, Answer, Place, Program, task, until

HELLO = {"greet": {"type": "transform", "input": {"value": "Hello, ${input.name}!"}}}
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "count": {"type": "integer"}}}
ECHO = {"echo": {"type": "transform", "input": {"value": "${input}"}}}


def write(place: Place, name: str, text: str) -> Path:
    path = place.folder / name
    path.write_text(text)
    return path


def code(said: Program | Answer) -> int:
    assert "Traceback" not in said.stderr
    return said.code


def problems(said: Program | Answer) -> list[dict[str, Any]]:
    """Return the problems on stdout, after checking that each has the shape every problem has."""
    (document,) = said.documents()
    found: list[dict[str, Any]] = document["problems"]
    assert code(said) == 2
    assert all(set(one) == {"code", "path", "line", "column", "message", "suggestion"} for one in found)
    return found


def test_the_output_goes_to_stdout_and_the_rest_to_stderr(place: Place) -> None:
    file = place.define(HELLO, output={"said": "${tasks.greet.output}"})
    program = place.call("run", file, "--input", "name=Ada")
    assert (code(program), json.loads(program.stdout)) == (0, {"said": "Hello, Ada!"})
    lines = program.stderr.splitlines()
    assert lines[0].startswith("acceptance 1.0.0, 1 task, execution ")
    assert lines[1] == "greet: running"
    assert lines[2].startswith("greet: succeeded in ")
    assert lines[-1].startswith("completed in ") and lines[-1].endswith(place.execution())
    assert "\033" not in program.stderr


def test_json_is_the_execution_its_events_and_its_result(place: Place) -> None:
    program = place.call(
        "run", place.define(HELLO, output="${tasks.greet.output}"), "--json", "-i", "name=Ada"
    )
    first, *events, last = program.documents()
    assert first == {"type": "execution", "id": place.execution()}
    assert [event["seq"] for event in events] == list(range(1, len(place.events()) + 1))
    assert [event["type"] for event in events] == [kind for _, kind, _ in place.events()]
    assert last == {
        "type": "result",
        "id": first["id"],
        "status": "completed",
        "output": "Hello, Ada!",
        "error": None,
        "failed_tasks": [],
    }
    assert (code(program), program.stderr) == (0, "")


def test_a_failed_workflow_says_why_and_ends_with_1(place: Place) -> None:
    tasks = {"bad": {"type": "fail", "input": {"error": "no-luck", "message": "two\nlines \x1b[2J"}}}
    program = place.call("run", place.define(tasks, output="x"))
    assert (code(program), program.stdout) == (1, "")
    assert "bad: failed in " in program.stderr
    assert "error: no-luck: two lines [2J\nfailed in " in program.stderr
    failed = place.ask("run", place.define(tasks), "--json").documents()[-1]
    assert (failed["status"], failed["error"]["code"], failed["failed_tasks"]) == (
        "failed",
        "no-luck",
        ["bad"],
    )


def test_an_output_of_any_size_is_printed_whole(place: Place) -> None:
    text = "long " * 40_000
    program = place.ask(
        "run", place.define(ECHO, output="${tasks.echo.output}"), "-i", f"text={text[:100_000]}"
    )
    assert json.loads(program.stdout) == {"text": text[:100_000]}


@pytest.mark.parametrize(
    ("name", "text"), [("in.json", '{"name": "Ada", "count": 3}'), ("in.yaml", "name: Ada\ncount: 3\n")]
)
def test_input_comes_from_a_file(place: Place, name: str, text: str) -> None:
    file = place.define(ECHO, input_schema=SCHEMA, output="${tasks.echo.output}")
    program = place.ask("run", file, "--input-file", write(place, name, text))
    assert json.loads(program.stdout) == {"name": "Ada", "count": 3}


def test_input_comes_from_stdin(place: Place) -> None:
    file = place.define(ECHO, output="${tasks.echo.output}")
    command = [HARMONIA, "run", file, "--input-file", "-", "--db", "memory://"]
    for text, expected in [('{"a": 1}', 0), ("{", 2)]:
        result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert result.returncode == expected, result.stderr


def test_a_wrong_input_is_refused_before_anything_exists(place: Place) -> None:
    file = place.define(ECHO, input_schema=SCHEMA)
    program = place.ask("run", file, "--json", "--input", "count=many")
    assert [(one["code"], one["path"]) for one in problems(program)] == [("input-invalid", "input.count")]
    assert not place.database.exists()


WRONG = """\
name: wrong
tasks:
  a: {typ: noop}
  b: {type: nop, depends_on: [c]}
  d: {type: noop, depends_on: [e]}
  e: {type: noop, depends_on: [d]}
"""


@pytest.mark.parametrize("command", ["run", "validate"])
def test_all_problems_come_at_once_with_their_places(place: Place, command: str) -> None:
    file = write(place, "wrong.yaml", WRONG)
    program = place.call(command, file, "--json", db=command == "run")
    found = {one["code"]: (one["line"], one["path"]) for one in problems(program)}
    assert found["key-unknown"] == (3, "tasks.a.typ")
    assert found["task-type-unknown"] == (4, "tasks.b.type")
    assert found["dependency-unknown"] == (4, "tasks.b.depends_on[0]")
    assert "dependency-cycle" in found
    program = place.ask(command, file, db=command == "run")
    assert (code(program), program.stdout) == (2, "")
    assert (
        f"{file}:3:7: tasks.a.typ: unknown key 'typ' (did you mean 'type'?) [key-unknown]" in program.stderr
    )
    assert not place.database.exists()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.yaml", None, "file-not-found"),
        ("a.txt", b"name: x", "format-unknown"),
        ("latin.yaml", b"name: \xe9", "file-unreadable"),
        ("empty.yaml", b"", "document-empty"),
    ],
)
def test_a_file_that_is_no_definition_is_a_problem(
    place: Place, name: str, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (place.folder / name).write_bytes(content)
    assert [one["code"] for one in problems(place.ask("validate", name, "--json", db=False))] == [expected]


def test_a_valid_definition_is_described(place: Place) -> None:
    file = place.define(HELLO)
    program = place.call("validate", file, db=False)
    assert (code(program), program.stdout) == (0, f"{file}: valid: acceptance 1.0.0, 1 task\n")
    (document,) = place.ask("validate", file, "--json", db=False).documents()
    assert document["problems"] == [] and document["workflow"]["tasks"] == 1


@pytest.mark.parametrize(
    ("db", "said"),
    [
        ("nosuch://x", "known: memory, postgres, postgresql, sqlite"),
        ("sqlite:////proc/nowhere/x.db", "cannot be made"),
        ("sqlite:///", "names no file"),
        ("sqlite:///broken.db", "broken.db"),
    ],
)
def test_a_store_that_cannot_be_used_ends_with_4(place: Place, db: str, said: str) -> None:
    write(place, "broken.db", "this is no database, though it is long enough to be looked at " * 20)
    program = place.ask("run", place.define(HELLO), "-i", "name=x", "--db", db, db=False)
    assert code(program) == 4
    assert said in program.stderr


def test_an_unknown_scheme_names_the_distribution_to_install(place: Place) -> None:
    place.environment["HARMONIA_DISABLED_PLUGINS"] = "sql"
    program = place.ask("executions", "list", "--json", "--db", "postgresql://x/y", db=False)
    (document,) = program.documents()
    assert (code(program), document["error"]["code"]) == (4, "plugin-not-found")
    assert "harmonia-sql" in document["error"]["message"]


def test_the_default_store_lies_in_the_data_folder_of_this_user_alone(place: Place) -> None:
    place.environment["HARMONIA_DATA_DIR"] = str(place.folder / "deep" / "data")
    assert code(place.call("run", place.define(HELLO), "-i", "name=x", db=False)) == 0
    folder = place.folder / "deep" / "data"
    assert (folder / "harmonia.db").exists()
    assert folder.stat().st_mode & 0o777 == 0o700
    place.environment["HARMONIA_DATA_DIR"] = "/proc/nowhere"
    program = place.call("run", place.define(HELLO), "-i", "name=x", db=False)
    assert code(program) == 4 and "HARMONIA_DATA_DIR" in program.stderr


def test_modules_beside_the_definition_may_be_called_and_that_is_said(place: Place) -> None:
    write(place, "beside.py", "def double(n):\n    return 2 * n\n")
    call = {"type": "python", "input": {"callable": "beside:double", "args": {"n": 21}}}
    marked = task("mark", args={"value": 1})
    program = place.call("run", place.define({"a": call, "b": marked}, output="${tasks.a.output}"))
    assert (code(program), program.stdout) == (0, "42\n")
    assert program.stderr.splitlines()[0] == "Tasks may call the modules beside the definition: beside."
    assert place.show(place.execution())["labels"] == {"harmonia.modules": str(place.folder)}


def test_without_python_tasks_nothing_is_said_of_modules(place: Place) -> None:
    write(place, "beside.py", "")
    program = place.ask("run", place.define(HELLO), "-i", "name=x")
    assert "beside" not in program.stderr
    assert place.show(place.execution())["labels"] == {}


@pytest.mark.parametrize("module", ["os", "yaml", "work"])
def test_a_module_that_another_one_hides_is_not_allowed_for_it(place: Place, module: str) -> None:
    write(place, f"{module}.py", "def system():\n    return 1\n")
    place.environment["HARMONIA_PLUGINS__TASKS__PYTHON_MODULES"] = ""
    call = {"type": "python", "input": {"callable": f"{module}:system"}}
    assert [one["code"] for one in problems(place.call("run", place.define({"a": call}), "--json"))] == [
        "module-not-allowed"
    ]


def test_a_reader_that_goes_away_does_not_stop_the_execution(place: Place) -> None:
    tasks = {"a": {"type": "wait", "input": {"duration": 0.3}}, "b": {"type": "noop", "depends_on": "a"}}
    command = f"'{HARMONIA}' run '{place.define(tasks)}' --json --db {place.url} | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout)["type"] == "execution"
    assert result.stderr == ""
    assert place.events()[-1][1] == "ExecutionCompleted"


def test_wrong_usage_ends_with_2(place: Place) -> None:
    for arguments in (["run"], ["run", "x", "--nonsense"], ["nonsense"], ["executions", "nonsense"]):
        assert code(place.call(*arguments, db=False)) == 2


def test_ctrl_c_says_what_happens_and_how_to_go_on(place: Place) -> None:
    program = place.start("run", place.define({"held": task("ignore")}))
    place.begun("held", program)
    program.send(signal.SIGINT)
    until(lambda: "Interrupted: cancelling. Ctrl-C again leaves at once.\n" in program.stderr)
    program.send(signal.SIGINT)
    assert program.ended() == 130
    assert f"Left at once; `harmonia recover --db {place.url}` goes on with it.\n" in program.stderr
