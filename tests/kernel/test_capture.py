"""The routers in place of sys.stdout and sys.stderr: installed once, gone afterwards."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest

from harmonia_core.engine import capture
from harmonia_core.engine.capture import OutputTooLarge, Prints, Stream, speaker
from harmonia_core.engine.masking import Masker


class Heard:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def printed(self, stream: Stream, text: str) -> None:
        self.said.append((stream, text))


@contextmanager
def streams() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Put streams in place for the block; pytest changes its own between fixtures and tests."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        yield out, err


@pytest.fixture
def heard() -> Iterator[Heard]:
    who = Heard()
    token = speaker.set(who)
    yield who
    speaker.reset(token)


def test_the_last_user_takes_the_routers_away() -> None:
    with streams() as (out, err):
        capture.install()
        router = sys.stdout
        capture.install()
        assert sys.stdout is router and sys.stdout is not out
        capture.uninstall()
        assert sys.stdout is router
        capture.uninstall()
        assert sys.stdout is out and sys.stderr is err
        capture.uninstall()
        assert sys.stdout is out


def test_what_others_put_in_place_stays() -> None:
    with streams() as (_, err):
        capture.install()
        mine = io.StringIO()
        sys.stdout = mine
        capture.uninstall()
        assert sys.stdout is mine and sys.stderr is err


def test_nobody_speaking_passes_through() -> None:
    with streams() as (out, err):
        capture.install()
        print("out")
        print("err", file=sys.stderr, flush=True)
        sys.stdout.writelines(["a", "b"])
        assert sys.stdout.getvalue() == "out\nab"  # type: ignore[attr-defined]
        capture.uninstall()
        assert (out.getvalue(), err.getvalue()) == ("out\nab", "err\n")


def test_who_speaks_is_heard(heard: Heard) -> None:
    with streams() as (out, err):
        capture.install()
        sys.stdout.write("a")
        sys.stderr.writelines(["b"])
        sys.stdout.buffer.write(b"c")
        sys.stdout.buffer.flush()
        sys.stdout.flush()
        with pytest.raises(TypeError, match="must be str, not bytes"):
            sys.stdout.write(b"d")  # type: ignore[arg-type]
        capture.uninstall()
        assert heard.said == [("stdout", "a"), ("stderr", "b"), ("stdout", "c")]
        assert out.getvalue() == err.getvalue() == ""


def test_lines_are_cut_across_writes() -> None:
    lines: list[tuple[str, str]] = []
    prints = Prints(1000, None, lambda stream, line: lines.append((stream, line)))
    prints.write("stdout", "a")
    prints.write("stderr", "x\r\n")
    prints.write("stdout", "b\nc\n\nd")
    prints.close()
    prints.close()
    assert lines == [("stderr", "x"), ("stdout", "ab"), ("stdout", "c"), ("stdout", ""), ("stdout", "d")]


def test_a_secret_over_writes_and_lines_is_masked() -> None:
    lines: list[str] = []
    prints = Prints(1000, Masker(["first line\nsecond line"]), lambda stream, line: lines.append(line))
    for piece in ("say first", " line\nsecond", " line", " end\nhunter first"):
        prints.write("stdout", piece)
    prints.close()
    assert lines == ["say *** end", "hunter first"]


def test_the_limit_counts_bytes_of_both_streams() -> None:
    lines: list[str] = []
    prints = Prints(10, None, lambda stream, line: lines.append(line))
    prints.write("stdout", "ééé\n")
    prints.write("stderr", "abc")
    with pytest.raises(OutputTooLarge) as caught:
        prints.write("stdout", "d")
    assert (caught.value.error_code, caught.value.retryable) == ("output-too-large", False)
    assert lines == ["ééé"]
