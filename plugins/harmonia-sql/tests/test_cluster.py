"""The test cluster: made, shared, restarted, and never left behind."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harmonia_sql.testing import __main__ as command
from harmonia_sql.testing import binaries
from harmonia_sql.testing.cluster import Cluster


def test_a_cluster_is_durable_and_ordered_by_language(own_postgres):
    cluster = own_postgres
    assert cluster.psql("SHOW fsync") == "on" and cluster.psql("SHOW synchronous_commit") == "on"
    url, before = cluster.create_database(), cluster.port
    cluster.psql("CREATE TABLE kept AS SELECT 1", url.rpartition("/")[2])
    cluster.restart("immediate")
    assert cluster.port == before
    assert cluster.psql("TABLE kept", url.rpartition("/")[2]) == "1"
    if cluster._modern:
        assert cluster.psql("SELECT 'a' < 'B'") == "t"
    cluster.stop()
    assert not cluster.running


def test_the_command_starts_once_and_removes(tmp_path, capsys, monkeypatch):
    if binaries.find_programs() is None:
        pytest.skip("no PostgreSQL")
    folder = tmp_path / "trial"
    monkeypatch.setattr(sys, "argv", ["testing", "start", "--folder", str(folder)])
    assert command.main() == 0
    url = capsys.readouterr().out
    assert command.main() == 0
    assert capsys.readouterr().out == url
    cluster = Cluster.at(Path((folder / "place").read_text()))
    monkeypatch.setattr(sys, "argv", ["testing", "stop", "--folder", str(folder)])
    assert command.main() == 0 and not cluster.running
    monkeypatch.setattr(sys, "argv", ["testing", "remove", "--folder", str(folder)])
    assert command.main() == 0 and not cluster.folder.exists()


def test_who_is_killed_leaves_no_cluster_behind(tmp_path):
    if binaries.find_programs() is None:
        pytest.skip("no PostgreSQL")
    program = """
        import os, pathlib, signal, sys
        from harmonia_sql.testing.shared import shared_cluster
        with shared_cluster(pathlib.Path(sys.argv[1])) as cluster:
            print(cluster.folder, cluster.running, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    folder, running = done.stdout.split()
    assert running == "True"
    # The guard holds the lock while it deletes; whoever gets it afterwards finds nothing.
    users = os.open(tmp_path / "postgres.users", os.O_RDWR)
    from harmonia_sql.testing.shared import end_if_unused

    end_if_unused(tmp_path, users, wait=True)
    os.close(users)
    assert not Path(folder).exists()


def test_without_programs_a_test_is_skipped_and_fails_where_they_must_be(monkeypatch):
    from harmonia_sql.testing import fixtures

    monkeypatch.setattr(fixtures, "find_programs", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="were not found"):
        fixtures.refuse_or_skip()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI=true"):
        fixtures.refuse_or_skip()
