"""`shell`: what a command gets, and what becomes of what it writes."""

import json
from pathlib import Path
from typing import Any

import pytest
from running import failure, run

pytestmark = pytest.mark.anyio


async def test_a_program_gets_its_arguments_and_the_output_says_how_it_ended(ctx: Any) -> None:
    output = await run(ctx, ["printf", "%s|", "a b", 3, 0.5, ""])
    assert output["seconds"] > 0
    assert {**output, "seconds": 0} == {
        "exit_code": 0,
        "signal": None,
        "stdout": "a b|3|0.5||",
        "stderr": None,
        "seconds": 0,
    }


@pytest.mark.parametrize(
    "data", ["; touch hacked", "$(touch hacked)", "`touch hacked`", "a' b\"", "-n", "*", "é\n"]
)
async def test_arguments_and_variables_are_data_and_never_run(ctx: Any, data: str, tmp_path: Path) -> None:
    by_argument = await run(ctx, ["printf", "%s", data], cwd=str(tmp_path))
    by_variable = await run(ctx, 'printf %s "$DATA"', env={"DATA": data}, cwd=str(tmp_path))
    assert by_argument["stdout"] == by_variable["stdout"] == data
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("shell", "name"), [(True, "sh"), ("/bin/bash", "bash")])
async def test_a_script_runs_in_the_shell_that_was_asked_for(ctx: Any, shell: Any, name: str) -> None:
    output = await run(ctx, 'printf %s "$0" | sed "s,.*/,,"', shell=shell)
    assert output["stdout"] == name


@pytest.mark.parametrize(
    ("stdin", "text"),
    [
        (None, ""),
        ("", ""),
        ("two\nlines é", "two\nlines é"),
        ({"a": [1, "é"]}, '{"a": [1, "é"]}'),
        ([], "[]"),
        (7, "7"),
        (False, "false"),
    ],
)
async def test_stdin_is_text_or_json(ctx: Any, stdin: Any, text: str) -> None:
    assert (await run(ctx, ["cat"], stdin=stdin))["stdout"] == text


async def test_large_input_passes_through_and_need_not_be_read(ctx: Any) -> None:
    data = "x" * 3_000_000
    assert (await run(ctx, ["wc", "-c"], stdin=data))["stdout"].strip() == "3000000"
    assert (await run(ctx, ["true"], stdin=data))["exit_code"] == 0


async def test_the_environment_is_closed(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATE_TOKEN", "x")
    monkeypatch.setenv("HARMONIA_SECRET_KEY", "x")
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("HOME", "/nowhere")
    found = await environment(ctx)
    assert set(found) - {"PWD", "SHLVL", "_", "OLDPWD"} <= {
        *("PATH", "HOME", "LANG", "TZ", "TMPDIR"),
        *(name for name in found if name.startswith("LC_")),
        *("HARMONIA_EXECUTION", "HARMONIA_PATH", "HARMONIA_ATTEMPT", "HARMONIA_IDEMPOTENCY_KEY"),
    }
    assert (found["LC_TIME"], found["HOME"]) == ("C", "/nowhere")
    assert (found["HARMONIA_IDEMPOTENCY_KEY"], found["HARMONIA_ATTEMPT"]) == ("e1:task", "1")


async def test_the_environment_is_what_the_definition_says(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATE_TOKEN", "x")
    monkeypatch.setenv("HARMONIA_SECRET_KEY", "x")
    found = await environment(
        ctx, inherit_env=["PATH", "PRIVATE_*", "HARMONIA_*"], env={"PORT": 80, "PATH": "/bin:/usr/bin"}
    )
    assert (found["PRIVATE_TOKEN"], found["PORT"], found["PATH"]) == ("x", "80", "/bin:/usr/bin")
    assert "HARMONIA_SECRET_KEY" not in found
    assert "HOME" not in found


async def environment(ctx: Any, **more: Any) -> dict[str, str]:
    output = await run(ctx, ["env", "-0"], **more)
    return dict(pair.split("=", 1) for pair in output["stdout"].split("\0") if pair)


async def test_a_command_runs_where_it_should(ctx: Any, tmp_path: Path) -> None:
    output = await run(ctx, ["pwd", "-P"], cwd=str(tmp_path), stdout="lines")
    assert output["stdout"] == [str(tmp_path.resolve())]
    program = tmp_path / "own"
    program.write_text("#!/bin/sh\necho own\n")
    program.chmod(0o755)
    assert (await run(ctx, ["./own"], cwd=str(tmp_path)))["stdout"] == "own\n"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('{"a": 1}\n', "json", {"a": 1}),
        ("null", "json", None),
        ("a\r\n\nb", "lines", ["a", "", "b"]),
        ("a\n", "lines", ["a"]),
        ("", "lines", []),
        ("a\n", "text", "a\n"),
        ("a\n", "discard", None),
    ],
)
async def test_stdout_becomes_what_was_asked_for(ctx: Any, text: str, kind: str, value: Any) -> None:
    assert (await run(ctx, ["cat"], stdin=text, stdout=kind))["stdout"] == value


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": 1} x'])
async def test_stdout_that_is_not_json_fails(ctx: Any, text: str) -> None:
    error = await failure(ctx, ["cat"], stdin=text, stdout="json")
    assert (error.error_code, error.category, error.retryable) == ("output-not-json", "validation", False)


