"""A plugin's command is a command of `harmonia`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
from harmonia_core import CliCommand, Faces, hookimpl

def greet(words):
    print("Hello,", *words)
    return 7

@hookimpl
def harmonia_faces():
    mine = CliCommand("greet", "Say hello.", greet)
    taken = CliCommand("version", "Take over.", greet)
    return [Faces("greeting", commands=(mine, taken))]
"""


@pytest.fixture
def harmonia(tmp_path: Path):
    plugin = tmp_path / "greeting.py"
    plugin.write_text(PLUGIN, "utf-8")
    environment = {**os.environ, "HARMONIA_PLUGIN_FILES": str(plugin), "HARMONIA_DATA_DIR": str(tmp_path)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from harmonia_api.cli import main; main()", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return run


def test_it_gets_the_words_behind_its_name_and_gives_the_exit_code(harmonia) -> None:
    done = harmonia("greet", "Ada", "--loud")
    assert (done.returncode, done.stdout) == (7, "Hello, Ada --loud\n")


def test_it_cannot_take_over_a_command_of_harmonia(harmonia) -> None:
    done = harmonia("version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "harmonia")


def test_a_word_that_nobody_knows_is_still_refused(harmonia) -> None:
    done = harmonia("gret")
    assert done.returncode == 2
    assert "gret" in done.stderr
