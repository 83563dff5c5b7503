"""Places where something runs out, for real: a small disk, few open files, files that may not be changed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("tight_place.py")
MOUNTED = 'mount -t tmpfs -o size=1m none "$0" || exit 77; exec "$@"'


def ran(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77 or "unshare" in done.stderr or "Operation not supported" in done.stderr:
        pytest.skip("not allowed here, or not supported by this file system")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def on_a_small_disk(folder, what):
    """Run a function of the script on a disk of 1 MiB; return what it said, and its log."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a small disk takes a mount of its own, so root")
    disk = folder / "disk"
    disk.mkdir()
    script = [sys.executable, str(SCRIPT), what, str(disk / "harmonia.db")]
    return ran(["unshare", "--mount", "sh", "-c", MOUNTED, str(disk), *script])


def test_no_room_when_it_is_opened(tmp_path):
    (full, room, commit), _ = on_a_small_disk(tmp_path, "open_without_room")
    assert full["code"] == "store-full"
    assert f"no room for the database {tmp_path / 'disk' / 'harmonia.db'}" in full["error"]
    assert "free space on its disk" in full["error"]
    assert (room["code"], commit["code"]) == (None, None)


def test_no_room_for_a_checkpoint(tmp_path):
    (commit, put_off, full, well), log = on_a_small_disk(tmp_path, "checkpoint_without_room")
    assert commit["code"] is None, "what the log has room for is committed"
    assert put_off["pages"] is True
    assert (full["ok"], full["code"]) == (False, "store-full")
    assert log.count("Upkeep is put off") == 1 and "no room for the database" in log
    assert well["ok"] is True


def test_no_room_for_a_vacuum(tmp_path):
    (vacuum, commit, whole), _ = on_a_small_disk(tmp_path, "vacuum_without_room")
    assert vacuum["code"] == "store-full" and "free space" in vacuum["error"]
    assert commit["code"] is None
    assert (whole["problems"], whole["heads"]) == (0, 30)


def test_too_many_open_files(tmp_path):
    said, _ = ran([sys.executable, str(SCRIPT), "without_files", str(tmp_path / "harmonia.db")])
    refused, read, commit, ill, opened, well = said
    for answer in (refused, read, ill):
        assert answer["code"] == "store-unavailable", answer
        assert "too many open files" in answer["error"] and "ulimit -n" in answer["error"]
    assert commit["code"] is None, "its files are open already"
    assert opened["code"] is None and well["ok"] is True


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("chattr") is None, reason="needs root and chattr")
def test_read_only_in_the_middle(tmp_path):
    said, _ = ran([sys.executable, str(SCRIPT), "unchangeable", str(tmp_path / "harmonia.db")])
    refused, ill, commit, well = said
    assert refused["code"] == ill["code"] == "store-read-only"
    assert "read-only" in refused["error"] and str(tmp_path) in refused["error"]
    assert commit["code"] is None and well["ok"] is True