async def test_bytes_that_are_no_text_are_replaced_or_refused(ctx: Any) -> None:
    noise = r"printf 'a\377\000\200b'"
    assert (await run(ctx, noise))["stdout"] == "a\ufffd\0\ufffdb"
    assert (await run(ctx, noise, encoding="latin-1"))["stdout"] == "aÿ\0\x80b"
    error = await failure(ctx, noise, undecodable="error")
    assert (error.error_code, error.retryable) == ("output-not-text", False)
    assert "at byte 1" in str(error)


async def test_stdin_is_written_in_the_encoding(ctx: Any) -> None:
    output = await run(ctx, ["od", "-An", "-tx1"], stdin="é", encoding="latin-1")
    assert output["stdout"].split() == ["e9"]
    assert (await failure(ctx, ["cat"], stdin="→", encoding="latin-1")).error_code == "input-invalid"


async def test_stdout_can_be_an_artifact(ctx: Any) -> None:
    output = await run(
        ctx, "head -c 3000000 /dev/zero", stdout="artifact", artifact="zeros", media_type="application/zeros"
    )
    reference = {"name": "zeros", "size": 3_000_000, "media_type": "application/zeros"}
    assert output["stdout"] == {"$artifact": reference}
    assert bytes(ctx.artifacts["zeros"].data) == bytes(3_000_000)


async def test_stderr_goes_to_the_log_line_by_line(ctx: Any) -> None:
    output = await run(ctx, "for n in $(seq 1000); do echo line $n >&2; done; printf rest >&2; echo out")
    assert (output["stdout"], output["stderr"]) == ("out\n", None)
    assert [text for _, text in ctx.lines] == [*(f"line {n}" for n in range(1, 1001)), "rest"]
    assert ctx.lines[0] == ("info", "line 1")
    assert ctx.fields[0] == {"stream": "stderr"}


async def test_stderr_becomes_what_was_asked_for(ctx: Any) -> None:
    script = "echo out; echo err >&2"
    assert (await run(ctx, script, stderr="text"))["stderr"] == "err\n"
    assert (await run(ctx, script, stderr="stdout"))["stdout"] == "out\nerr\n"
    assert (await run(ctx, script, stderr="discard"))["stderr"] is None
    assert ctx.lines == []


@pytest.mark.parametrize("kind", ["text", "discard", "artifact"])
async def test_stdout_goes_to_the_log_too_if_asked_for(ctx: Any, kind: str) -> None:
    await run(ctx, "printf 'one\\r\\ntwo'", stdout=kind, log_stdout=True)
    assert [text for _, text in ctx.lines] == ["one", "two"]
    assert ctx.fields[0] == {"stream": "stdout"}


