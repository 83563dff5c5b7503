"""A secret reaches the task and nothing else: every byte that a run leaves behind is searched."""

import json
import signal
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from programs import Place, task

# Every encoding of it differs from every other.
SECRET = 'p4ss/"wörd"+&€\\=horse~battery'
SECRETS = {"secret": "${secrets.KEY}", "bearer": "Bearer ${secrets.KEY}"}


def needles() -> dict[str, bytes]:
    """Return every known form of the secret, shortened where its neighbours change the last characters."""
    raw = SECRET.encode()
    found = {
        "raw": raw,
        "url": quote(SECRET, safe="").encode(),
        "url with slashes": quote(SECRET).encode(),
        "form": quote_plus(SECRET).encode(),
        "json": json.dumps(SECRET)[1:-1].encode(),
        "json in utf-8": json.dumps(SECRET, ensure_ascii=False)[1:-1].encode(),
        "json in json": json.dumps(json.dumps(SECRET)[1:-1])[1:-1].encode(),
        "repr": repr(SECRET)[1:-1].encode(),
        "repr in json": json.dumps(repr(SECRET)[1:-1])[1:-1].encode(),
        "utf-16": SECRET.encode("utf-16-le"),
        "a part of any form": b"horse~battery",
    }
    for shift in range(3):
        for name, encode in (("base64", b64encode), ("url-safe base64", urlsafe_b64encode)):
            found[f"{name} {shift}"] = encode(b"x" * shift + raw)[
                4 * (shift > 0) : 4 * ((shift + len(raw)) // 3)
            ]
    return found


def leaks(folder: Path) -> list[str]:
    """Return in which file which form of the secret lies."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [
        f"{path.name}: {name}"
        for path in files
        for name, form in needles().items()
        if form in path.read_bytes()
    ]


@pytest.fixture
def keyed(place: Place) -> Place:
    place.environment["HARMONIA_SECRET_KEY"] = SECRET
    return place


def received(place: Place) -> int:
    """Return how often a task got the secret itself."""
    lines = (place.folder / "received").read_text().split()
    assert set(lines) == {sha256(SECRET.encode()).hexdigest()}
    return len(lines)


def tellers(**more: Any) -> dict[str, Any]:
    return {name: task("tell", args={**SECRETS, "then": name}, **more) for name in ("give", "raise", "crash")}


def test_the_search_would_find_every_form(tmp_path: Path) -> None:
    for number, (name, form) in enumerate(needles().items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "file").write_bytes(b"before" + form + b"after")
        assert f"file: {name}" in leaks(folder), form


@pytest.mark.parametrize(
    "options", [(), ("--json",), ("-vv",)], ids=lambda options: " ".join(options) or "plain"
)
def test_a_secret_that_tasks_echo_is_nowhere(keyed: Place, options: tuple[str, ...]) -> None:
    retried = tellers(retry_policy={"max_retries": 1, "initial_delay": 0})
    program = keyed.call("run", keyed.define(retried, output="${tasks.give}"), *options)
    assert program.process.returncode == 1, program.stderr
    assert received(keyed) == 5
    execution_id = keyed.execution()
    for command in ("show", "events", "logs"):
        for form in ((), ("--json",)):
            answer = keyed.ask("executions", command, execution_id, *form)
            assert answer.code == 0
            (keyed.folder / f"said.{command}{''.join(form)}").write_text(answer.stdout + answer.stderr)
    assert leaks(keyed.folder) == []
    view = keyed.show(execution_id)
    by_path = {one["path"]: one for one in view["tasks"]}
    assert by_path["give"]["output"]["forms"]["raw"] == "***"
    assert by_path["give"]["output"]["forms"]["bearer"] == "Bearer ***"
    assert by_path["raise"]["error"]["code"] == "told" and "***" in by_path["raise"]["error"]["message"]
    given = by_path["give"]
    assert given["input"]["args"] == {"secret": None, "bearer": None, "then": "give"}
    assert [hole["pointer"] for hole in given["holes"]] == [["args", "secret"], ["args", "bearer"]]
    assert keyed.rows("SELECT count(*) FROM heartbeat")[0][0] >= 1
    said = [data for (data,) in keyed.rows("SELECT data FROM activity")]
    assert any('"fields"' in data and "***" in data for data in said)
    chunks = [bytes(data) for (data,) in keyed.rows("SELECT data FROM blob_chunk")]
    assert any(b"***" in chunk for chunk in chunks)


def test_a_secret_is_nowhere_after_a_kill_and_is_filled_again(keyed: Place) -> None:
    file = keyed.define({"tell": task("tell", args={**SECRETS, "then": "hold"})})
    program = keyed.start("run", file, "-v")
    keyed.begun("tell", program)
    # A heartbeat is written at once; then everything that the task says at first has been said.
    from programs import until

    until(lambda: keyed.rows("SELECT 1 FROM heartbeat"), about="for a heartbeat")
    program.send(signal.SIGKILL)
    program.ended()
    assert (keyed.folder / "store.db-wal").stat().st_size > 0
    assert leaks(keyed.folder) == []
    recover = keyed.start("recover", "-v")
    keyed.begun("tell", recover)
    keyed.let_through(recover)
    assert recover.ended() == 0, recover.stderr
    assert received(keyed) == 2
    assert leaks(keyed.folder) == []


@pytest.mark.parametrize("then", ["give", "raise"])
def test_a_secret_in_a_process_of_its_own_is_nowhere(keyed: Place, then: str) -> None:
    args = {"secret": "${secrets.KEY}", "then": then}
    program = keyed.call(
        "run", keyed.define({"tell": task("tell_in_process", mode="process", args=args)}), "-vv"
    )
    assert program.process.returncode == {"give": 0, "raise": 1}[then], program.stderr
    assert leaks(keyed.folder) == []
    assert "***" in json.dumps(keyed.show(keyed.execution()))


@pytest.mark.parametrize(("value", "code"), [(None, "secret-missing"), ("abc", "secret")])
def test_a_missing_or_too_short_secret_fails_before_dispatch(place: Place, value: Any, code: str) -> None:
    if value:
        place.environment["HARMONIA_SECRET_KEY"] = value
    program = place.ask("run", place.define({"tell": task("tell", args={**SECRETS, "then": "give"})}))
    assert program.code == 1
    [one] = place.show(place.execution())["tasks"]
    assert one["error"]["code"].startswith(code) and not one["error"]["retryable"]
    assert place.marks() == []