async def test_lines_are_logged_while_the_command_runs(ctx: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    log = ctx.log

    def open_gate(level: str, text: str, **fields: Any) -> None:
        log(level, text, **fields)
        gate.touch()

    ctx.log = open_gate
    await run(ctx, f"echo waiting >&2; while ! [ -e {gate} ]; do sleep 0.01; done")
    assert ctx.printed == "waiting"


@pytest.mark.parametrize("code", [1, 3, 255])
async def test_an_unexpected_exit_fails_the_task(ctx: Any, code: int) -> None:
    error = await failure(ctx, f"echo out; echo first >&2; echo reason >&2; exit {code}")
    assert (error.error_code, error.category, error.retryable) == ("exit-code", "task", True)
    details = {**error.data, "seconds": 0}
    assert details == {"exit_code": code, "stderr": "first\nreason", "stdout": "out", "seconds": 0}
    assert str(error) == f"The script ended with exit code {code}: reason"


async def test_expected_exits_succeed(ctx: Any) -> None:
    assert (await run(ctx, "exit 3", expected_exit=3))["exit_code"] == 3
    assert (await run(ctx, "exit 4", expected_exit=[0, 4]))["exit_code"] == 4
    assert (await failure(ctx, "exit 0", expected_exit=[1])).data["exit_code"] == 0
    assert (await run(ctx, "exit 9", expected_exit="any"))["exit_code"] == 9
    output = await run(ctx, "kill -TERM $$", expected_exit="any")
    assert (output["exit_code"], output["signal"]) == (143, "SIGTERM")


async def test_an_error_shows_the_end_of_a_stream_in_whole_lines(ctx: Any) -> None:
    many = 'i=0; while [ $i -lt 3000 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 1'
    for kind in ("log", "text"):
        shown = (await failure(ctx, many, stderr=kind)).data["stderr"].split("\n")
        assert shown[-1] == "line 2999"
        assert 300 < len(shown) < 500
        assert all(line.startswith("line ") for line in shown)
    error = await failure(ctx, "head -c 9000 /dev/zero | tr '\\0' x >&2; exit 1")
    assert error.data["stderr"] == "(a line of 9,000 characters)"


@pytest.mark.parametrize("number", ["TERM", "KILL", "SEGV"])
async def test_a_command_that_is_killed_fails_the_task(ctx: Any, number: str) -> None:
    error = await failure(ctx, f"echo oops >&2; kill -{number} $$")
    assert (error.error_code, error.category, error.retryable) == ("killed-by-signal", "task", True)
    assert {**error.data, "seconds": 0} == {"signal": f"SIG{number}", "stderr": "oops", "seconds": 0}


async def test_what_cannot_be_started_fails_for_good(ctx: Any, tmp_path: Path) -> None:
    plain, broken, lost = tmp_path / "plain", tmp_path / "broken", tmp_path / "lost"
    plain.write_text("echo")
    broken.write_bytes(b"\x7fELF nonsense")
    lost.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    lost.chmod(0o755)
    codes = {
        "no-such-program": "command-not-found",
        "/no/such/program": "command-not-found",
        str(lost): "command-not-found",
        str(plain): "command-not-executable",
        str(broken): "command-not-executable",
        str(tmp_path): "command-not-executable",
    }
    found = {program: await failure(ctx, [program]) for program in codes}
    assert {program: error.error_code for program, error in found.items()} == codes
    assert {error.retryable for error in found.values()} == {False}
    missing = await failure(ctx, ["true"], cwd=str(tmp_path / "missing"))
    assert (missing.error_code, missing.retryable) == ("cwd-not-found", False)
    large = await failure(ctx, ["true", "x" * 4_000_000])
    assert (large.error_code, large.retryable) == ("command-too-large", False)


async def test_signals_are_as_a_command_expects_them(ctx: Any) -> None:
    """Python ignores SIGPIPE; a command that inherits that never ends in `yes | head`."""
    output = await run(ctx, "yes | head -n 1; grep -E 'Sig(Ign|Blk)' /proc/self/status", stdout="lines")
    assert output["stdout"][0] == "y"
    # The C library keeps signals 32 and 33 to itself: nobody can undo what a parent did with them.
    own = 0b11 << (32 - 1)
    assert {int(line.split()[1], 16) & ~own for line in output["stdout"][1:]} == {0}


async def test_a_command_has_only_its_own_descriptors(ctx: Any) -> None:
    output = await run(ctx, ["ls", "/proc/self/fd"], stdout="lines", stdin=json.dumps("x"))
    assert output["stdout"] == ["0", "1", "2", "3"]  # 3 is the folder that is listed
